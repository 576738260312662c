"""Views of a prediction beside the genes: pathways, cohort map and combined perturbations."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.io import hallmark_sets, read_samples
from cellstate.model import load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.predictors.registry import available_predictors
from cellstate.perturb.sample import prepare_sample
from cellstate.report.narrative.prediction import (
    DEVIATION,
    JOINT,
    additivity_sentence,
    cohort_map_sentence,
    pathway_sentence,
)
from cellstate.ui.components.load_samples import examples
from cellstate.ui.state.session import GeneSets
from cellstate.ui.workbench import cohort_map, combined_perturbations, pathways
from tests.app.conftest import check, words
from tests.app.workbench import cached, perturb, session_of


def test_perturbations_alone_and_together(with_example: AppTest) -> None:
    perturb(with_example, "CDX2=ko", section="Perturbations")
    assert len(with_example.info) == 1
    perturb(with_example, "CDX2=ko", "MYC=ko", section="Perturbations")
    effects, result = cached(with_example, "single-effects"), cached(with_example, "prediction")
    assert list(effects) == ["CDX2 knocked out", "MYC knocked out", JOINT, DEVIATION]
    sample = prepare_sample(load_model(), read_samples(examples()[0].path))
    alone = predict(sample, [Perturbation("MYC", "knock-out")], result.predictor)
    expected = pd.Series(alone.log2_fold_change_G, index=sample.model.space.ensembl)
    rest = result.table.loc[effects.index]
    assert not rest["is_perturbed"].any() and len(rest) == len(result.table) - 2
    assert effects["MYC knocked out"].to_numpy() == pytest.approx(expected[rest["ensembl_id"]].to_numpy())
    assert (effects[JOINT] == rest["log2_fold_change"]).all()
    deviation = effects[JOINT] - effects.iloc[:, 0] - effects.iloc[:, 1]
    assert effects[DEVIATION].to_numpy() == pytest.approx(deviation.to_numpy())
    assert additivity_sentence(effects, result.predictor) in words(with_example)
    table = pd.read_csv(io.BytesIO(combined_perturbations.csv(effects, result)))
    assert len(table) == len(effects) and set(table["kind"]) == {"hypothesis"}


def test_the_most_changed_genes_by_any_perturbation() -> None:
    effects = pd.DataFrame({"A": [0.0, 0.5, 0.1], "B": 0.0, JOINT: [0.3, 0.0, 0.1], DEVIATION: [9.0, 9.0, 9.0]})
    table = pd.DataFrame({"gene": ["X", "Y", "Z"], "is_reliable": [True, True, False]})
    assert list(combined_perturbations.most_changed(effects, table).index) == ["Y", "X"]
    none = table.assign(is_reliable=False)
    assert list(combined_perturbations.most_changed(effects, none).index) == ["Y", "X", "Z"]
    assert list(combined_perturbations.most_changed(effects, none, n=1).index) == ["Y"]


def test_the_cohort_map(with_example: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    perturb(with_example, "CDX2=ko", section="Cohort")
    placed, result = cached(with_example, "cohort-map"), cached(with_example, "prediction")
    assert next(iter(placed.after_2)) == result.predictor
    assert set(placed.after_2) == {"no_change", *available_predictors(load_model())}
    assert all(length > 0 for length in placed.moved.values())
    assert cohort_map_sentence(placed) in words(with_example)
    with_example.text_input(key="map-gene").set_value("cdx2").run()
    check(with_example)
    with_example.text_input(key="map-gene").set_value("NOTAGENE1").run()
    assert "NOTAGENE1" in with_example.error[0].value and not with_example.exception
    with_example.text_input(key="map-gene").set_value("").run()
    monkeypatch.setattr(cohort_map, "load_profiles", lambda model: None)
    perturb(with_example, "CDX2=ko", section="Cohort")
    assert len(with_example.info) == 1


def test_pathways_need_no_file(with_example: AppTest) -> None:
    perturb(with_example, "CDX2=ko", section="Pathways")
    check(with_example)
    found = cached(with_example, "pathways")
    assert set(found.table["set"]) <= set(hallmark_sets()) and len(found.table) > 40


def test_pathways_of_own_gene_sets(with_example: AppTest) -> None:
    perturb(with_example, "CDX2=ko", section="Pathways")
    assert len(with_example.file_uploader) == 1
    state, result = session_of(with_example), cached(with_example, "prediction")
    falling = result.table[~result.table["is_perturbed"]].sort_values("log2_fold_change")["gene"]
    sets = {"<b>FALLS</b>": tuple(falling.head(30)), "RISES": tuple(falling.tail(30)), "ANY": tuple(falling[100:130])}
    state.load_gene_sets(GeneSets("mine.gmt", sets))
    with_example.run()
    check(with_example)
    found = cached(with_example, "pathways")
    assert set(found.table["set"]) == set(sets)
    assert pathway_sentence(found, result.predictor) in words(with_example)
    # A name from a file is never markup.
    assert "<b>" not in words(with_example)
    rows = pd.read_csv(io.BytesIO(pathways.csv(found, result)))
    assert set(rows["kind"]) == {"hypothesis"} and {"nes", "nes_autoencoder", "leading"} <= set(rows)
    state.load_gene_sets(GeneSets("tiny.gmt", {"TINY": ("TP53", "MYC")}))
    with_example.run()
    assert len(with_example.error) == 1
    with_example.button(key="remove-pathways-gene-sets").click().run()
    check(with_example)
    assert state.gene_sets is None and len(with_example.file_uploader) == 1
