"""Who leads: the rule by a model's own evidence, and a choice that is made or refused."""

from dataclasses import replace

import numpy as np
import pytest

from cellstate.errors import ModelError
from cellstate.model import create_model, load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.predictors.default import default_predictor, leader, resolve_predictor, standings
from cellstate.perturb.predictors.registry import available_predictors
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search.titration import titrate

RIVALS = ("pca", "coexpression", "ridge", "elastic_net", "ridge_tf")


METHODS = {"network": "auto-encoder", "coexpression": "co-expression", "pca": "PCA", "ridge": "ridge"}
#: A ranking by how much genes vary may find known targets best: that decides nothing.
AUROC = {"network": 0.54, "coexpression": 0.50, "pca": 0.65, "ridge": 0.55, "ridge_tf": 0.7}


def evidence(
    *, network: float | None = 0.02, simulated: dict[str, float] | None = None, **others: tuple[float, float]
) -> dict:
    """Metrics whose benchmarks found own less others' targets, of rivals the low end of its lead, and simulated r."""
    figures = {"network": (network, 0.0)} | others
    marks = [
        {"name": f"this model: {name}, {what}", "value": value}
        for name, (own, lead) in figures.items()
        for what, value in (
            ("AUROC in z", AUROC[name]),
            ("own - others in z", own),
            ("own - others less the network's, low end of 95 %", lead),
        )
    ]
    told = [{"name": f"{METHODS[name]}: Pearson-delta", "value": r} for name, r in (simulated or {}).items()]
    return {"evidence": {"regulons": {"marks": marks}, "simulated": {"marks": told}}}


@pytest.mark.parametrize(
    ("metrics", "first"),
    [
        ({}, "autoencoder"),
        ({"evidence": {"regulons": {"marks": [{"name": "tumours: pca, AUROC in z", "value": 0.9}]}}}, "autoencoder"),
        (evidence(), "autoencoder"),
        (evidence(coexpression=(0.06, 0.03)), "coexpression"),
        (evidence(coexpression=(0.06, 0.03), pca=(0.07, 0.01)), "pca"),
        (evidence(coexpression=(0.03, 0.0)), "autoencoder"),
        # Who is best by chance alone does not lead; a lesser one that is clearly better than the network does.
        (evidence(coexpression=(0.07, -0.001), pca=(0.04, 0.01)), "pca"),
        # What the simulation speaks against does not lead either.
        (evidence(coexpression=(0.06, 0.03), simulated={"network": 0.6, "coexpression": 0.4}), "autoencoder"),
        (
            evidence(
                coexpression=(0.06, 0.03),
                ridge=(0.04, 0.01),
                pca=(0.03, 0.01),
                simulated={"network": 0.6, "coexpression": 0.4, "ridge": 0.65, "pca": 0.6},
            ),
            "ridge",
        ),
        (evidence(coexpression=(0.06, 0.03), simulated={"coexpression": 0.4}), "coexpression"),
        (evidence(network=0.2, coexpression=(0.06, -0.2)), "autoencoder"),
        # Who is told which genes are transcription factors never leads by itself.
        (evidence(ridge_tf=(0.5, 0.4)), "autoencoder"),
        (evidence(ridge_tf=(0.5, 0.4), ridge=(0.04, 0.01)), "ridge"),
        # Without the network's own figure nobody is known to be better.
        (evidence(network=None, coexpression=(0.06, 0.03)), "autoencoder"),
    ],
)
def test_the_rule(metrics, first):
    assert leader(metrics) == first


def test_a_figure_that_could_not_be_had_is_no_standing():
    assert set(standings(evidence(network=None, pca=(0.03, 0.0)))) == {"pca"}


def test_the_shipped_model_follows_its_own_evidence():
    model = load_model(device="cpu")
    found = standings(model.metrics)
    assert set(found) == {"autoencoder", *RIVALS}
    first = default_predictor(model)
    assert first == leader(model.metrics)
    assert found[first].lead > 0 and found[first].simulated >= found["autoencoder"].simulated


def test_who_can_be_chosen(small_model, tmp_path):
    assert tuple(available_predictors(small_model)) == ("autoencoder", *RIVALS)
    assert resolve_predictor(small_model, None) == "autoencoder"
    assert resolve_predictor(small_model, "network") == "autoencoder"
    assert [resolve_predictor(small_model, name) for name in RIVALS] == list(RIVALS)
    with pytest.raises(ModelError, match="no predictor 'no_change'") as caught:
        resolve_predictor(small_model, "no_change")
    assert "autoencoder, pca" in caught.value.hint
    create_model(tmp_path / "demo", "demo", dtype="float16")
    random = load_model(tmp_path / "demo", device="cpu")
    assert tuple(available_predictors(random)) == ("autoencoder",)
    # Evidence of rivals that the folder does not hold lets nobody lead.
    assert default_predictor(replace(random, metrics=evidence(coexpression=(0.06, 0.03)))) == "autoencoder"
    with pytest.raises(ModelError, match="holds no pca") as caught:
        resolve_predictor(random, "pca")
    assert caught.value.hint


@pytest.fixture(scope="module")
def samples(cohort):
    return cohort.split("test").take([0])


def test_who_leads_trades_places_and_no_number_changes(small_model, samples):
    edits = [
        Perturbation(small_model.space.symbols[0], "knock-out"),
        Perturbation(small_model.space.symbols[5], "multiply", 3),
    ]
    usual = predict(prepare_sample(small_model, samples), edits)
    assert usual.predictor == "autoencoder" and "autoencoder" not in usual.baseline_log1p_after
    said = {"autoencoder": usual.log1p_after_G} | usual.baseline_log1p_after
    for name in RIVALS:
        shift = predict(prepare_sample(small_model, samples), edits, predictor=name)
        assert shift.predictor == name
        assert next(iter(shift.baseline_log1p_after)) == "autoencoder"
        assert np.array_equal(shift.log1p_after_G, said[name])
        assert shift.baseline_log1p_after.keys() == said.keys() - {name}
        assert all(np.array_equal(after, said[other]) for other, after in shift.baseline_log1p_after.items())
        table = shift.table()
        assert {"log2_fold_change_autoencoder"} <= set(table) and f"log2_fold_change_{name}" not in set(table)
        sizes = table.loc[~table["is_perturbed"], "log2_fold_change"].abs()
        assert sizes.is_monotonic_decreasing and sizes.iloc[0] > 0


def test_by_default_the_evidence_decides(small_model, samples):
    told = replace(small_model, metrics=small_model.metrics | evidence(coexpression=(0.06, 0.03)))
    symbol = small_model.space.symbols[0]
    shift = predict(prepare_sample(told, samples), [Perturbation(symbol, "knock-out")])
    assert shift.predictor == "coexpression"
    assert (
        predict(prepare_sample(told, samples), [Perturbation(symbol, "knock-out")], predictor="autoencoder").predictor
        == "autoencoder"
    )
    assert titrate(prepare_sample(told, samples), symbol).predictor == "coexpression"


@pytest.mark.parametrize("name", ["autoencoder", *RIVALS])
def test_a_dose_is_a_single_edit_by_the_same_predictor(small_model, samples, name):
    sample = samples
    tf = next(
        g
        for g in np.flatnonzero(small_model.space.is_tf_G)
        if available_predictors(small_model)["ridge_tf"].effects.source_G[g]
    )
    symbol = small_model.space.symbols[tf]
    curve = titrate(prepare_sample(small_model, sample), symbol, predictor=name)
    assert curve.predictor == name
    for dose, edit in ((0, "ko"), (3, "kd50"), (6, "x4")):
        shift = predict(prepare_sample(small_model, sample), [Perturbation.parse(f"{symbol}={edit}")], predictor=name)
        assert np.allclose(curve.log2_fold_change_DG[dose], shift.log2_fold_change_G, atol=1e-5)
        assert shift.log2_fold_change_G.any()
