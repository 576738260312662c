"""90 % intervals: right on average for samples like the validation patients, and wider where the model fits badly."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from cellstate.evaluation.intervals import (
    COVERAGE,
    LEVELS_TPM,
    MIN_VALUES,
    Intervals,
    expected_error,
    fit_intervals,
    gene_error,
    intervals,
    predicted_log1p,
)
from cellstate.evaluation.metrics import EDGES
from cellstate.evaluation.reconstruction import evaluate
from cellstate.gene_space import align
from cellstate.model import ModelRecord
from cellstate.perturb.sample import prepare_samples


def expected(model, tpm_SG) -> Intervals:
    found = intervals(model, tpm_SG, predicted_log1p(model, tpm_SG))
    assert found is not None
    return found


def on_genes(model, samples, split: str = "test") -> np.ndarray:
    return align(samples.split(split), model.space).tpm_SG


@pytest.mark.parametrize("split", ["test", "older_test"])
def test_they_cover_what_they_promise(small_model, cohort, split):
    tpm_SG = on_genes(small_model, cohort, split)
    covered = expected(small_model, tpm_SG).coverage(tpm_SG, EDGES)
    assert covered.nominal == COVERAGE
    assert covered.overall == pytest.approx(COVERAGE, abs=0.04)


def test_they_hold_the_prediction_and_never_end_below_zero(small_model, cohort):
    tpm_SG = on_genes(small_model, cohort)
    found, hat_SG = expected(small_model, tpm_SG), np.expm1(predicted_log1p(small_model, tpm_SG))
    assert (found.low_tpm_SG >= 0).all()
    assert (found.low_tpm_SG <= hat_SG * 1.0001).all() and (hat_SG <= found.high_tpm_SG * 1.0001).all()


def test_a_sample_that_fits_badly_gets_wider_ones(small_model, cohort):
    tpm_SG = on_genes(small_model, cohort)
    noisy_SG = tpm_SG * np.exp(np.random.default_rng(0).normal(0, 1, tpm_SG.shape)).astype(np.float32)
    width = [
        np.log1p(i.high_tpm_SG) - np.log1p(i.low_tpm_SG)
        for i in map(lambda t: expected(small_model, t), (tpm_SG, noisy_SG))
    ]
    assert np.median(width[1]) > 1.5 * np.median(width[0])
    covered = expected(small_model, noisy_SG).coverage(noisy_SG, EDGES)
    assert covered.overall == pytest.approx(COVERAGE, abs=0.07)


def test_a_gene_that_the_model_follows_badly_gets_wider_ones(small_model, cohort):
    tpm_SG = on_genes(small_model, cohort)
    found, error_G = expected(small_model, tpm_SG), gene_error(small_model)
    hat_SG = predicted_log1p(small_model, tpm_SG)
    loud_G = hat_SG.min(axis=0) > 1
    width_G = (np.log1p(found.high_tpm_SG) - np.log1p(found.low_tpm_SG)).mean(axis=0)
    assert np.corrcoef(width_G[loud_G], error_G[loud_G])[0, 1] > 0.9


def test_only_validation_patients_are_looked_at(small_model, cohort):
    again = fit_intervals(prepare_samples(small_model, cohort.split("validation")))
    kept = small_model.record.calibration.intervals
    for side in ("low", "high"):
        assert getattr(again, side) == pytest.approx(getattr(kept, side), rel=1e-3, abs=1e-3)


def test_each_level_has_quantiles_of_its_own_where_it_has_enough_values(small_model, cohort):
    tpm_SG = on_genes(small_model, cohort, "validation")
    hat_SG = predicted_log1p(small_model, tpm_SG)
    scaled_SG = (np.log1p(tpm_SG) - hat_SG) / expected_error(small_model, np.log1p(tpm_SG), hat_SG)
    kept = small_model.record.calibration.intervals
    ends = np.log1p(np.r_[LEVELS_TPM, np.inf])
    own = 0
    for level, (low, high) in enumerate(itertools.pairwise(ends)):
        here = scaled_SG[(hat_SG >= low) & (hat_SG < high)]
        chosen = here if len(here) >= MIN_VALUES else scaled_SG
        own += chosen is here
        assert kept.low[level] == pytest.approx(np.quantile(chosen, 0.05), rel=1e-2)
        assert kept.high[level] == pytest.approx(np.quantile(chosen, 0.95), rel=1e-2)
    assert 1 < own < len(LEVELS_TPM)


def test_coverage_by_hand():
    truth = np.array([[0.0, 1.0, 5.0, np.nan, 50.0]])
    found = Intervals(np.array([[0.0, 2.0, 4.0, 0.0, 60.0]]), np.array([[1.0, 3.0, 6.0, 1.0, 90.0]]))
    covered = found.coverage(truth, (0, 2.5, 10, 100, np.inf))
    assert covered.overall == pytest.approx(2 / 4)
    assert covered.bins == (pytest.approx(1 / 2), 1, 0, None)


def test_the_figures_of_an_evaluation_tell_them(small_model, cohort):
    shown = evaluate(prepare_samples(small_model, cohort.split("test"))).record().interval_coverage
    tpm_SG = on_genes(small_model, cohort)
    assert shown == expected(small_model, tpm_SG).coverage(tpm_SG, EDGES)
    kept = small_model.record.evaluation["test"].interval_coverage
    assert kept.overall == pytest.approx(shown.overall, abs=1e-3)


def test_a_model_that_was_not_calibrated_has_none(small_model, cohort):
    bare = replace(small_model, record=ModelRecord())
    assert evaluate(prepare_samples(bare, cohort.split("test").take([0]))).to_dict()["interval_coverage"] is None
    assert intervals(bare, np.ones((1, len(bare.space))), np.ones((1, len(bare.space)))) is None
