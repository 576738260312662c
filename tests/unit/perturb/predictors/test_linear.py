"""Sets of edits by a rival: the exact scores are those of its shift, the edited genes held and left out."""

from __future__ import annotations

import numpy as np
import pytest

from cellstate.perturb.perturbations import Perturbation, candidate_changes, input_change
from cellstate.perturb.predictors import linear as module
from cellstate.perturb.predictors.autoencoder import AutoencoderScorer
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.linear import LinearPredictor, LinearScorer
from cellstate.perturb.predictors.registry import available_predictors
from cellstate.perturb.predictors.sparse import DAMPING, SparseEffectPropagation
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search.combination import combine
from cellstate.perturb.search.goal import Goal, gene_set_goal

BASELINES = ("pca", "coexpression", "whitened_coexpression", "ridge", "elastic_net")


@pytest.fixture(scope="module")
def sample(small_model, cohort):
    return prepare_sample(small_model, cohort.split("test").take([1]))


@pytest.fixture(scope="module")
def goal(small_model) -> Goal:
    signs = dict(zip(small_model.space.symbols[:24], [1, -1, 1] * 8, strict=True))
    return gene_set_goal(small_model.space, signs, spec="genes", label="a goal")


def scorer(sample, goal, name):
    return available_predictors(sample.model)[name].scorer(sample, goal)


def test_a_set_held_and_passed_on_by_hand(small_model, goal) -> None:
    rng = np.random.default_rng(0)
    predictor = available_predictors(small_model)[PredictorId.ELASTIC_NET]
    assert isinstance(predictor, LinearPredictor)
    one = predictor.effects
    assert isinstance(one, SparseEffectPropagation)
    effect_GG = one.effect_GG.toarray().astype(np.float64)
    genes_EK = np.array([rng.choice(len(goal.direction_G), 3, replace=False) for _ in range(40)])
    delta_EK = rng.normal(size=genes_EK.shape).astype(np.float32)
    expected = []
    for genes_K, delta_K in zip(genes_EK, delta_EK.astype(np.float64), strict=True):
        free_G = np.ones(len(goal.direction_G))
        free_G[genes_K] = 0
        first_G = moved_G = delta_K @ effect_GG[genes_K]
        for _ in range(2):
            moved_G = first_G + DAMPING * (moved_G * free_G) @ effect_GG
        expected.append((moved_G * free_G) @ goal.direction_G.astype(np.float64))
    assert LinearScorer(one, goal).scores(genes_EK, delta_EK) == pytest.approx(np.array(expected), abs=1e-5)


def test_whitened_coexpression_is_the_correlation_of_whitened_data(small_model) -> None:
    known = module.load_components(small_model)
    assert known is not None
    # Samples whose components all have variance 1.
    scores_SP = np.linalg.qr(np.random.default_rng(0).normal(size=(400, len(known.components_PG))))[0]
    expected_GG = np.corrcoef((scores_SP - scores_SP.mean(axis=0)) @ known.components_PG, rowvar=False)
    rise = np.zeros((1, 1), np.float32) + 1
    change = module.InputChange(np.array([7]), rise, np.full_like(rise, np.nan))
    found_G = module.whitened_map(known).change(change)[0]
    others = np.arange(len(found_G)) != 7
    assert found_G[others] == pytest.approx(expected_GG[7, others], abs=0.02)


@pytest.mark.parametrize("name", BASELINES)
def test_the_score_of_a_set_is_that_of_its_shift(name, small_model, sample, goal, monkeypatch) -> None:
    symbols, one = small_model.space.symbols, available_predictors(small_model)[name]
    sets = [(0, 5, 30), (5, 31, 32), (60, 61, 2)]
    changes = [input_change([Perturbation(symbols[g], "knock-out") for g in genes], sample) for genes in sets]
    expected = []
    for genes, change in zip(sets, changes, strict=True):
        direction_G = goal.direction_G.copy()
        direction_G[list(genes)] = 0
        expected.append(float(one.predict_change(sample, change)[0] @ direction_G))
    delta_EK = np.concatenate([change.delta_z_RK for change in changes])
    by = scorer(sample, goal, name)
    assert by.scores(np.array(sets), delta_EK) == pytest.approx(expected, abs=1e-5)
    # In parts it says the same.
    monkeypatch.setattr(module, "_CHUNK", 2)
    assert by.scores(np.array(sets), delta_EK) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", BASELINES)
def test_the_slope_is_the_score_of_a_single_edit(name, sample, goal) -> None:
    genes_E1 = np.arange(0, len(goal.direction_G), 7)[:, None]
    delta_E1 = np.full(genes_E1.shape, -0.7, np.float32)
    by = scorer(sample, goal, name)
    slope_G = by.slopes()[0]
    assert by.scores(genes_E1, delta_E1) == pytest.approx(-0.7 * slope_G[genes_E1[:, 0]], abs=1e-5)
    assert np.array_equal(by.slopes(genes_E1, delta_E1), np.tile(slope_G, (len(genes_E1), 1)))


def test_the_autoencoder_is_a_member_like_the_others(sample, goal) -> None:
    assert isinstance(scorer(sample, goal, PredictorId.AUTOENCODER), AutoencoderScorer)


@pytest.mark.parametrize("name", BASELINES)
def test_a_combination_by_a_rival_takes_the_best_of_all_sets(name, small_model, sample, goal) -> None:
    # Genes of the goal itself are no candidates: edited, they would be left out of it.
    candidates = np.arange(24, len(small_model.space))
    found = combine(sample, goal, max_perturbations=3, fraction=100, genes=candidates, predictor=name)
    assert found.predictor == name and len(found.steps) == 3
    one, space = scorer(sample, goal, name), small_model.space
    chosen = [space.find(gene) for gene in found.steps["gene"]]
    delta_G = candidate_changes(Perturbation.pattern("ko"), sample, np.arange(len(space)))

    def scored(sets: np.ndarray) -> np.ndarray:
        return one.scores(sets, delta_G[sets])

    assert found.steps["score"].iloc[-1] == pytest.approx(scored(np.array([chosen]))[0], rel=1e-5)
    # No exchange of one gene for another betters it.
    for place in range(3):
        kept = [gene for n, gene in enumerate(chosen) if n != place]
        others = np.setdiff1d(candidates, kept)
        sets = np.column_stack([np.tile(kept, (len(others), 1)), others])
        assert scored(sets).max() <= found.steps["score"].iloc[-1] + 1e-5


def test_the_leader_designs_where_nobody_chooses(small_model, sample, goal) -> None:
    assert combine(sample, goal, max_perturbations=1).predictor == PredictorId.AUTOENCODER
