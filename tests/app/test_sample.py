"""The workbench: three ways to a sample, its settings and names, and a file that could not be read."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.runtime.scriptrunner_utils.exceptions import StopException
from streamlit.testing.v1 import AppTest

from cellstate.evaluation.ood import OodScore, ood_scores
from cellstate.evaluation.qc import qc_figures, with_ood_score
from cellstate.evaluation.tissue import Figure, State, TissueCall
from cellstate.formatting import escape_markdown
from cellstate.genes import gene_axis
from cellstate.io import read_samples
from cellstate.model import load_model
from cellstate.perturb.sample import prepare_samples
from cellstate.report.narrative.sample import dates_sentence, doubt_sentence, match_sentence, qc_lines, tissue_sentence
from cellstate.ui.components import load_samples
from cellstate.ui.components.load_samples import PASTED, examples
from cellstate.ui.state.session import FailedUpload
from tests.app.conftest import APP, check, open_evidence, open_sample, words
from tests.app.workbench import a_table, session_of, submit, upload
from tests.support.workbooks import workbook

HOSTILE = "<img src=x onerror=alert(1)> **bold** :red[x] [a](http://b.example)"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(100)


def odd_logs() -> bytes:
    """Logarithms without a zero that would give their offset away: negative values, as of ratios."""
    table = a_table(["A", "B"], 2_000)
    return np.log2(table[(table > 0.5).all(axis=1)] + 0.001).round(3).to_csv().encode()


def override(app: AppTest, button: str, **settings: str) -> AppTest:
    for label, value in settings.items():
        next(box for box in app.selectbox if box.label == label).select(value)
    return submit(app, button)


def failed(app: AppTest) -> FailedUpload:
    found = session_of(app).failed_upload
    assert found is not None
    return found


def no_markup(app: AppTest) -> None:
    text = words(app)
    assert re.findall(r"(?<!\\)<", text) == []
    assert "**bold**" not in text and ":red[" not in text


def test_the_empty_page_shows_three_ways_to_a_sample(app: AppTest) -> None:
    app.switch_page("pages/workbench.py").run()
    check(app)
    assert len(app.subheader) == 3 and not app.expander
    app.text_area[0].set_value("  \n ")
    submit(app, "Read table")
    check(app)
    assert session_of(app).loaded is None


def test_an_upload_is_read_and_described(app: AppTest) -> None:
    table = a_table(["A", "B"], 15_000)
    upload(app, "patient.csv", table)
    check(app)
    samples = session_of(app).loaded.samples
    assert samples.names == ("A", "B")
    assert match_sentence(samples.report, samples.n_measured) in words(app)
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures == {"Matched": "15,000", "Outside": "0", "Ambiguous": "0", "Dates": "0", "Unknown": "0"}
    detected = [box.placeholder for box in app.selectbox if box.label in ("Format", "Orientation", "Unit")]
    assert detected == ["csv", "genes in rows", "TPM"]
    shown = app.dataframe[-1].value
    assert shown.shape == (12, 3)
    assert list(shown.iloc[0]) == [table.index[0], *(f"{v:g}" for v in table.iloc[0])]
    # The file has left Streamlit's store, and the ways to a sample are folded.
    assert app.file_uploader[0].value == []
    assert [box.proto.expanded for box in app.expander if box.label == "Choose another sample"] == [False]


def test_the_quality_of_the_sample_is_shown(with_example: AppTest) -> None:
    open_sample(with_example)
    samples, model = read_samples(examples()[0].path), load_model()
    score = ood_scores(prepare_samples(model, samples))[0].score
    lines = qc_lines(with_ood_score(qc_figures(samples, model.space)[0], score))
    assert "\n\n".join(lines) in [markdown.value for markdown in with_example.markdown]


def test_what_the_sample_is_stands_in_its_quality(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    call = TissueCall((("colon", 0.9), ("lung", 0.1)), State.TUMOUR, 0.8, 0.0, 0.0, dict.fromkeys(Figure, 0.0))
    judged = OodScore(1.0, False, "Within.", call)
    monkeypatch.setattr("cellstate.ui.state.prediction.ood_scores", lambda samples: [judged] * len(samples))
    upload(app, "one.csv", a_table(["A"]))
    open_sample(app)
    assert escape_markdown(tissue_sentence(call), 400) in [markdown.value for markdown in app.markdown]


def test_a_table_can_be_pasted(app: AppTest) -> None:
    app.switch_page("pages/workbench.py").run()
    text = a_table(["A"], 2_000).to_csv(sep="\t")
    app.text_area[0].set_value(text)
    submit(app, "Read table")
    check(app)
    expected = read_samples(text.encode(), name=PASTED)
    np.testing.assert_array_equal(session_of(app).loaded.samples.tpm_SA, expected.tpm_SA)
    # The pasted text is kept in one place only.
    assert app.text_area[0].value == ""
    assert not [key for key, value in app.session_state.to_dict().items() if value == text]


def test_one_of_several_samples_is_selected(app: AppTest) -> None:
    upload(app, "cohort.csv", a_table(["A", "B", "C"]))
    state = session_of(app)
    app.selectbox(key=f"pick-{state.round}").select(2).run()
    check(app)
    assert state.sample().names == ("C",)
    open_evidence(app, "Reconstruction")
    app.segmented_control(key=f"scope-{state.round}").set_value("All 3 samples").run()
    check(app)
    assert np.isfinite(app.dataframe[0].value["Autoencoder"]).all()


def test_the_settings_of_a_failed_file_can_be_overridden(app: AppTest) -> None:
    upload(app, "odd.csv", odd_logs())
    assert not app.exception and len(app.error) == 1
    assert app.dataframe[0].value.iloc[0, 0] == gene_axis().symbol[0]
    # A setting that does not help is another error, and the file is still there.
    override(app, "Try again", Unit="counts")
    assert len(app.error) == 1 and failed(app).overrides.unit == "counts"
    override(app, "Try again", Unit="log2(TPM+0.001)")
    check(app)
    loaded = session_of(app).loaded
    assert (loaded.name, loaded.samples.report.unit) == ("odd.csv", "log2(TPM+0.001)")
    assert session_of(app).failed_upload is None


def test_a_doubtful_setting_is_confirmed_before_the_file_is_used(app: AppTest) -> None:
    table = (a_table(["A", "B"], 15_000) * [0.3, 0.4]).round(2)
    upload(app, "patient.csv", table)
    check(app)
    report = failed(app).report
    assert report is not None and [doubt.value for doubt in report.doubts] == ["FPKM"]
    assert session_of(app).loaded is None and len(app.warning) == 1
    assert escape_markdown(doubt_sentence(report.doubts[0]), 600) in app.warning[0].value
    app.button(key="confirm-settings").click().run()
    check(app)
    loaded = session_of(app).loaded
    assert session_of(app).failed_upload is None
    assert loaded.overrides.unit == "FPKM" and loaded.samples.report.unit == "FPKM"
    # What was confirmed is not asked again, whatever else changes.
    others = replace(loaded.overrides, orientation="genes in rows")
    assert not read_samples(table.to_csv().encode(), name="patient.csv", options=others).report.doubts


def test_several_files_are_one_table(app: AppTest) -> None:
    open_sample(app)
    table, box = a_table(["A", "B", "C"]), app.file_uploader[0]
    for name in table:
        box.upload(f"{name}.csv", table[[name]].to_csv(header=["TPM"]).encode())
    app.run()
    check(app)
    loaded = session_of(app).loaded
    assert loaded is not None and loaded.samples.names == ("A", "B", "C")


def test_a_sheet_of_a_workbook_is_chosen(app: AppTest) -> None:
    table = a_table(["A", "B"])
    sheets = {"first": table, "second": table * 2}
    rows = {name: [["gene", *of], *([gene, *row] for gene, row in zip(of.index, of.to_numpy().tolist(), strict=True))]
            for name, of in sheets.items()}  # fmt: skip
    upload(app, "book.xlsx", workbook(rows))
    report = failed(app).report
    assert report is not None and report.doubts[0].name == "sheet" and set(report.sheets) == set(sheets)
    override(app, "Try again", Sheet="first")
    check(app)
    loaded = session_of(app).loaded
    assert loaded is not None and loaded.overrides.sheet == "first"


def test_a_column_about_the_samples_makes_groups(app: AppTest) -> None:
    table = a_table(["A", "B", "C"]).T
    table.insert(0, "arm", ["control", "treated", "treated"])
    upload(app, "study.csv", table)
    check(app)
    state = session_of(app)
    app.button(key="use-group-column").click().run()
    check(app)
    assert state.labels == {"A": "control", "B": "treated", "C": "treated"}


def test_another_setting_answers_a_doubt_too(app: AppTest) -> None:
    upload(app, "patient.csv", (a_table(["A", "B"], 15_000) * [0.3, 0.4]).round(2))
    override(app, "Try again", Unit="TPM")
    check(app)
    loaded = session_of(app).loaded
    assert loaded is not None and loaded.samples.report.unit == "TPM"


@pytest.mark.parametrize("key", ["discard-failed", "load-example", "delete-data"])
def test_a_failed_file_can_be_dropped(with_example: AppTest, key: str) -> None:
    before = session_of(with_example).loaded
    upload(with_example, "odd.csv", odd_logs())
    assert len(with_example.error) == 1 and failed(with_example).source
    assert session_of(with_example).loaded is before
    with_example.button(key=key).click().run()
    check(with_example)
    assert session_of(with_example).failed_upload is None
    assert key != "discard-failed" or session_of(with_example).loaded is before


def test_what_is_no_table_is_not_kept(app: AppTest) -> None:
    upload(app, "picture.png", PICTURE)
    found = failed(app)
    assert len(app.error) == 1 and (found.source, found.preview) == (b"", None)
    # The frames of an error hold the file.
    assert (found.error.__traceback__, found.error.__context__, found.error.__cause__) == (None, None, None)
    assert session_of(app).loaded is None
    upload(app, "patient.csv", a_table(["A"]))
    check(app)


def test_a_file_that_does_not_fit_in_memory_is_not_kept(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLSTATE_SESSION_MB", "0.2")
    upload(app, "patient.csv", a_table(["A"], 15_000))
    assert len(app.error) == 1 and failed(app).source == b""


def test_an_interrupted_upload_is_shown(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise StopException

    with monkeypatch.context() as patched:
        patched.setattr(load_samples, "read", interrupt)
        upload(app, "patient.csv", a_table(["A"]))
    app.switch_page("pages/home.py").run()
    app.switch_page("pages/workbench.py").run()
    assert len(app.error) == 1 and failed(app).source == b""
    upload(app, "patient.csv", a_table(["A"]))
    check(app)


def test_names_from_a_file_are_never_markup(app: AppTest) -> None:
    table = a_table([HOSTILE, "B"], 2_000)
    table.index = [HOSTILE, "<b>x</b>", *table.index[2:]]
    upload(app, "<script>alert(1)</script>.csv", table)
    check(app)
    no_markup(app)
    app.switch_page("pages/workbench.py").run()
    no_markup(app)


def test_detected_settings_can_be_overridden(app: AppTest) -> None:
    upload(app, "patient.csv", a_table(["A"]))
    override(app, "Override settings", Unit="FPKM")
    check(app)
    loaded = session_of(app).loaded
    assert loaded.overrides.unit == "FPKM" == loaded.samples.report.unit
    # A setting that does not fit changes nothing.
    override(app, "Override settings", Format="h5ad")
    assert len(app.error) == 1 and session_of(app).loaded is loaded


def test_dates_are_repaired_on_request(app: AppTest) -> None:
    table = a_table(["A", "B"], 18_000)
    names = {"SEPTIN9": "9-Sep", "MARCHF1": "1-Mar", "MTARC1": "x1"}
    table.index = [names.get(name, name) for name in table.index]
    upload(app, "patients.csv", table)
    check(app)
    state = session_of(app)
    assert dict(state.loaded.samples.report.dates)["9-Sep"] == ("SEPTIN9",)
    app.selectbox(key=f"pick-{state.round}").select(1).run()
    state.labels = {"B": "treated"}
    app.button(key="repair-dates").click().run()
    check(open_sample(app))
    report = state.loaded.samples.report
    assert ("9-Sep", "SEPTIN9") in report.repaired and "1-Mar" not in dict(report.repaired)
    assert dates_sentence(report) in words(app)
    # These are the same samples, so the selection and the groups stay.
    assert (state.selected, state.labels) == (1, {"B": "treated"})
    app.button(key="repair-dates").click().run()
    check(app)
    assert state.loaded.samples.report.repaired == ()


def test_summed_and_unmatched_names_are_listed(app: AppTest) -> None:
    table = a_table(["A"], 15_000)
    table.index = ["HER2", "no such gene", *table.index[2:]]
    upload(app, "patient.csv", table)
    check(app)
    text = words(app).replace("\\", "")
    assert "ERBB2 (2)" in text and "no such gene" in text
    assert {str(getattr(b, "label", "")) for b in app.get("download_button")} >= {"Download 1 gene", "Download 1 name"}


def test_users_do_not_see_each_other(with_example: AppTest) -> None:
    other = AppTest.from_file(str(Path(APP)), default_timeout=60).run()
    check(other)
    assert session_of(other).loaded is None and session_of(with_example).loaded is not None
