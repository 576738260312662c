"""The offset of a batch comes from its other samples alone."""

from __future__ import annotations

import numpy as np
import pytest

from cellstate.evaluation.batch_offset import leave_one_out_offset

RNG = np.random.default_rng(3)


def test_a_sample_says_nothing_of_itself() -> None:
    residual_SG = RNG.normal(size=(6, 40)) + RNG.normal(size=40)
    changed_SG = residual_SG.copy()
    changed_SG[2] += 100
    before, after = leave_one_out_offset(residual_SG), leave_one_out_offset(changed_SG)
    np.testing.assert_allclose(before[2], after[2], rtol=1e-10)
    assert not np.allclose(before[3], after[3])


def test_finds_a_large_offset_and_no_offset() -> None:
    offset_G = RNG.normal(size=500)
    noise_SG = RNG.normal(scale=0.05, size=(12, 500))
    found = leave_one_out_offset(offset_G + noise_SG)
    np.testing.assert_allclose(found, np.broadcast_to(offset_G, found.shape), atol=0.1)
    # Of pure noise almost nothing is kept.
    assert np.abs(leave_one_out_offset(noise_SG)).mean() < 0.1 * np.abs(noise_SG.mean(axis=0)).mean() + 0.01


def test_equals_the_definition_one_by_one() -> None:
    residual_SG = RNG.normal(size=(5, 7)) + 2
    residual_SG[0, 0] = residual_SG[3, 0] = residual_SG[4, 1] = np.nan
    found = leave_one_out_offset(residual_SG)
    for sample in range(5):
        others = np.delete(residual_SG, sample, axis=0)
        n = (~np.isnan(others)).sum(axis=0)
        mean, noise = np.nanmean(others, axis=0), np.nanvar(others, axis=0, ddof=1) / n
        tau2 = max(0.0, float(np.mean(mean**2 - noise)))
        np.testing.assert_allclose(found[sample], mean * tau2 / (tau2 + noise), rtol=1e-9)


def test_batches_are_apart_and_small_ones_have_none() -> None:
    residual_SG = np.concatenate([np.full((4, 9), 1.0), np.full((4, 9), -2.0), np.full((2, 9), 5.0)])
    found = leave_one_out_offset(residual_SG, ["a"] * 4 + ["b"] * 4 + ["c"] * 2)
    np.testing.assert_allclose(found[:4], 1)
    np.testing.assert_allclose(found[4:8], -2)
    np.testing.assert_array_equal(found[8:], 0)


@pytest.mark.parametrize("measured", [0, 1, 2])
def test_a_gene_that_too_few_of_the_others_measure_has_none(measured) -> None:
    residual_SG = np.full((6, 3), 1.0)
    residual_SG[measured:, 0] = np.nan
    found = leave_one_out_offset(residual_SG)
    assert np.isfinite(found).all()
    # The measured samples see one other at most; with two, the unmeasured ones see both.
    np.testing.assert_array_equal(found[:measured, 0], 0)
    np.testing.assert_allclose(found[measured:, 0], 1 if measured == 2 else 0)
    np.testing.assert_allclose(found[:, 1], 1)
