"""One gene at a time: find it, edit it; and the answer that the edits give."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from streamlit.testing.v1 import AppTest

from cellstate.evaluation.ood import ood_scores
from cellstate.evaluation.reliability import reliability_table
from cellstate.genes import gene_axis
from cellstate.io import read_samples
from cellstate.model import ModelConfig, load_model, save_model
from cellstate.model.cohort import load_profiles
from cellstate.model.network import AutoEncoder, initialise
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.sample import prepare_sample, prepare_samples
from cellstate.report.narrative.prediction import agreement_sentence, size_sentence
from cellstate.ui.components.examples import examples
from cellstate.ui.runtime.resources import MODEL_VARIABLE
from cellstate.ui.state.session import Loaded
from cellstate.ui.workbench import perturbation_form as edit_form
from cellstate.ui.workbench.gene_level import rounded, tpm_text
from cellstate.ui.workbench.gene_results import prediction_csv
from cellstate.ui.workbench.prediction import agreement, filtered
from tests.app.conftest import check, words
from tests.support.factories import make_samples, make_space


def find(app: AppTest, query: str, kind: str = "knock-out") -> None:
    app.text_input(key="gene-query").set_value(query).run()
    app.segmented_control(key="kind").set_value(kind).run()
    check(app)


def add(app: AppTest, query: str, kind: str = "knock-out") -> AppTest:
    find(app, query, kind)
    app.button(key="add").click().run()
    check(app)
    return app


@pytest.fixture
def perturbed(with_example: AppTest) -> AppTest:
    with_example.switch_page("pages/workbench.py").run()
    add(with_example, "p53")
    return add(with_example, "MYC")


def edits(app: AppTest) -> list[str]:
    return [edit.spec for edit in app.session_state["cellstate"].perturbations]


def test_aliases_become_symbols_and_several_edits_stand_at_once(perturbed: AppTest) -> None:
    assert edits(perturbed) == ["TP53=ko", "MYC=ko"]
    assert perturbed.text_input(key="gene-query").value == ""
    assert "Predicted shift" in words(perturbed)
    assert "Hypothesis" in words(perturbed)


def test_every_kind_of_edit(with_example: AppTest) -> None:
    with_example.switch_page("pages/workbench.py").run()
    for gene, kind in (
        ("TP53", "knock-out"),
        ("MYC", "knock-down"),
        ("KRAS", "multiply"),
        ("CDX2", "quantile"),
    ):
        add(with_example, gene, kind)
    find(with_example, "EGFR", "set")
    with_example.number_input(key="level-EGFR").set_value(10.0).run()
    with_example.button(key="add").click().run()
    check(with_example)
    assert edits(with_example) == ["TP53=ko", "MYC=kd50", "KRAS=x2", "CDX2==q90", "EGFR==10"]
    table = with_example.session_state["cellstate"]._cache["shift"][1].table.set_index("gene")
    assert table.loc["CDX2", "tpm_after"] == pytest.approx(percentile("CDX2", 90), rel=1e-5)


def percentile(gene: str, percent: float) -> float:
    """A gene's level in TPM that so many percent of the model's cohort do not exceed."""
    model = load_model()
    profiles = load_profiles(model)
    assert profiles is not None
    return float(profiles.quantile_tpm(percent)[model.space.find(gene)])


def test_the_form_says_what_an_edit_makes_of_the_level(with_example: AppTest) -> None:
    with_example.switch_page("pages/workbench.py").run()
    with_example.text_input(key="gene-query").set_value("CDX2").run()
    model, samples = load_model(), read_samples(examples()[0].path)
    now = float(prepare_sample(model, samples).tpm_G[model.space.find("CDX2")])
    for kind, after, place in (
        ("knock-out", 0, "below the cohort"),
        ("multiply", 2 * now, "percentile"),
        ("quantile", percentile("CDX2", 90), "90th percentile"),
    ):
        with_example.segmented_control(key="kind").set_value(kind).run()
        check(with_example)
        said = words(with_example)
        assert f"**CDX2**: {tpm_text(now)} TPM (" in said and f" becomes {tpm_text(after)} TPM (" in said
        assert place in said.partition(" becomes ")[2].splitlines()[0]
    with_example.select_slider(key="percentile").set_value(5).run()
    assert f"becomes {tpm_text(percentile('CDX2', 5))} TPM (5th percentile)" in words(with_example)


def test_a_level_is_set_with_a_slider_or_as_a_number(with_example: AppTest) -> None:
    with_example.switch_page("pages/workbench.py").run()
    find(with_example, "CDX2", "set")
    model, samples = load_model(), read_samples(examples()[0].path)
    now = rounded(float(prepare_sample(model, samples).tpm_G[model.space.find("CDX2")]))
    slider, number = with_example.select_slider(key="slide-CDX2"), with_example.number_input(key="level-CDX2")
    # It begins at the present level, which is no edit yet.
    assert slider.value == number.value == now and with_example.button(key="add").disabled
    assert sum("now" in option for option in slider.options) == 1 and "present level" in words(with_example)
    number.set_value(33.33).run()
    assert with_example.select_slider(key="slide-CDX2").value == 33.33
    with_example.select_slider(key="slide-CDX2").set_value(0.0).run()
    assert with_example.number_input(key="level-CDX2").value == 0 and "becomes 0 TPM" in words(with_example)
    with_example.number_input(key="level-CDX2").set_value(123_456.5).run()
    check(with_example)
    assert "becomes 123,456 TPM (above the cohort)" in words(with_example)
    with_example.button(key="add").click().run()
    assert edits(with_example) == ["CDX2==123456"]


def test_a_model_without_a_cohort_offers_no_percentile(with_example: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit_form, "load_profiles", lambda model: None)
    with_example.switch_page("pages/workbench.py").run()
    with_example.text_input(key="gene-query").set_value("CDX2").run()
    check(with_example)
    assert "Set to percentile" not in with_example.segmented_control(key="kind").options
    assert "becomes 0 TPM." in words(with_example)
    with_example.segmented_control(key="kind").set_value("set").run()
    check(with_example)
    with_example.number_input(key="level-CDX2").set_value(3.0).run()
    assert "becomes 3 TPM." in words(with_example) and "percentile" not in with_example.select_slider[0].options[0]


def test_the_search_says_which_name_was_understood_as_which_gene(with_example: AppTest) -> None:
    with_example.switch_page("pages/workbench.py").run()
    for query, said in (
        ("p53", "**p53 → TP53**: p53 is an alias of TP53."),
        ("MLL2", "**MLL2 → KMT2D**: MLL2 is a former symbol of KMT2D."),
        ("7157", "**7157 → TP53**: 7157 is the Entrez id of TP53."),
        ("ENSG00000141510.12", "**ENSG00000141510\\.12 → TP53**"),
        ("KRA", "**KRA → KRAS**: KRAS begins with KRA."),
        ("1-Mar", "turned into a date\\. **MARCHF1** is taken here."),
        ("p16", "p16 could mean CDKN2A or a gene outside the axis\\. **CDKN2A** is taken here."),
    ):
        with_example.text_input(key="gene-query").set_value(query).run()
        check(with_example)
        assert said in words(with_example), query
    with_example.text_input(key="gene-query").set_value("tp53").run()
    assert "→" not in words(with_example)
    with_example.text_input(key="gene-query").set_value("MLL2").run()
    others = with_example.pills(key="match-MLL2")
    others.set_value(load_model().space.find("KMT2B")).run()
    assert "**MLL2 → KMT2B**: MLL2 is an alias of KMT2B." in words(with_example)


def test_remove_undo_and_clear(perturbed: AppTest) -> None:
    perturbed.button(key="remove-TP53").click().run()
    assert edits(perturbed) == ["MYC=ko"]
    perturbed.button(key="undo").click().run()
    assert edits(perturbed) == ["TP53=ko", "MYC=ko"]
    perturbed.button(key="clear").click().run()
    assert edits(perturbed) == []
    perturbed.button(key="undo").click().run()
    assert edits(perturbed) == ["TP53=ko", "MYC=ko"]
    for _ in range(2):
        perturbed.button(key="undo").click().run()
    assert edits(perturbed) == []
    assert perturbed.button(key="undo").disabled
    check(perturbed)


def test_second_edit_of_a_gene_takes_the_place_of_the_first(perturbed: AppTest) -> None:
    add(perturbed, "TP53", "multiply")
    assert edits(perturbed) == ["TP53=x2", "MYC=ko"]


def test_gene_that_cannot_be_added_says_why(with_example: AppTest) -> None:
    with_example.switch_page("pages/workbench.py").run()
    for query, said in (("XIST", "XIST is a gene"), ("NOTAGENE1", "No gene is called"), ("<b>x</b>", "No gene")):
        with_example.text_input(key="gene-query").set_value(query).run()
        assert said in with_example.error[0].value
        assert "<b>" not in with_example.error[0].value
        assert with_example.button(key="add").disabled
    with_example.text_input(key="gene-query").set_value(uncovered()).run()
    check(with_example)
    assert "not covered by this model" in words(with_example)


def uncovered() -> str:
    """A gene of the axis that the model leaves out, alone of its name."""
    axis, space = gene_axis(), load_model().space
    others = (axis.symbol[i] for i in range(len(axis)) if not space.covers(i))
    return next(s for s in others if not any(space.covers(i) for i, _ in axis.search(s, limit=50)))


def test_table_is_that_of_the_engine(perturbed: AppTest) -> None:
    model, samples = load_model(), read_samples(examples()[0].path)
    shift = predict(model, samples, [Perturbation("TP53", "knock-out"), Perturbation("MYC", "knock-out")])
    expected = reliability_table(model, shift, far=ood_scores(prepare_samples(model, samples))[0].flag)
    perturbed.toggle(key="reliable-only").set_value(False).run()
    shown = perturbed.dataframe[0].value
    # What no column shows is not sent to the browser either.
    expected = expected.drop(columns=["is_measured", "is_perturbed"])
    pd.testing.assert_frame_equal(shown[expected.columns], expected, check_dtype=False)
    assert not {"is_measured", "is_perturbed"} & set(shown)
    assert set(shown["gene"].iloc[-2:]) == {"TP53", "MYC"}
    assert set(shown["reason"].iloc[-2:]) == {"perturbed: set, not predicted"}


def test_table_can_be_searched(perturbed: AppTest) -> None:
    perturbed.text_input(key="table-query").set_value("cdkn1a").run()
    check(perturbed)
    assert list(perturbed.dataframe[0].value["gene"]) == ["CDKN1A"]


def test_edits_stay_when_the_patient_changes(perturbed: AppTest) -> None:
    first = perturbed.dataframe[0].value
    perturbed.switch_page("pages/workbench.py").run()
    perturbed.selectbox(key="example").select(1).run()
    perturbed.button(key="load-example").click().run()
    perturbed.switch_page("pages/workbench.py").run()
    check(perturbed)
    assert edits(perturbed) == ["TP53=ko", "MYC=ko"]
    assert not first["tpm_before"].equals(perturbed.dataframe[0].value["tpm_before"])


def test_download_holds_every_gene_and_no_formula(perturbed: AppTest) -> None:
    found = perturbed.session_state["cellstate"]._cache["shift"][1]
    table = pd.read_csv(io.BytesIO(prediction_csv(found)))
    assert len(table) == len(found.table)
    assert set(table["kind"]) == {"hypothesis"}
    assert {
        "sample",
        "gene",
        "tpm_before",
        "tpm_after",
        "log2_fold_change",
        "log2_fold_change_pca",
        "is_reliable",
        "reason",
    } <= set(table)
    object.__setattr__(found, "sample", '=cmd|"/c calc"!A1')
    assert b"'=cmd" in prediction_csv(found)


def make_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "gene": ["A", "B", "C", "D"],
            "ensembl_id": ["E1", "E2", "E3", "E4"],
            "log2_fold_change": [0.04, -0.02, 0.01, -3.0],
            "log2_fold_change_no_change": 0.0,
            "log2_fold_change_pca": [0.04, -0.02, 0.01, -3.0],
            "log2_fold_change_coexpression": [-2.0, 1.0, 1.0, -3.0],
            "is_perturbed": [False, False, False, True],
            "is_reliable": [True, False, True, False],
        }
    )


def test_agreement_leaves_edited_genes_out_and_does_not_flatter() -> None:
    found = agreement(make_table())
    assert found["no_change"] is None
    assert found["pca"] == pytest.approx(1.0)
    assert found["coexpression"] == pytest.approx(np.corrcoef([0.04, -0.02, 0.01], [-2, 1, 1])[0, 1])
    sentence = agreement_sentence(found)
    assert "adds nothing" in sentence
    assert "No change" in sentence
    assert "ranking, not as an amount" in size_sentence(make_table())
    assert "do not agree on size" in size_sentence(make_table())


def test_filter_keeps_edited_genes() -> None:
    assert list(filtered(make_table(), "", True)["gene"]) == ["A", "C", "D"]
    assert list(filtered(make_table(), "e2", False)["gene"]) == ["B"]
    assert list(filtered(make_table(), ".*", False)["gene"]) == []


def test_a_model_of_few_genes_without_a_cohort_does_all_of_it(
    app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = make_space(3)
    network = AutoEncoder(ModelConfig("tiny", (3, 4, 2, 4, 3)))
    initialise(network, 1)
    table = pd.DataFrame({"ensembl_id": space.ensembl, "symbol": space.symbols})
    save_model(tmp_path, network, space, table, torch.float32)
    monkeypatch.setenv(MODEL_VARIABLE, str(tmp_path))
    samples = make_samples(1)
    samples.tpm_SA[:, space.axis_index_G[0]] = np.nan
    state = app.session_state["cellstate"]
    state.load(Loaded(samples, b"", "mine.csv"))
    app.switch_page("pages/workbench.py").run()
    check(app)
    add(app, space.symbols[0], "multiply")
    assert "not measured in this sample" in words(app)
    add(app, space.symbols[1], "knock-out")
    state.scenarios = {"S": state.perturbations[:1]}
    app.session_state["sides"] = app.session_state["scenarios"] = True
    app.run()
    check(app)
    assert "side" in words(app) or "genes that neither edits" in words(app)
    add(app, space.symbols[2], "knock-out")
    app.session_state["sides"] = True
    app.run()
    check(app)
    assert "No gene is left that neither set edits" in words(app)
