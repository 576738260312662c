"""Virtual against real: files, groups, the edit, the comparison, and what goes wrong."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.evaluation.experiment import compare
from cellstate.genes import gene_axis
from cellstate.io import read_samples
from cellstate.model import load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.sample import prepare_samples
from cellstate.ui.validate import groups
from cellstate.ui.validate.comparison import number, scores
from cellstate.ui.workbench.compare_scenarios import _csv
from cellstate.viz.style import look
from tests.app.conftest import check, words
from tests.support.factories import make_samples

HOSTILE = "<img src=x onerror=alert(1)> **bold** :red[x]"


def a_file(names: list[str], seed: int = 0, n_genes: int = 15_000) -> bytes:
    tpm_SA = make_samples(len(names), seed).tpm_SA[:, :n_genes]
    return pd.DataFrame(tpm_SA.T, index=gene_axis().symbol[:n_genes], columns=names).to_csv().encode()


BOTH = a_file(["C1", "C2", "T1", "T2"])


@pytest.fixture
def page(app: AppTest) -> AppTest:
    """The experiment page with nothing loaded."""
    app.switch_page("pages/validate.py").run()
    check(app)
    return app


def upload(app: AppTest, position: int, name: str, data: bytes) -> AppTest:
    app.file_uploader[position].upload(name, data)
    return app.run()


def choose(app: AppTest, control: list[int], treated: list[int]) -> None:
    app.multiselect[0].set_value(control).run()
    app.multiselect[1].set_value(treated).run()


def edit(app: AppTest, text: str) -> None:
    next(box for box in app.text_input if "treated samples" in box.label).set_value(text).run()


@pytest.fixture
def compared(page: AppTest) -> AppTest:
    upload(page, 0, "both.csv", BOTH)
    choose(page, [0, 1], [2, 3])
    edit(page, "p53=kd50")
    check(page)
    return page


def test_empty_page_says_what_to_bring(page: AppTest) -> None:
    said = words(page)
    assert [box.label for box in page.file_uploader] == ["Control samples", "Treated samples"]
    assert "Bring two groups" in said
    assert "fold changes" in said
    assert "treatment" not in said.lower()
    assert page.session_state["cellstate"].groups == {}


def test_one_file_holds_both_groups(compared: AppTest) -> None:
    both = read_samples(BOTH, name="both.csv")
    expected = compare(
        prepare_samples(load_model(), both.take([0, 1])),
        prepare_samples(load_model(), both.take([2, 3])),
        [Perturbation("TP53", "knock-down", 50)],
    )
    shown = compared.dataframe[0].value
    pd.testing.assert_frame_equal(shown[expected.table.columns], expected.table, check_dtype=False)
    pd.testing.assert_frame_equal(compared.table[0].value, scores(expected), check_dtype=False)
    assert compared.metric[0].value == number(expected.agreement[expected.predictor].pearson_delta)
    assert compared.metric[0].label == f"{look(expected.predictor).label} r"
    assert compared.table[0].value["Predictor"].iloc[0] == look(expected.predictor).label
    assert "Autoencoder" in set(compared.table[0].value["Predictor"])
    said = words(compared)
    assert "Hypothesis" in said
    assert "Understood as: TP53 down by 50" in said
    assert "The shift that" in compared.subheader[0].value
    assert "treatment" not in said.lower()


def test_two_files_are_two_groups(page: AppTest) -> None:
    upload(page, 0, "control.csv", a_file(["C1", "C2"]))
    assert "Treated: which of 2 samples" in [box.label for box in page.multiselect]
    upload(page, 1, "treated.csv", a_file(["T1"], seed=1))
    edit(page, "HOXA1=ko, EHF=x10")
    check(page)
    found = page.session_state["cellstate"]._cache["comparison"][1]
    assert (found.n_control, found.n_treated) == (2, 1)
    assert list(found.perturbed["gene"]) and "The edited genes themselves" in words(page)
    # Without the second file the page asks for the groups again.
    page.button(key="remove-treated").click().run()
    check(page)
    assert not page.dataframe


def test_all_others_are_treated(page: AppTest) -> None:
    upload(page, 0, "both.csv", BOTH)
    page.multiselect[0].set_value([1]).run()
    page.button(key="all-others").click().run()
    check(page)
    assert page.multiselect[1].value == [0, 2, 3]


@pytest.fixture
def labelled(app: AppTest) -> AppTest:
    """The experiment page, with four samples in two groups on the Sample page."""
    app.switch_page("pages/workbench.py").run()
    app.file_uploader[0].upload("cohort.csv", BOTH)
    app.run()
    app.session_state["cellstate"].labels = {"C1": "drug", "C2": "drug", "T1": "DMSO", "T2": "DMSO"}
    app.switch_page("pages/validate.py").run()
    check(app)
    return app


def test_two_labelled_groups_are_chosen_with_one_click(labelled: AppTest) -> None:
    state = labelled.session_state["cellstate"]
    assert "in groups: drug (2), DMSO (2)" in words(labelled).replace("\\", "")
    labelled.button(key="use-loaded").click().run()
    check(labelled)
    # The one that is called like a control is the control, and the samples are no copy.
    assert [box.value for box in labelled.multiselect] == [[2, 3], [0, 1]]
    assert state.groups["control"].samples is state.loaded.samples
    assert "use-loaded" not in [button.key for button in labelled.button]
    labelled.button(key="swap-groups").click().run()
    check(labelled)
    assert [box.value for box in labelled.multiselect] == [[0, 1], [2, 3]]
    edit(labelled, "TP53=kd50")
    check(labelled)
    found = state._cache["comparison"][1]
    assert (found.n_control, found.n_treated) == (2, 2)


def test_three_groups_are_chosen_by_name(labelled: AppTest) -> None:
    labelled.session_state["cellstate"].labels["T2"] = "other"
    labelled.button(key="use-loaded").click().run()
    check(labelled)
    assert [box.value for box in labelled.multiselect] == [[], []]
    boxes = [box for box in labelled.selectbox if box.label in ("Control group", "Treated group")]
    boxes[0].select("DMSO").run()
    next(box for box in labelled.selectbox if box.label == "Treated group").select("drug").run()
    check(labelled)
    assert [box.value for box in labelled.multiselect] == [[2], [0, 1]]
    # Single samples can still be taken out.
    labelled.multiselect[1].set_value([1]).run()
    check(labelled)


def test_samples_without_labels_are_chosen_one_by_one(labelled: AppTest) -> None:
    labelled.session_state["cellstate"].labels = {}
    labelled.run()
    labelled.button(key="use-loaded").click().run()
    check(labelled)
    assert [box.label for box in labelled.selectbox] == []
    choose(labelled, [0, 1], [2])
    check(labelled)


def test_labels_of_another_file_are_not_used(labelled: AppTest) -> None:
    labelled.button(key="use-loaded").click().run()
    labelled.switch_page("pages/workbench.py").run()
    labelled.file_uploader[0].upload("other.csv", a_file(["C1", "T1"]))
    labelled.run()
    labelled.session_state["cellstate"].labels = {"C1": "a", "T1": "b"}
    labelled.switch_page("pages/validate.py").run()
    check(labelled)
    assert "Control group" not in [box.label for box in labelled.selectbox]
    assert "use-loaded" in [button.key for button in labelled.button]
    labelled.button(key="use-loaded").click().run()
    check(labelled)
    assert [box.value for box in labelled.multiselect] == [[0], [1]]


def test_more_samples_than_can_be_compared(labelled: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MOST_SAMPLES", 1)
    labelled.button(key="use-loaded").click().run()
    check(labelled)
    assert [box.value for box in labelled.multiselect] == [[2], [0]]
    assert "The first 1 samples of a group are compared" in words(labelled)


def test_a_missing_group_is_asked_for(page: AppTest) -> None:
    upload(page, 1, "treated.csv", BOTH)
    assert "Upload the control samples too" in page.info[0].value
    upload(page, 0, "control.csv", a_file(["C1"]))
    page.button(key="remove-treated").click().run()
    assert "one sample" in page.info[0].value
    check(page)


def test_a_sample_is_in_one_group_only(compared: AppTest) -> None:
    compared.multiselect[1].set_value([1, 2]).run()
    assert not compared.exception
    assert "C2 is in both groups" in compared.error[0].value
    assert not compared.dataframe


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("NOTAGENE1=ko", "No gene is called"),
        ("TP53", "is not a perturbation"),
        ("TP53=kd500", "0 to 100 percent"),
        ("TP53=ko, p53=x2", "perturbed twice"),
        ("<b>x</b>=ko", "No gene"),
    ],
)
def test_an_edit_that_cannot_be_made_is_told_in_a_sentence(compared: AppTest, text: str, said: str) -> None:
    edit(compared, text)
    assert not compared.exception
    assert len(compared.error) == 1
    assert said in compared.error[0].value
    assert "<b>" not in compared.error[0].value
    assert not compared.dataframe


def test_a_file_that_cannot_be_read_changes_nothing(compared: AppTest) -> None:
    before = compared.session_state["cellstate"].groups["control"]
    upload(compared, 0, "<i>notes</i>.txt", b"this is no table\n")
    assert not compared.exception
    assert len(compared.error) == 1
    assert "Nothing of that file was kept" in words(compared)
    assert re.findall(r"(?<!\\)<", words(compared)) == []
    assert compared.session_state["cellstate"].groups == {"control": before}


def test_files_leave_streamlits_store(compared: AppTest) -> None:
    assert [box.value for box in compared.file_uploader] == [None, None]
    assert compared.session_state["cellstate"].groups["control"].source == b""


def test_names_from_a_file_are_never_markup(page: AppTest) -> None:
    upload(page, 0, "<script>alert(1)</script>.csv", a_file([HOSTILE, "B"]))
    choose(page, [0], [0])
    said = words(page)
    assert "is in both groups" in said
    assert re.findall(r"(?<!\\)<", said) == []
    assert ":red[" not in said


def test_forget_drops_files_and_edit(compared: AppTest) -> None:
    compared.button(key="delete-data").click().run()
    check(compared)
    state = compared.session_state["cellstate"]
    assert (state.groups, state._cache) == ({}, {})
    assert next(box for box in compared.text_input).value == ""
    assert "Bring two groups" in words(compared)


def test_download_holds_every_gene(compared: AppTest) -> None:
    found = compared.session_state["cellstate"]._cache["comparison"][1]
    table = pd.read_csv(io.BytesIO(_csv(found)))
    assert len(table) == len(found.table)
    assert set(table["kind"]) == {"hypothesis"}
    assert {"gene", "measured_log2", "predicted_log2", "predicted_log2_pca", "is_reliable", "edits"} <= set(table)


def test_table_can_be_searched(compared: AppTest) -> None:
    gene = compared.dataframe[0].value["ensembl_id"].iloc[5]
    compared.text_input(key="experiment-query").set_value(gene.lower()).run()
    check(compared)
    assert list(compared.dataframe[0].value["ensembl_id"]) == [gene]


def test_numbers_in_words() -> None:
    assert [number(v) for v in (None, float("nan"), -0.001, 0.456, -0.5)] == ["–", "–", "0.00", "0.46", "-0.50"]


def test_a_real_knock_down(page: AppTest, shared_data: Path) -> None:
    file = shared_data / "perturbation" / "GSE37704_featurecounts.csv"
    upload(page, 0, file.name, file.read_bytes())
    choose(page, [0, 1, 2], [3, 4, 5])
    edit(page, "HOXA1=kd50")
    check(page)
    found = page.session_state["cellstate"]._cache["comparison"][1]
    assert np.isfinite(found.table["measured_log2"]).all()
    assert float(found.perturbed["measured_log2"].iloc[0]) < 0
    assert "HOXA1" in words(page)
