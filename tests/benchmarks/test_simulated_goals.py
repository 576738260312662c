"""Questions about pairs in a simulated network: the right answer is right, and ties are no answer."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.simulated_goals import PairQuestions, cohort_scores, cohort_sizes, levels_of
from benchmarks.simulated_predictors import Training
from benchmarks.simulator import simulate
from tests.benchmarks.test_simulator import SMALL

A, B = np.triu_indices(SMALL.n_genes, 1)


@pytest.fixture(scope="module")
def world():
    return simulate(SMALL, 5)


@pytest.fixture(scope="module")
def questions(world):
    return PairQuestions(world, A, B)


def test_a_programme_is_leaves_that_both_truly_move(world, questions):
    planted = np.sort(world.network.pairs_P2, axis=1)
    assert np.array_equal(np.stack([A, B], axis=1)[questions.right_Q], planted)
    assert not questions.direction_QG[:, : SMALL.n_regulators].any()
    assert (np.count_nonzero(questions.direction_QG, axis=1) == 20).all()
    moved_QG = world.true_shift(planted, "oe").mean(axis=0)
    assert ((moved_QG * questions.direction_QG).sum(axis=1) > 0).all()
    # What both do truly goes beyond the sum, along this goal.
    alone = world.true_shift(np.arange(SMALL.n_regulators)[:, None], "oe").mean(axis=0)
    beyond_QG = moved_QG - alone[planted[:, 0]] - alone[planted[:, 1]]
    assert np.median((beyond_QG * questions.direction_QG).sum(axis=1)) > 0


def test_perfect_worst_and_undecided_answers(questions):
    score_QN = np.zeros((len(questions.right_Q), len(A)))
    rows = np.arange(len(score_QN))
    undecided = questions.recovery(score_QN)
    score_QN[rows, questions.right_Q] = 1
    assert set(questions.recovery(score_QN).values()) == {1.0}
    assert set(questions.recovery(-score_QN).values()) == set(undecided.values()) == {0.0}


def test_outliers_are_called_and_pairs_that_were_not_planted_are_false(questions):
    score_QN = np.random.default_rng(0).normal(size=(len(questions.right_Q), len(A)))
    calm = questions.discoveries(score_QN)
    assert calm["along a goal, called"] == 0 and np.isnan(calm["along a goal, false among called"])
    rows = np.arange(len(score_QN))
    score_QN[rows, questions.right_Q] = 1_000
    found = questions.discoveries(score_QN)
    assert found["along a goal, called"] == found["along a goal, right pair called"] == 1
    assert found["along a goal, false among called"] == 0
    # Of so few pairs of regulators none can be told from chance.
    assert found["along a goal, called of regulators"] == 0
    # A pair that works against the goal is no find.
    wrong = np.setdiff1d(np.arange(len(A)), questions.right_Q)
    score_QN[:, wrong[0]], score_QN[:, wrong[1]] = 1_000, -1_000
    found = questions.discoveries(score_QN)
    assert found["along a goal, called"] == 2 and found["along a goal, false among called"] == 0.5


def test_cohort_scores_leave_both_genes_out(world):
    levels = levels_of(Training.of(world))
    score_QN = cohort_scores(levels, np.eye(SMALL.n_genes)[:2], A, B)
    assert score_QN.shape == (2, len(A)) and np.abs(score_QN).max() < 1
    size_N = cohort_sizes(levels, A, B)
    only = [g for g in range(SMALL.n_genes) if g not in (A[7], B[7])]
    expected = (cohort_scores(levels, np.eye(SMALL.n_genes)[only], A[[7]], B[[7]]) ** 4).sum()
    assert size_N[7] == pytest.approx(expected, rel=1e-5)
