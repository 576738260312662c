"""Samples on the gene axis, and the conversion of counts to TPM."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellstate.errors import ReadError
from cellstate.expression.units import TPM_TOTAL
from cellstate.genes import N_AXIS
from cellstate.samples import Samples, counts_to_tpm
from tests.support.factories import make_samples

counts = hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.just(6)), elements=st.integers(0, 10**7))


def test_factory_is_deterministic_and_sums_to_a_million() -> None:
    once, again = make_samples(5, seed=1, missing_fraction=0.2), make_samples(5, seed=1, missing_fraction=0.2)
    np.testing.assert_array_equal(once.tpm_SA, again.tpm_SA)
    np.testing.assert_allclose(np.nansum(once.tpm_SA, axis=1, dtype=float), TPM_TOTAL, rtol=1e-5)
    assert np.isnan(once.tpm_SA).mean() == pytest.approx(0.2, abs=0.02)
    assert not np.array_equal(once.tpm_SA, make_samples(5, seed=2).tpm_SA)


@pytest.mark.parametrize(("names", "shape"), [(("a", "b"), (1, N_AXIS)), (("a",), (1, 3))])
def test_wrong_shapes_are_refused(names: tuple[str, ...], shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Samples(names, np.zeros(shape, np.float32), np.zeros(1))


def test_take_and_select() -> None:
    samples = make_samples(4)
    assert samples.take([2, 0]).names == ("S3", "S1")
    np.testing.assert_array_equal(samples.select("S3").tpm_SA, samples.tpm_SA[2:3])
    assert len(samples.take([])) == 0
    with pytest.raises(ReadError, match="no sample called 'S9'") as error:
        samples.select("S9")
    assert "S1, S2, S3, S4" in error.value.hint


def test_missing_genes_are_neither_measured_nor_detected() -> None:
    samples = make_samples(2, missing_fraction=0.3)
    measured_SA = samples.measured_SA
    assert (samples.detected_genes_S < measured_SA.sum(axis=1)).all()
    assert not (samples.tpm_SA[~measured_SA] > 0).any()


def test_n_measured_counts_genes_of_any_sample() -> None:
    tpm_SA = np.full((2, N_AXIS), np.nan, np.float32)
    tpm_SA[0, :3], tpm_SA[1, 2:7] = 0.0, 1.0
    assert Samples(("a", "b"), tpm_SA, np.zeros(2)).n_measured == 7


@given(counts, hnp.arrays(np.float64, 6, elements=st.integers(50, 100_000)))
def test_tpm_sum_to_a_million_at_any_depth(counts_SF: np.ndarray, length_F: np.ndarray) -> None:
    tpm_SF = counts_to_tpm(counts_SF, length_F)
    total_S = np.where(counts_SF.sum(axis=1) > 0, TPM_TOTAL, 0.0)
    np.testing.assert_allclose(tpm_SF.sum(axis=1), total_S)
    np.testing.assert_allclose(counts_to_tpm(counts_SF * 7, length_F), tpm_SF, rtol=1e-9)
    np.testing.assert_allclose(counts_to_tpm(counts_SF, length_F * 3), tpm_SF, rtol=1e-9)


def test_tpm_of_known_counts_and_of_missing_ones() -> None:
    tpm_SF = counts_to_tpm(np.array([[10, 20, 0]]), np.array([1_000.0, 4_000.0, 500.0]))
    np.testing.assert_allclose(tpm_SF, [[1e6 * 2 / 3, 1e6 / 3, 0]])
    tpm_SF = counts_to_tpm(np.array([[1.0, np.nan, 3.0], [0.0, np.nan, 0.0]]), np.full(3, 1_000.0))
    np.testing.assert_allclose(tpm_SF, [[2.5e5, np.nan, 7.5e5], [0.0, np.nan, 0.0]])
