"""The sample page: three ways in, what was read, the user's own decisions, and what is left of a refused file."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from streamlit.runtime.scriptrunner_utils.exceptions import StopException
from streamlit.testing.v1 import AppTest

from cellstate.genes import gene_axis
from cellstate.io import read_samples
from cellstate.ui.components import load_samples as loading
from cellstate.ui.components.load_samples import PASTED
from cellstate.ui.state.session import FailedUpload
from cellstate.ui.workbench.name_matching import dates_sentence
from tests.app.conftest import APP, check, words
from tests.support.factories import make_samples

HOSTILE = "<img src=x onerror=alert(1)> **bold** :red[x] [a](http://b.example)"


def a_table(names: list[str], n_genes: int = 15_000) -> pd.DataFrame:
    tpm_SA = make_samples(len(names)).tpm_SA[:, :n_genes]
    return pd.DataFrame(tpm_SA.T, index=gene_axis().symbol[:n_genes], columns=names)


def a_file(names: list[str], n_genes: int = 15_000) -> bytes:
    return a_table(names, n_genes).to_csv().encode()


def odd_logs() -> bytes:
    """Logarithms without a zero that would tell their offset: negative values, as of ratios."""
    table = a_table(["A", "B"], 2_000)
    return np.log2(table[(table > 0.5).all(axis=1)] + 0.001).round(3).to_csv().encode()


def upload(app: AppTest, name: str, data: bytes) -> AppTest:
    app.switch_page("pages/sample.py").run()
    app.file_uploader[0].upload(name, data)
    return app.run()


def decide(app: AppTest, ask: str, **choices: str) -> AppTest:
    for label, choice in choices.items():
        next(box for box in app.selectbox if box.label == label).select(choice)
    next(button for button in app.button if button.label == ask).click()
    return app.run()


def refused(app: AppTest) -> FailedUpload:
    found = app.session_state["cellstate"].problem
    assert found is not None
    return found


def test_empty_page_shows_three_ways_in(app: AppTest) -> None:
    app.switch_page("pages/sample.py").run()
    check(app)
    assert [title.value for title in app.subheader] == ["Example patient", "My file", "Paste a table"]
    assert not app.expander
    assert "Once a sample is chosen" in words(app)


def test_upload_is_read_and_described(app: AppTest) -> None:
    upload(app, "patient.csv", a_file(["A"]))
    check(app)
    assert app.session_state["cellstate"].loaded.samples.names == ("A",)
    said = words(app)
    assert "What was read" in said
    assert "**15,000 of 15,000 names (100%)** mean a gene" in said
    tiles = {metric.label: metric.value for metric in app.metric}
    assert tiles == {"Matched": "15,000", "Outside": "0", "Ambiguous": "0", "Dates": "0", "Unknown": "0"}
    # What the reader decided stands in the boxes, and can be changed there.
    placeholders = [box.placeholder for box in app.selectbox if box.label in ("Format", "Orientation", "Unit")]
    assert placeholders == ["csv", "genes in rows", "TPM"]


def test_preview_shows_the_file_as_it_stands(app: AppTest) -> None:
    upload(app, "patient.tsv", a_table(["A", "B"]).round(2).to_csv(sep="\t", index_label="name").encode())
    check(app)
    shown = app.dataframe[-1].value
    assert shown.shape == (12, 3)
    assert list(shown.iloc[0]) == [gene_axis().symbol[0], *(f"{v:g}" for v in a_table(["A", "B"]).round(2).iloc[0])]


def test_the_ways_in_fold_away(with_example: AppTest) -> None:
    assert with_example.expander[0].label == "Another sample"
    assert not with_example.expander[0].proto.expanded
    assert [title.value for title in with_example.expander[0].subheader][-1] == "Paste a table"


def test_quality_is_told_in_words(with_example: AppTest) -> None:
    told = next(m.value for m in with_example.markdown if "**Genes detected" in m.value).split("\n\n")
    assert "**OodScore from the training samples: " in told[0]
    assert told[1] == ":green-badge[✓ good] **Genes detected: 15,915.** As many as tissue usually shows."


def test_upload_leaves_streamlits_store(app: AppTest) -> None:
    upload(app, "patient.csv", a_file(["A"]))
    assert app.file_uploader[0].value is None


def test_a_table_can_be_pasted(app: AppTest) -> None:
    app.switch_page("pages/sample.py").run()
    text = a_table(["A"], 2_000).to_csv(sep="\t")
    app.text_area[0].set_value(text)
    decide(app, "Read it")
    check(app)
    loaded = app.session_state["cellstate"].loaded
    np.testing.assert_array_equal(loaded.samples.tpm_SA, read_samples(text.encode(), name=PASTED).tpm_SA)
    # What was pasted lies in one place only.
    assert app.text_area[0].value == ""
    assert not [key for key, value in app.session_state.to_dict().items() if value == text]


def test_nothing_pasted_is_nothing_read(app: AppTest) -> None:
    app.switch_page("pages/sample.py").run()
    app.text_area[0].set_value("  \n ")
    decide(app, "Read it")
    check(app)
    assert app.session_state["cellstate"].loaded is None


def test_several_samples_can_be_picked_and_evaluated(app: AppTest) -> None:
    upload(app, "cohort.csv", a_file(["A", "B", "C"]))
    state = app.session_state["cellstate"]
    app.selectbox(key=f"pick-{state.round}").select(2).run()
    check(app)
    assert app.session_state["cellstate"].sample().names == ("C",)
    app.switch_page("pages/accuracy.py").run()
    app.segmented_control(key=f"scope-{state.round}").set_value("All 3 samples").run()
    check(app)
    assert np.isfinite(app.dataframe[0].value["Autoencoder"]).all()


def test_a_refused_table_is_shown_and_can_be_overruled(app: AppTest) -> None:
    upload(app, "odd.csv", odd_logs())
    assert not app.exception
    assert "negative values" in app.error[0].value
    assert "kept only as long as it is shown" in words(app)
    shown = app.dataframe[0].value
    assert shown.iloc[0, 0] == gene_axis().symbol[0]
    # A decision that does not help is told, and the file is still there.
    decide(app, "Try again", Unit="counts")
    assert len(app.error) == 1
    assert refused(app).overrides.unit == "counts"
    decide(app, "Try again", Unit="log2(TPM+0.001)")
    check(app)
    loaded = app.session_state["cellstate"].loaded
    assert (loaded.name, loaded.samples.report.unit) == ("odd.csv", "log2(TPM+0.001)")
    assert app.session_state["cellstate"].problem is None


def test_a_refused_table_can_be_dropped(with_example: AppTest) -> None:
    before = with_example.session_state["cellstate"].loaded
    upload(with_example, "odd.csv", odd_logs())
    assert len(with_example.error) == 1
    assert "You still work with TCGA" in words(with_example)
    with_example.button(key="drop-refused").click().run()
    check(with_example)
    assert with_example.session_state["cellstate"].problem is None
    assert with_example.session_state["cellstate"].loaded is before


@pytest.mark.parametrize("way", ["load-example", "forget"])
def test_a_refused_table_goes_with_the_next(with_example: AppTest, way: str) -> None:
    upload(with_example, "odd.csv", odd_logs())
    assert refused(with_example).source
    with_example.button(key=way).click().run()
    check(with_example)
    assert with_example.session_state["cellstate"].problem is None


def test_what_is_no_table_leaves_nothing(app: AppTest) -> None:
    upload(app, "picture.png", b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert "picture" in app.error[0].value
    assert "Nothing of that file was kept" in words(app)
    assert (refused(app).source, refused(app).preview) == (b"", None)
    assert app.session_state["cellstate"].loaded is None
    # The next file is read as if nothing had happened.
    upload(app, "patient.csv", a_file(["A"]))
    check(app)


def test_an_interrupted_reading_is_told(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise StopException

    with monkeypatch.context() as patched:
        patched.setattr(loading, "read", interrupted)
        upload(app, "patient.csv", a_file(["A"]))
    app.switch_page("pages/home.py").run()
    app.switch_page("pages/sample.py").run()
    assert "was stopped before its end" in app.error[0].value.replace("\\", "")
    assert refused(app).source == b""
    upload(app, "patient.csv", a_file(["A"]))
    check(app)


def test_an_error_does_not_keep_the_file(app: AppTest) -> None:
    upload(app, "picture.png", b"\x89PNG\r\n\x1a\n" + bytes(100))
    error = refused(app).error
    assert (error.__traceback__, error.__context__, error.__cause__) == (None, None, None)


def test_a_file_that_does_not_fit_in_memory_is_not_kept(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLSTATE_SESSION_MB", "0.2")
    upload(app, "patient.csv", a_file(["A"]))
    assert "memory" in app.error[0].value
    assert refused(app).source == b""


def test_names_from_a_file_are_never_markup(app: AppTest) -> None:
    upload(app, "<script>alert(1)</script>.csv", a_file([HOSTILE, "B"]))
    check(app)
    app.switch_page("pages/perturb.py").run()
    app.switch_page("pages/sample.py").run()
    said = words(app)
    assert re.findall(r"(?<!\\)<", said) == []
    assert "**bold**" not in said
    assert ":red[" not in said


def test_gene_names_are_never_markup(app: AppTest) -> None:
    table = a_table(["A"], 2_000)
    table.index = [HOSTILE, "<b>x</b>", *table.index[2:]]
    upload(app, "patient.csv", table.to_csv().encode())
    check(app)
    said = words(app)
    assert "Not matched:" in said
    assert re.findall(r"(?<!\\)<", said) == []
    assert ":red[" not in said


def test_user_decides_the_unit(app: AppTest) -> None:
    upload(app, "patient.csv", a_file(["A"]))
    decide(app, "Read the file again", Unit="FPKM")
    check(app)
    loaded = app.session_state["cellstate"].loaded
    assert loaded.overrides.unit == "FPKM"
    assert loaded.samples.report.unit == "FPKM"


def test_decision_that_does_not_fit_changes_nothing(app: AppTest) -> None:
    upload(app, "patient.csv", a_file(["A"]))
    before = app.session_state["cellstate"].loaded
    decide(app, "Read the file again", Format="h5ad")
    assert len(app.error) == 1
    assert app.session_state["cellstate"].loaded is before


def test_dates_are_repaired_on_request(app: AppTest) -> None:
    table = a_table(["A", "B"], 18_000)
    names = {"SEPTIN9": "9-Sep", "MARCHF1": "1-Mar", "MTARC1": "x1"}
    table.index = [names.get(name, name) for name in table.index]
    upload(app, "patients.csv", table.to_csv().encode())
    check(app)
    state = app.session_state["cellstate"]
    assert dict(state.loaded.samples.report.dates)["9-Sep"] == ("SEPTIN9",)
    assert "2 names look like dates: " in words(app)
    assert "(SEPTIN9)" in words(app)
    app.selectbox(key=f"pick-{state.round}").select(1).run()
    state.labels = {"B": "treated"}
    app.button(key="repair-dates").click().run()
    check(app)
    report = state.loaded.samples.report
    assert ("9-Sep", "SEPTIN9") in report.repaired
    assert "1-Mar" not in dict(report.repaired)
    assert "Repaired: 9\\-Sep is SEPTIN9" in words(app)
    assert "more than one gene or none: 1\\-Mar (MARCHF1 or MTARC1)" in words(app)
    # The choice and the groups are of the same samples still.
    assert (state.selected, state.labels) == (1, {"B": "treated"})
    app.button(key="repair-dates").click().run()
    check(app)
    assert state.loaded.samples.report.repaired == ()


def test_summed_and_unmatched_names_are_listed(app: AppTest) -> None:
    table = a_table(["A"])
    table.index = ["HER2", "no such gene", *table.index[2:]]
    upload(app, "patient.csv", table.to_csv().encode())
    check(app)
    said = words(app)
    assert "**Summed from several names:** ERBB2 (2)." in said
    assert "**Not matched:** no such gene." in said
    assert {str(getattr(b, "label", "")) for b in app.get("download_button")} >= {"Download 1 gene", "Download 1 name"}


def test_dates_in_words() -> None:
    assert dates_sentence([("1-Mar", ("MARCHF1", "MTARC1"))]) == (
        "1 name looks like a date: 1\\-Mar (MARCHF1 or MTARC1)."
    )
    assert "3-Foo (no known gene)" in dates_sentence([("2-Mar", ("A",)), ("3-Foo", ())]).replace("\\", "")


def test_users_do_not_see_each_other(with_example: AppTest) -> None:
    other = AppTest.from_file(str(APP), default_timeout=60).run()
    check(other)
    assert other.session_state["cellstate"].loaded is None
    assert with_example.session_state["cellstate"].loaded is not None
