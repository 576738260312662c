"""Edits: add, replace, remove, undo, clear; and the answer that they give."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.evaluate import distances, trust_table
from cellstate.genes import gene_axis
from cellstate.io import read_samples
from cellstate.model import load_model
from cellstate.model.profiles import load_profiles
from cellstate.perturb import Edit, perturb
from cellstate.perturb.patient import prepare
from cellstate.ui import builder
from cellstate.ui.examples import examples
from cellstate.ui.perturb import _csv
from cellstate.ui.shifts import agreement, agreement_sentence, filtered, size_sentence
from tests.ui.conftest import check, words


def add(app: AppTest, query: str, kind: str = "knock-out") -> AppTest:
    app.text_input(key="gene-query").set_value(query).run()
    app.segmented_control(key="kind").set_value(kind).run()
    app.button(key="add").click().run()
    check(app)
    return app


@pytest.fixture
def perturbed(with_example: AppTest) -> AppTest:
    with_example.switch_page("pages/perturb.py").run()
    add(with_example, "p53")
    return add(with_example, "MYC")


def edits(app: AppTest) -> list[str]:
    return [edit.spec for edit in app.session_state["cellstate"].edits]


def test_aliases_become_symbols_and_several_edits_stand_at_once(perturbed: AppTest) -> None:
    assert edits(perturbed) == ["TP53=ko", "MYC=ko"]
    assert perturbed.text_input(key="gene-query").value == ""
    assert "Predicted shift" in words(perturbed)
    assert "Hypothesis" in words(perturbed)


def test_every_kind_of_edit(with_example: AppTest) -> None:
    with_example.switch_page("pages/perturb.py").run()
    for gene, kind in (
        ("TP53", "knock-out"),
        ("MYC", "knock-down"),
        ("KRAS", "multiply"),
        ("EGFR", "set"),
        ("CDX2", "quantile"),
    ):
        add(with_example, gene, kind)
    assert edits(with_example) == ["TP53=ko", "MYC=kd50", "KRAS=x2", "EGFR==10", "CDX2==q90"]
    table = with_example.session_state["cellstate"]._results["shift"][1].table.set_index("gene")
    assert table.loc["CDX2", "tpm_after"] == pytest.approx(percentile("CDX2", 90), rel=1e-5)


def percentile(gene: str, percent: float) -> float:
    """A gene's level in TPM that so many percent of the model's cohort do not exceed."""
    model = load_model()
    profiles = load_profiles(model)
    assert profiles is not None
    return float(profiles.quantile_tpm(percent)[model.space.find(gene)])


def test_the_form_says_what_an_edit_makes_of_the_level(with_example: AppTest) -> None:
    with_example.switch_page("pages/perturb.py").run()
    with_example.text_input(key="gene-query").set_value("CDX2").run()
    model, samples = load_model(), read_samples(examples()[0].path)
    now = float(prepare(model, samples).tpm_G[model.space.find("CDX2")])
    for kind, after in (("knock-out", 0), ("multiply", 2 * now), ("set", 10), ("quantile", percentile("CDX2", 90))):
        with_example.segmented_control(key="kind").set_value(kind).run()
        check(with_example)
        assert f"{now:,.4g} TPM becomes {after:,.4g} TPM." in words(with_example)
    with_example.slider(key="percentile").set_value(5).run()
    assert f"becomes {percentile('CDX2', 5):,.4g} TPM." in words(with_example)


def test_a_model_without_a_cohort_offers_no_percentile(with_example: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "load_profiles", lambda model: None)
    with_example.switch_page("pages/perturb.py").run()
    with_example.text_input(key="gene-query").set_value("CDX2").run()
    check(with_example)
    assert "Set to percentile" not in with_example.segmented_control(key="kind").options
    assert "becomes 0 TPM" in words(with_example)


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
    assert edits(perturbed) == ["MYC=ko", "TP53=x2"]


def test_gene_that_cannot_be_added_says_why(with_example: AppTest) -> None:
    with_example.switch_page("pages/perturb.py").run()
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
    shift = perturb(model, samples, [Edit("TP53", "knock-out"), Edit("MYC", "knock-out")])
    expected = trust_table(model, shift, far=distances(model, samples)[0].flag)
    perturbed.toggle(key="trusted-only").set_value(False).run()
    shown = perturbed.dataframe[0].value
    pd.testing.assert_frame_equal(shown[expected.columns], expected, check_dtype=False)
    assert set(shown["gene"].iloc[-2:]) == {"TP53", "MYC"}
    assert set(shown["reason"].iloc[-2:]) == {"edited: set, not predicted"}


def test_table_can_be_searched(perturbed: AppTest) -> None:
    perturbed.text_input(key="table-query").set_value("cdkn1a").run()
    check(perturbed)
    assert list(perturbed.dataframe[0].value["gene"]) == ["CDKN1A"]


def test_edits_stay_when_the_patient_changes(perturbed: AppTest) -> None:
    first = perturbed.dataframe[0].value
    perturbed.switch_page("pages/sample.py").run()
    perturbed.selectbox(key="example").select(1).run()
    perturbed.button(key="load-example").click().run()
    perturbed.switch_page("pages/perturb.py").run()
    check(perturbed)
    assert edits(perturbed) == ["TP53=ko", "MYC=ko"]
    assert not first["tpm_before"].equals(perturbed.dataframe[0].value["tpm_before"])


def test_download_holds_every_gene_and_no_formula(perturbed: AppTest) -> None:
    found = perturbed.session_state["cellstate"]._results["shift"][1]
    table = pd.read_csv(io.BytesIO(_csv(found)))
    assert len(table) == len(found.table)
    assert set(table["kind"]) == {"hypothesis"}
    assert {"sample", "gene", "tpm_before", "tpm_after", "delta_log2", "delta_log2_pca", "trusted", "reason"} <= set(
        table
    )
    object.__setattr__(found, "sample", '=cmd|"/c calc"!A1')
    assert b"'=cmd" in _csv(found)


def make_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "gene": ["A", "B", "C", "D"],
            "ensembl_id": ["E1", "E2", "E3", "E4"],
            "delta_log2": [0.04, -0.02, 0.01, -3.0],
            "delta_log2_no_change": 0.0,
            "delta_log2_pca": [0.04, -0.02, 0.01, -3.0],
            "delta_log2_coexpression": [-2.0, 1.0, 1.0, -3.0],
            "edited": [False, False, False, True],
            "trusted": [True, False, True, False],
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
