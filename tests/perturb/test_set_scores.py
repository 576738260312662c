"""Sets of edits by a rival: the exact scores are those of its shift, the edited genes held and left out."""

from __future__ import annotations

import numpy as np
import pytest

from cellstate.perturb import set_scores as module
from cellstate.perturb.combine import combine
from cellstate.perturb.edits import Edit, input_change
from cellstate.perturb.engine import Engine
from cellstate.perturb.goals import Goal, gene_set_goal
from cellstate.perturb.passing_on import PASSED_ON, PassedOnMap
from cellstate.perturb.patient import prepare
from cellstate.perturb.rivals import NETWORK, rival_maps
from cellstate.perturb.set_scores import RivalScores, set_scores

RIVALS = ("pca", "coexpression", "ridge", "elastic_net")


@pytest.fixture(scope="module")
def sample(cohort):
    return cohort.split("test").take([1])


@pytest.fixture(scope="module")
def goal(small_model) -> Goal:
    signs = dict(zip(small_model.space.symbols[:24], [1, -1, 1] * 8, strict=True))
    return gene_set_goal(small_model.space, signs, spec="genes", label="a goal")


@pytest.fixture(scope="module")
def engine(small_model, sample, goal) -> Engine:
    return Engine(small_model, prepare(small_model, sample), goal)


def test_a_set_held_and_passed_on_by_hand(small_model, goal) -> None:
    rng = np.random.default_rng(0)
    one = rival_maps(small_model)["elastic_net"]
    assert isinstance(one, PassedOnMap)
    effect_GG = one.effect_GG.toarray().astype(np.float64)
    genes_EK = np.array([rng.choice(len(goal.direction_G), 3, replace=False) for _ in range(40)])
    delta_EK = rng.normal(size=genes_EK.shape).astype(np.float32)
    expected = []
    for genes_K, delta_K in zip(genes_EK, delta_EK.astype(np.float64), strict=True):
        free_G = np.ones(len(goal.direction_G))
        free_G[genes_K] = 0
        first_G = moved_G = delta_K @ effect_GG[genes_K]
        for _ in range(2):
            moved_G = first_G + PASSED_ON * (moved_G * free_G) @ effect_GG
        expected.append((moved_G * free_G) @ goal.direction_G.astype(np.float64))
    assert RivalScores(one, goal).scores(genes_EK, delta_EK) == pytest.approx(np.array(expected), abs=1e-5)


@pytest.mark.parametrize("name", RIVALS)
def test_the_score_of_a_set_is_that_of_its_shift(name, small_model, sample, goal, engine, monkeypatch) -> None:
    symbols, one = small_model.space.symbols, rival_maps(small_model)[name]
    sets = [(0, 5, 30), (5, 31, 32), (60, 61, 2)]
    changes = [
        input_change([Edit(symbols[g], "knock-out") for g in genes], engine.patient.tpm_G[None], small_model.space)
        for genes in sets
    ]
    expected = []
    for genes, change in zip(sets, changes, strict=True):
        direction_G = goal.direction_G.copy()
        direction_G[list(genes)] = 0
        expected.append(float(one.shift(change)[0] @ direction_G))
    delta_EK = np.concatenate([change.delta_z_SK for change in changes])
    by = set_scores(engine, name)
    assert by.scores(np.array(sets), delta_EK) == pytest.approx(expected, abs=1e-5)
    # In parts it says the same.
    monkeypatch.setattr(module, "_CHUNK", 2)
    assert by.scores(np.array(sets), delta_EK) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", RIVALS)
def test_the_slope_is_the_score_of_a_single_edit(name, goal, engine) -> None:
    genes_E1 = np.arange(0, len(goal.direction_G), 7)[:, None]
    delta_E1 = np.full(genes_E1.shape, -0.7, np.float32)
    by = set_scores(engine, name)
    slope_G = by.slopes()[0]
    assert by.scores(genes_E1, delta_E1) == pytest.approx(-0.7 * slope_G[genes_E1[:, 0]], abs=1e-5)
    assert np.array_equal(by.slopes(genes_E1, delta_E1), np.tile(slope_G, (len(genes_E1), 1)))


def test_the_network_scores_by_the_engine(engine) -> None:
    assert set_scores(engine, NETWORK) is engine


@pytest.mark.parametrize("name", RIVALS)
def test_a_combination_by_a_rival_takes_the_best_of_all_sets(name, small_model, sample, goal, engine) -> None:
    # Genes of the goal itself are no candidates: edited, they would be left out of it.
    candidates = np.arange(24, len(small_model.space))
    found = combine(small_model, sample, goal, max_edits=3, share=100, genes=candidates, predictor=name)
    assert found.predictor == name and len(found.steps) == 3
    one, space = set_scores(engine, name), small_model.space
    chosen = [space.find(gene) for gene in found.steps["gene"]]
    delta_G = engine.changes(Edit.pattern("ko"), np.arange(len(space)))

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
    assert combine(small_model, sample, goal, max_edits=1).predictor == NETWORK
