"""What patients show of two genes: by ordinary least squares, whoever asks, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import norm, rankdata, t

from cellstate.perturb.search.cohort_interaction import (
    CohortInteractions,
    Levels,
    cohort_interactions,
    has_cohort,
    normal_scores,
)
from tests.unit.perturb.questions import some_goal, without_cohort

N_PATIENTS, N_GENES = 90, 12
A, B = np.triu_indices(N_GENES, 1)


@pytest.fixture
def z_SG() -> np.ndarray:
    """Genes that go together, one of two levels, one that many patients do not express, and one that never moves."""
    rng = np.random.default_rng(3)
    z_SG = rng.standard_normal((N_PATIENTS, N_GENES)) + 0.6 * rng.standard_normal((N_PATIENTS, 1))
    z_SG[:, 4] = z_SG[:, 4] > 0
    z_SG[:, 5] = np.maximum(z_SG[:, 5], 0)
    z_SG[:, 6] = 0.7
    return z_SG


def by_least_squares(z_SG: np.ndarray, goal_S: np.ndarray, a: int, b: int) -> tuple[float, float]:
    """The partial correlation and its p from the t of one coefficient, in float64."""
    a_S, b_S, goal_S = (
        (s - s.mean()) / s.std() for s in (norm.ppf((rankdata(x) - 0.5) / len(x)) for x in (*z_SG.T[[a, b]], goal_S))
    )
    x_S6 = np.column_stack([np.ones_like(a_S), a_S, b_S, a_S**2, b_S**2, a_S * b_S])
    weight_6, (rss,), _, _ = np.linalg.lstsq(x_S6, goal_S, rcond=None)
    free = len(a_S) - 6
    statistic = weight_6[-1] / np.sqrt(rss / free * np.linalg.inv(x_S6.T @ x_S6)[-1, -1])
    return statistic / np.sqrt(statistic**2 + free), 2 * t.sf(abs(statistic), free)


def test_it_is_the_coefficient_of_a_product_in_least_squares(z_SG):
    direction_G = np.random.default_rng(1).standard_normal(N_GENES)
    r_E, p_E = CohortInteractions(Levels.of(z_SG), direction_G).exact(A, B)
    for pair, (a, b) in enumerate(zip(A, B, strict=True)):
        if 6 in (a, b):
            assert r_E[pair] == 0 and p_E[pair] == 1
            continue
        if 4 in (a, b):  # its square is its level: least squares without it is another
            continue
        goal_S = z_SG @ direction_G - direction_G[a] * z_SG[:, a] - direction_G[b] * z_SG[:, b]
        assert (r_E[pair], p_E[pair]) == pytest.approx(by_least_squares(z_SG, goal_S, a, b), abs=1e-5)


def test_rows_are_the_same_of_pairs_that_are_no_part_of_the_goal(z_SG):
    levels = Levels.of(np.hstack([z_SG, np.random.default_rng(2).standard_normal((N_PATIENTS, 3))]))
    direction_G = np.r_[np.zeros(N_GENES), 1, -1, 1]
    found = CohortInteractions(levels, direction_G)
    row_GG = found.rows(np.arange(N_GENES)).numpy()[:, :N_GENES]
    assert np.abs(row_GG - row_GG.T).max() < 1e-5
    assert row_GG[A, B] == pytest.approx(found.exact(A, B)[0], abs=1e-5)
    assert np.abs(row_GG).max() > 0.2


def test_a_planted_pair_is_found_and_what_others_explain_is_taken_out():
    rng = np.random.default_rng(5)
    z_SG = rng.standard_normal((300, N_GENES))
    z_SG[:, 0] = 0.5 * z_SG[:, 1] * z_SG[:, 2] + 2 * z_SG[:, 3] + 0.3 * rng.standard_normal(300)
    effect_GG = csr_array(([2.0], ([3], [0])), shape=(N_GENES, N_GENES))
    goal_G = np.eye(N_GENES)[0]
    plain, helped = (CohortInteractions(Levels.of(z_SG, e), goal_G).exact(A, B)[0] for e in (None, effect_GG))
    planted = int(np.flatnonzero((A == 1) & (B == 2))[0])
    others = np.delete(np.abs(helped), planted)
    assert helped[planted] > 0.6 > plain[planted] > 0 and others.max() < 0.3


def test_under_no_interaction_p_is_uniform():
    rng = np.random.default_rng(7)
    levels = Levels.of(rng.standard_normal((60, 80)))
    a_E, b_E = np.triu_indices(79, 1)
    _, p_E = CohortInteractions(levels, np.eye(80)[79]).exact(a_E, b_E)
    assert np.mean(p_E < 0.05) == pytest.approx(0.05, abs=0.015)


def test_two_genes_that_say_the_same_show_nothing(z_SG):
    z_SG[:, 1] = z_SG[:, 0]
    found = CohortInteractions(Levels.of(z_SG), np.eye(N_GENES)[3])
    assert abs(found.exact(np.array([0]), np.array([1]))[0][0]) < 1e-6 and found.rows(np.array([0]))[0, 1] == 0


def test_normal_scores_do_not_ask_for_distances(z_SG):
    assert normal_scores(np.exp(z_SG[:, :3])) == pytest.approx(normal_scores(z_SG[:, :3]))
    assert (normal_scores(z_SG)[:, 6] == 0).all()


def test_a_model_answers_by_its_own_cohort(small_model, tmp_path):
    without = without_cohort(small_model, tmp_path / "model")
    assert has_cohort(small_model) and not has_cohort(without)
    assert cohort_interactions(without, some_goal(small_model)) is None
    found = cohort_interactions(small_model, some_goal(small_model))
    r_E, p_E = found.exact(np.arange(10), np.arange(10, 20))
    assert np.isfinite(r_E).all() and ((p_E > 0) & (p_E <= 1)).all()
