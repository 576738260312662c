"""Who leads: the rule by a model's own evidence, and a choice that is made or refused."""

from dataclasses import replace

import numpy as np
import pytest

from cellstate.errors import ModelError
from cellstate.model import create_model, load_model
from cellstate.perturb import Edit, perturb
from cellstate.perturb.doses import dose_curve
from cellstate.perturb.leader import choose, leader, predictors, standings
from cellstate.perturb.rivals import REGISTRY, rival_maps

RIVALS = tuple(rival.name for rival in REGISTRY)


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
        ({}, "network"),
        ({"evidence": {"regulons": {"marks": [{"name": "tumours: pca, AUROC in z", "value": 0.9}]}}}, "network"),
        (evidence(), "network"),
        (evidence(coexpression=(0.06, 0.03)), "coexpression"),
        (evidence(coexpression=(0.06, 0.03), pca=(0.07, 0.01)), "pca"),
        (evidence(coexpression=(0.03, 0.0)), "network"),
        # Who is best by chance alone does not lead; a lesser one that is clearly better than the network does.
        (evidence(coexpression=(0.07, -0.001), pca=(0.04, 0.01)), "pca"),
        # What the simulation speaks against does not lead either.
        (evidence(coexpression=(0.06, 0.03), simulated={"network": 0.6, "coexpression": 0.4}), "network"),
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
        (evidence(network=0.2, coexpression=(0.06, -0.2)), "network"),
        # Who is told which genes are transcription factors never leads by itself.
        (evidence(ridge_tf=(0.5, 0.4)), "network"),
        (evidence(ridge_tf=(0.5, 0.4), ridge=(0.04, 0.01)), "ridge"),
        # Without the network's own figure nobody is known to be better.
        (evidence(network=None, coexpression=(0.06, 0.03)), "network"),
    ],
)
def test_the_rule(metrics, first):
    assert leader(metrics) == first


def test_a_figure_that_could_not_be_had_is_no_standing():
    assert set(standings(evidence(network=None, pca=(0.03, 0.0)))) == {"pca"}


def test_the_shipped_model_follows_its_own_evidence():
    model = load_model(device="cpu")
    found = standings(model.metrics)
    assert set(found) == {"network", *RIVALS}
    first = choose(model, None)
    assert first == leader(model.metrics)
    assert found[first].lead > 0 and found[first].simulated >= found["network"].simulated


def test_who_can_be_chosen(small_model, tmp_path):
    assert predictors(small_model) == ("network", *RIVALS)
    assert choose(small_model, None) == "network"
    assert [choose(small_model, name) for name in RIVALS] == list(RIVALS)
    with pytest.raises(ModelError, match="no predictor 'no_change'") as caught:
        choose(small_model, "no_change")
    assert "network, pca" in caught.value.hint
    create_model(tmp_path / "demo", "demo", dtype="float16")
    random = load_model(tmp_path / "demo", device="cpu")
    assert predictors(random) == ("network",)
    # Evidence of rivals that the folder does not hold lets nobody lead.
    assert choose(replace(random, metrics=evidence(coexpression=(0.06, 0.03))), None) == "network"
    with pytest.raises(ModelError, match="holds no pca") as caught:
        choose(random, "pca")
    assert caught.value.hint


@pytest.fixture(scope="module")
def samples(cohort):
    return cohort.split("test").take([0, 1])


def test_who_leads_trades_places_and_no_number_changes(small_model, samples):
    edits = [Edit(small_model.space.symbols[0], "knock-out"), Edit(small_model.space.symbols[5], "multiply", 3)]
    usual = perturb(small_model, samples, edits)
    assert usual.predictor == "network" and "network" not in usual.rival_log1p_after
    said = {"network": usual.log1p_after_SG} | usual.rival_log1p_after
    for name in RIVALS:
        shift = perturb(small_model, samples, edits, predictor=name)
        assert shift.predictor == name
        assert next(iter(shift.rival_log1p_after)) == "network"
        assert np.array_equal(shift.log1p_after_SG, said[name])
        assert shift.rival_log1p_after.keys() == said.keys() - {name}
        assert all(np.array_equal(after, said[other]) for other, after in shift.rival_log1p_after.items())
        table = shift.table()
        assert {"delta_log2_network"} <= set(table) and f"delta_log2_{name}" not in set(table)
        sizes = table.loc[~table["edited"], "delta_log2"].abs()
        assert sizes.is_monotonic_decreasing and sizes.iloc[0] > 0


def test_by_default_the_evidence_decides(small_model, samples):
    told = replace(small_model, metrics=small_model.metrics | evidence(coexpression=(0.06, 0.03)))
    symbol = small_model.space.symbols[0]
    shift = perturb(told, samples, [Edit(symbol, "knock-out")])
    assert shift.predictor == "coexpression"
    assert perturb(told, samples, [Edit(symbol, "knock-out")], predictor="network").predictor == "network"
    assert dose_curve(told, samples.take([0]), symbol).predictor == "coexpression"


@pytest.mark.parametrize("name", ["network", *RIVALS])
def test_a_dose_is_a_single_edit_by_the_same_predictor(small_model, samples, name):
    sample = samples.take([0])
    tf = next(g for g in np.flatnonzero(small_model.space.is_tf_G) if rival_maps(small_model)["ridge_tf"].source_G[g])
    symbol = small_model.space.symbols[tf]
    curve = dose_curve(small_model, sample, symbol, predictor=name)
    assert curve.predictor == name
    for dose, edit in ((0, "ko"), (3, "kd50"), (6, "x4")):
        shift = perturb(small_model, sample, [Edit.parse(f"{symbol}={edit}")], predictor=name)
        assert np.allclose(curve.delta_log2_DG[dose], shift.delta_log2_SG[0], atol=1e-5)
        assert shift.delta_log2_SG.any()
