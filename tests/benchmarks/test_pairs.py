"""Whether pairs show again: a share of signs, of the pairs that other patients can tell of."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.pairs import records_of, shown_again
from cellstate.evidence import Dataset, Metric, PredictorId
from cellstate.perturb.search.cohort_interaction import Levels
from tests.unit.perturb.questions import some_goal


def test_the_share_of_foreseen_signs(small_model):
    rng = np.random.default_rng(0)
    z_SG = rng.standard_normal((80, len(small_model.space)))
    goal = some_goal(small_model)
    outside = np.flatnonzero(goal.direction_G == 0)
    first, second, silent = outside[:3]
    # The goal rises where both are high, and the third gene is not expressed here.
    z_SG += 3 * np.outer(z_SG[:, first] * z_SG[:, second], goal.direction_G)
    z_SG[:, silent] = 0
    levels = Levels.of(z_SG)
    a_E, b_E = np.array([first, first, second]), np.array([second, silent, silent])
    assert shown_again(levels, goal, a_E, b_E, np.ones(3)) == 1
    assert shown_again(levels, goal, a_E, b_E, -np.ones(3)) == 0
    many = rng.choice(outside[3:], (2, 300))
    many = many[:, many[0] != many[1]]
    assert shown_again(levels, goal, *many, np.ones(many.shape[1])) == pytest.approx(0.5, abs=0.12)


def test_a_record_holds_the_mean_share_and_its_interval():
    shares = {(Dataset.TEST, PredictorId.COHORT): [0.5, 0.6, 0.7], (Dataset.OLDER_TEST, PredictorId.COHORT): [0.4] * 3}
    count, first, second = records_of(shares)
    assert (count.metric, count.value, count.predictor) == (Metric.N_GENE_SETS, 3, None)
    assert first.value == pytest.approx(0.6) and first.ci_low < first.value < first.ci_high
    assert (second.value, second.ci_low, second.ci_high) == pytest.approx((0.4, 0.4, 0.4))
