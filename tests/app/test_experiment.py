"""The page Validate: files, groups, the perturbation, the comparison, and errors."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.evaluation.experiment import Experiment, compare
from cellstate.genes import gene_axis
from cellstate.io import read_samples
from cellstate.model import load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.sample import prepare_samples
from cellstate.report.narrative.experiment import number, score_table
from cellstate.ui.help.content import sections
from cellstate.ui.state.memory import memory_in_use
from cellstate.ui.validate import comparison as comparison_page
from cellstate.ui.validate import groups
from cellstate.ui.validate.comparison import csv
from tests.app.conftest import check, open_sample, words
from tests.app.workbench import a_table, session_of
from tests.support.factories import make_samples

HOSTILE = "<img src=x onerror=alert(1)> **bold** :red[x]"


def a_file(names: list[str], seed: int = 0, n_genes: int = 15_000) -> bytes:
    tpm_SA = make_samples(len(names), seed).tpm_SA[:, :n_genes]
    return pd.DataFrame(tpm_SA.T, index=gene_axis().symbol[:n_genes], columns=names).to_csv().encode()


BOTH = a_file(["C1", "C2", "T1", "T2"])


@pytest.fixture
def page(app: AppTest) -> AppTest:
    """The page Validate with nothing loaded."""
    app.switch_page("pages/validate.py").run()
    check(app)
    return app


def upload(app: AppTest, position: int, name: str, data: bytes) -> AppTest:
    app.file_uploader[position].upload(name, data)
    return app.run()


def choose(app: AppTest, control: list[int], treated: list[int]) -> None:
    app.multiselect[0].set_value(control).run()
    app.multiselect[1].set_value(treated).run()


def perturb(app: AppTest, text: str) -> None:
    field(app).set_value(text).run()


def field(app: AppTest) -> Any:
    return next(box for box in app.text_input if str(box.key).startswith("experiment-perturbation"))


def comparison(app: AppTest) -> Experiment:
    return app.session_state["cellstate"]._cache["comparison"][1]


def chosen(app: AppTest) -> list[list[int]]:
    return [box.value for box in app.multiselect]


def has_button(app: AppTest, key: str) -> bool:
    return any(button.key == key for button in app.button)


@pytest.fixture
def compared(page: AppTest) -> AppTest:
    upload(page, 0, "both.csv", BOTH)
    choose(page, [0, 1], [2, 3])
    perturb(page, "p53=kd50")
    check(page)
    return page


def test_the_empty_page_has_a_guide(page: AppTest) -> None:
    said = words(page)
    assert [box.label for box in page.file_uploader] == ["Control samples", "Treated samples"]
    assert all(step.text in said for step in sections("experiment_guide"))


def test_one_file_holds_both_groups(compared: AppTest) -> None:
    both = read_samples(BOTH, name="both.csv")
    expected = compare(
        prepare_samples(load_model(), both.take([0, 1])),
        prepare_samples(load_model(), both.take([2, 3])),
        [Perturbation("TP53", "knock-down", 50)],
    )
    shown = compared.dataframe[0].value
    pd.testing.assert_frame_equal(shown[expected.table.columns], expected.table, check_dtype=False)
    pd.testing.assert_frame_equal(compared.table[0].value, score_table(expected), check_dtype=False)
    assert compared.metric[0].value == number(expected.agreement[expected.predictor].pearson_delta)
    assert compared.table[0].value["Method"].tolist()[:2] == ["Elastic net", "Autoencoder"]


def test_two_files_are_two_groups(page: AppTest) -> None:
    upload(page, 0, "control.csv", a_file(["C1", "C2"]))
    assert "Treated: which of 2 samples" in [box.label for box in page.multiselect]
    upload(page, 1, "treated.csv", a_file(["T1"], seed=1))
    perturb(page, "HOXA1=ko, EHF=x10")
    check(page)
    found = comparison(page)
    assert (found.n_control, found.n_treated, len(found.perturbed)) == (2, 1, 2)
    # Without the second file the page asks for the groups again.
    page.button(key="remove-treated").click().run()
    check(page)
    assert not page.dataframe


def test_names_make_groups_where_one_is_a_control(page: AppTest) -> None:
    upload(page, 0, "both.csv", a_file(["si_1", "si_2", "control_1", "control_2"]))
    check(page)
    assert chosen(page) == [[2, 3], [0, 1]]
    assert [box.value for box in page.selectbox] == ["control", "si"]


def test_a_sample_sheet_makes_groups(page: AppTest) -> None:
    upload(page, 0, "both.csv", BOTH)
    sheet = b"sample,group\nC1,drug\nT1,drug\nC2,DMSO\nT2,DMSO\n"
    page.file_uploader[-1].upload("sheet.csv", sheet)
    page.run()
    check(page)
    assert chosen(page) == [[1, 3], [0, 2]]
    page.file_uploader[-1].upload("sheet.csv", b"nothing,here\n")
    page.run()
    assert not page.exception and len(page.error) == 1


def test_the_form_of_the_workbench_writes_the_perturbation(page: AppTest) -> None:
    upload(page, 0, "both.csv", BOTH)
    choose(page, [0, 1], [2, 3])
    page.text_input(key="experiment-gene").set_value("p53").run()
    page.segmented_control(key="experiment-kind").set_value("knock-down").run()
    page.button(key="experiment-add").click().run()
    check(page)
    assert field(page).value == "TP53=kd50" and comparison(page).perturbed["gene"].tolist() == ["TP53"]
    page.text_input(key="experiment-gene").set_value("EHF").run()
    page.button(key="experiment-add").click().run()
    check(page)
    assert field(page).value == "TP53=kd50, EHF=ko"


def test_the_example_is_offered_where_its_command_has_written_it(
    page: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(comparison_page, "HOXA1_FILE", tmp_path / "none.csv")
    page.run()
    assert not has_button(page, "experiment-example")
    file = tmp_path / "example.csv"
    file.write_bytes(a_file([f"{group}_{i}" for group in ("control", "HOXA1_siRNA") for i in (1, 2, 3)]))
    monkeypatch.setattr(comparison_page, "HOXA1_FILE", file)
    page.run()
    page.button(key="experiment-example").click().run()
    check(page)
    found = comparison(page)
    assert (found.n_control, found.n_treated) == (3, 3) and found.perturbed["gene"].tolist() == ["HOXA1"]


def test_all_others_are_treated(page: AppTest) -> None:
    upload(page, 0, "both.csv", BOTH)
    page.multiselect[0].set_value([1]).run()
    page.button(key="all-others").click().run()
    check(page)
    assert chosen(page) == [[1], [0, 2, 3]]


@pytest.fixture
def labelled(app: AppTest) -> AppTest:
    """The page Validate, with four samples in two groups on the workbench."""
    app.switch_page("pages/workbench.py").run()
    app.file_uploader[0].upload("cohort.csv", BOTH)
    app.run()
    app.session_state["cellstate"].labels = {"C1": "drug", "C2": "drug", "T1": "DMSO", "T2": "DMSO"}
    app.switch_page("pages/validate.py").run()
    check(app)
    return app


def test_two_labelled_groups_are_chosen_with_one_click(labelled: AppTest) -> None:
    state = labelled.session_state["cellstate"]
    labelled.button(key="use-loaded").click().run()
    check(labelled)
    # The group with the name of a control is the control, and the samples are no copy.
    assert chosen(labelled) == [[2, 3], [0, 1]]
    assert state.groups["control"].samples is state.loaded.samples
    assert not has_button(labelled, "use-loaded")
    labelled.button(key="swap-groups").click().run()
    check(labelled)
    assert chosen(labelled) == [[0, 1], [2, 3]]
    perturb(labelled, "TP53=kd50")
    check(labelled)
    found = comparison(labelled)
    assert (found.n_control, found.n_treated) == (2, 2)


def test_three_groups_are_chosen_by_name(labelled: AppTest) -> None:
    labelled.session_state["cellstate"].labels["T2"] = "other"
    labelled.button(key="use-loaded").click().run()
    check(labelled)
    assert chosen(labelled) == [[], []]
    boxes = [box for box in labelled.selectbox if box.label in ("Control group", "Treated group")]
    boxes[0].select("DMSO").run()
    next(box for box in labelled.selectbox if box.label == "Treated group").select("drug").run()
    check(labelled)
    assert chosen(labelled) == [[2], [0, 1]]
    # Single samples can still be taken out.
    labelled.multiselect[1].set_value([1]).run()
    check(labelled)


def test_samples_without_labels_are_chosen_one_by_one(labelled: AppTest) -> None:
    labelled.session_state["cellstate"].labels = {}
    labelled.run()
    labelled.button(key="use-loaded").click().run()
    check(labelled)
    # The names make groups too, but none of them is a control by its name.
    assert [box.value for box in labelled.selectbox] == [None, None] and chosen(labelled) == [[], []]
    choose(labelled, [0, 1], [2])
    check(labelled)


def test_labels_of_another_file_are_not_used(labelled: AppTest) -> None:
    labelled.button(key="use-loaded").click().run()
    open_sample(labelled)
    labelled.file_uploader[0].upload("other.csv", a_file(["C1", "T1"]))
    labelled.run()
    labelled.session_state["cellstate"].labels = {"C1": "a", "T1": "b"}
    labelled.switch_page("pages/validate.py").run()
    check(labelled)
    assert "drug (2)" not in str(labelled.selectbox[0].options) and "a (1)" not in str(labelled.selectbox[0].options)
    assert has_button(labelled, "use-loaded")
    labelled.button(key="use-loaded").click().run()
    check(labelled)
    assert chosen(labelled) == [[0], [1]]


def test_a_doubtful_file_of_samples_is_confirmed_before_it_is_used(app: AppTest) -> None:
    data = (a_table(["C1", "C2"], 15_000) * [0.3, 0.4]).round(2).to_csv().encode()
    app.switch_page("pages/validate.py").run()
    app.file_uploader[0].upload("control.csv", data)
    app.run()
    check(app)
    state = session_of(app)
    assert state.doubtful["control"].report.doubts[0].value == "FPKM"
    assert not state.groups and state.has_data and memory_in_use(state) >= len(data)
    app.button(key="confirm-control").click().run()
    check(app)
    assert not state.doubtful and state.groups["control"].samples.report.unit == "FPKM"


def test_more_samples_than_can_be_compared(labelled: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MOST_SAMPLES", 1)
    labelled.button(key="use-loaded").click().run()
    check(labelled)
    assert chosen(labelled) == [[2], [0]]


def test_a_missing_group_is_asked_for(page: AppTest) -> None:
    upload(page, 1, "treated.csv", BOTH)
    assert len(page.info) == 1 and not page.multiselect
    upload(page, 0, "control.csv", a_file(["C1"]))
    assert not page.info
    page.button(key="remove-treated").click().run()
    assert len(page.info) == 1
    check(page)


def test_a_sample_is_in_one_group_only(compared: AppTest) -> None:
    compared.multiselect[1].set_value([1, 2]).run()
    assert not compared.exception and not compared.dataframe
    assert "C2" in compared.error[0].value


@pytest.mark.parametrize("text", ["NOTAGENE1=ko", "TP53", "TP53=kd500", "TP53=ko, p53=x2", "<b>x</b>=ko"])
def test_a_perturbation_that_is_not_possible_is_an_error(compared: AppTest, text: str) -> None:
    perturb(compared, text)
    assert not compared.exception and not compared.dataframe
    assert len(compared.error) == 1 and "<b>" not in compared.error[0].value


def test_a_file_that_cannot_be_read_changes_nothing(compared: AppTest) -> None:
    before = compared.session_state["cellstate"].groups["control"]
    # The file itself has left Streamlit's store.
    assert {box.value for box in compared.file_uploader} == {None} and before.source == b""
    upload(compared, 0, "<i>notes</i>.txt", b"this is no table\n")
    assert not compared.exception and len(compared.error) == 1
    assert re.findall(r"(?<!\\)<", words(compared)) == []
    assert compared.session_state["cellstate"].groups == {"control": before}


def test_names_from_a_file_are_never_markup(page: AppTest) -> None:
    upload(page, 0, "<script>alert(1)</script>.csv", a_file([HOSTILE, "B"]))
    choose(page, [0], [0])
    said = words(page)
    assert len(page.error) == 1 and ":red[" not in said
    assert re.findall(r"(?<!\\)<", said) == []


def test_deletion_drops_files_and_perturbation(compared: AppTest) -> None:
    compared.button(key="delete-data").click().run()
    check(compared)
    state = compared.session_state["cellstate"]
    assert (state.groups, state._cache, field(compared).value) == ({}, {}, "")


def test_the_table_is_searched_and_downloaded(compared: AppTest) -> None:
    found = comparison(compared)
    table = pd.read_csv(io.BytesIO(csv(found)))
    assert len(table) == len(found.table) and set(table["kind"]) == {"hypothesis"}
    columns = {"gene", "measured_log2", "predicted_log2", "predicted_log2_pca", "is_reliable", "perturbations"}
    assert columns <= set(table)
    gene = compared.dataframe[0].value["ensembl_id"].iloc[5]
    compared.text_input(key="experiment-query").set_value(gene.lower()).run()
    check(compared)
    assert list(compared.dataframe[0].value["ensembl_id"]) == [gene]


def test_a_real_knock_down(page: AppTest, shared_data: Path) -> None:
    file = shared_data / "perturbation" / "GSE37704_featurecounts.csv"
    upload(page, 0, file.name, file.read_bytes())
    choose(page, [0, 1, 2], [3, 4, 5])
    perturb(page, "HOXA1=kd50")
    check(page)
    found = comparison(page)
    assert np.isfinite(found.table["measured_log2"]).all()
    assert found.perturbed["gene"].tolist() == ["HOXA1"] and found.perturbed["measured_log2"].iloc[0] < 0
