"""Profiles on the gene axis, and the way from counts to the numbers a network sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellstate.errors import GeneError, ReadError
from cellstate.gene_space import GeneSpace, align
from cellstate.genes import N_AXIS, gene_axis
from cellstate.samples import TPM_TOTAL, Samples, counts_to_tpm
from tests.factories import make_samples, make_space

SPACE = make_space(150, seed=3)

counts = hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.just(6)), elements=st.integers(0, 10**7))


def measuring(samples: Samples, keep: np.ndarray) -> Samples:
    """Return the samples as a file would give them that measures only some genes: TPM sum to a million over those."""
    tpm_SA = np.where(keep, samples.tpm_SA, np.nan)
    tpm_SA *= TPM_TOTAL / np.nansum(tpm_SA, axis=1, keepdims=True)
    return replace(samples, tpm_SA=tpm_SA.astype(np.float32))


def test_factory_is_deterministic_and_sums_to_a_million() -> None:
    once, again = make_samples(5, seed=1, missing_fraction=0.2), make_samples(5, seed=1, missing_fraction=0.2)
    np.testing.assert_array_equal(once.tpm_SA, again.tpm_SA)
    np.testing.assert_allclose(np.nansum(once.tpm_SA, axis=1, dtype=float), TPM_TOTAL, rtol=1e-5)
    assert np.isnan(once.tpm_SA).mean() == pytest.approx(0.2, abs=0.02)
    assert not np.array_equal(once.tpm_SA, make_samples(5, seed=2).tpm_SA)


def test_samples_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Samples(("a", "b"), np.zeros((1, N_AXIS), np.float32), np.zeros(1))
    with pytest.raises(ValueError, match="do not fit"):
        Samples(("a",), np.zeros((1, 3), np.float32), np.zeros(1))


def test_samples_are_taken_by_position_and_by_name() -> None:
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


def test_a_gene_counts_as_measured_where_any_sample_measures_it() -> None:
    tpm_SA = np.full((2, N_AXIS), np.nan, np.float32)
    tpm_SA[0, :3], tpm_SA[1, 2:7] = 0.0, 1.0
    assert Samples(("a", "b"), tpm_SA, np.zeros(2)).n_measured == 7


@given(counts, hnp.arrays(np.float64, 6, elements=st.integers(50, 100_000)))
def test_tpm_sum_to_a_million_and_forget_the_depth(counts_SF: np.ndarray, length_F: np.ndarray) -> None:
    tpm_SF = counts_to_tpm(counts_SF, length_F)
    total_S = np.where(counts_SF.sum(axis=1) > 0, TPM_TOTAL, 0.0)
    np.testing.assert_allclose(tpm_SF.sum(axis=1), total_S)
    np.testing.assert_allclose(counts_to_tpm(counts_SF * 7, length_F), tpm_SF, rtol=1e-9)
    np.testing.assert_allclose(counts_to_tpm(counts_SF, length_F * 3), tpm_SF, rtol=1e-9)


def test_tpm_of_known_counts() -> None:
    tpm_SF = counts_to_tpm(np.array([[10, 20, 0]]), np.array([1_000.0, 4_000.0, 500.0]))
    np.testing.assert_allclose(tpm_SF, [[1e6 * 2 / 3, 1e6 / 3, 0]])


def test_missing_counts_stay_missing_even_in_a_silent_sample() -> None:
    tpm_SF = counts_to_tpm(np.array([[1.0, np.nan, 3.0], [0.0, np.nan, 0.0]]), np.full(3, 1_000.0))
    np.testing.assert_allclose(tpm_SF, [[2.5e5, np.nan, 7.5e5], [0.0, np.nan, 0.0]])


@given(hnp.arrays(np.float32, (3, 150), elements=st.floats(0, 1e5, width=32)))
def test_standardising_can_be_undone(tpm_SG: np.ndarray) -> None:
    z_SG = SPACE.standardise(tpm_SG)
    assert z_SG.dtype == np.float32
    np.testing.assert_allclose(SPACE.log1p_tpm(z_SG), np.log1p(tpm_SG), atol=2e-5)


def test_missing_value_is_the_training_mean() -> None:
    z_SG = SPACE.standardise(np.full((1, 150), np.nan, np.float32))
    np.testing.assert_array_equal(z_SG, 0)
    np.testing.assert_allclose(SPACE.log1p_tpm(z_SG)[0], SPACE.mean_G)


def test_aligning_the_training_cohort_keeps_its_shares() -> None:
    aligned = align(make_samples(32, seed=3), SPACE)
    assert aligned.tpm_SG.shape == (32, 150)
    np.testing.assert_allclose(aligned.tpm_SG.sum(axis=1, dtype=float), SPACE.share_tpm_G.sum(), rtol=1e-5)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_smaller_file_gives_nearly_the_same_values(part: float) -> None:
    """TPM of a file with few genes are all too high; alignment takes that back."""
    samples = make_samples(6, seed=4)
    keep_A = np.random.default_rng(0).random(N_AXIS) < part
    whole, partial = align(samples, SPACE), align(measuring(samples, keep_A), SPACE)
    kept_G = keep_A[SPACE.axis_index_G]
    assert not partial.measured_SG[:, ~kept_G].any()
    # The level is exact up to how the kept genes' share varies between samples, one factor a sample.
    ratio_SG = partial.tpm_SG[:, kept_G] / np.where(whole.tpm_SG[:, kept_G] > 0, whole.tpm_SG[:, kept_G], np.nan)
    assert np.nanmax(np.nanstd(ratio_SG, axis=1)) < 1e-4
    assert np.abs(np.log2(np.nanmean(ratio_SG, axis=1))).max() < 1


@given(st.floats(1e-3, 1e3))
def test_scale_of_a_file_does_not_matter(factor: float) -> None:
    samples = make_samples(2, seed=5)
    scaled = replace(samples, tpm_SA=samples.tpm_SA * np.float32(factor))
    np.testing.assert_allclose(align(scaled, SPACE).tpm_SG, align(samples, SPACE).tpm_SG, rtol=1e-4)


def test_sample_without_expression_is_named() -> None:
    samples = make_samples(3)
    tpm_SA = samples.tpm_SA.copy()
    tpm_SA[1] = 0
    with pytest.raises(ReadError, match="'S2' has no expression"):
        align(replace(samples, tpm_SA=tpm_SA), SPACE)
    tpm_SA[1] = np.nan
    with pytest.raises(ReadError, match="'S2' has no expression"):
        align(replace(samples, tpm_SA=tpm_SA), SPACE)


def test_sample_with_nothing_but_genes_that_training_never_saw_is_refused() -> None:
    share_tpm_G = SPACE.share_tpm_G.copy()
    share_tpm_G[0] = 0
    only_A = np.arange(N_AXIS) == SPACE.axis_index_G[0]
    tpm_SA = np.where(only_A, TPM_TOTAL, np.nan).astype(np.float32)[None]
    with pytest.raises(ReadError, match="no expression"):
        align(Samples(("x",), tpm_SA, np.array([np.nan])), replace(SPACE, share_tpm_G=share_tpm_G))


def test_gene_space_finds_by_any_name_and_says_what_it_does_not_cover() -> None:
    first = SPACE.ensembl[0]
    assert SPACE.find(first) == SPACE.find(SPACE.symbols[0]) == 0
    outside = next(i for i in range(N_AXIS) if not SPACE.covers(i))
    with pytest.raises(GeneError, match="does not cover"):
        SPACE.find(gene_axis().ensembl[outside])


def test_gene_space_is_checked() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        replace(SPACE, mean_G=SPACE.mean_G[:-1])
    twice = replace(SPACE, ensembl=(SPACE.ensembl[0], *SPACE.ensembl[:-1]))
    with pytest.raises(GeneError, match="has one twice"):
        _ = twice.axis_index_G


def test_gene_space_hash_is_that_of_its_order() -> None:
    turned = GeneSpace(SPACE.ensembl[::-1], SPACE.mean_G[::-1], SPACE.scale_G[::-1], SPACE.share_tpm_G[::-1])
    assert turned.hash != SPACE.hash
