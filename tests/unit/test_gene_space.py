"""The genes of a model: alignment of samples, standardisation, look-up of names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellstate.errors import GeneError, ReadError
from cellstate.expression.units import TPM_TOTAL
from cellstate.gene_space import GeneSpace, align
from cellstate.genes import N_AXIS, gene_axis
from cellstate.samples import Samples
from tests.support.factories import make_samples, make_space

SPACE = make_space(150, seed=3)


def measuring(samples: Samples, keep: np.ndarray) -> Samples:
    """Return the samples as a file would give them that measures only some genes: TPM sum to a million over those."""
    tpm_SA = np.where(keep, samples.tpm_SA, np.nan)
    tpm_SA *= TPM_TOTAL / np.nansum(tpm_SA, axis=1, keepdims=True)
    return replace(samples, tpm_SA=tpm_SA.astype(np.float32))


@given(hnp.arrays(np.float32, (3, 150), elements=st.floats(0, 1e5, width=32)))
def test_standardising_can_be_undone(tpm_SG: np.ndarray) -> None:
    z_SG = SPACE.standardise(tpm_SG)
    assert z_SG.dtype == np.float32
    np.testing.assert_allclose(SPACE.log1p_tpm(z_SG), np.log1p(tpm_SG), atol=2e-5)


def test_missing_value_is_the_training_mean() -> None:
    z_SG = SPACE.standardise(np.full((1, 150), np.nan, np.float32))
    np.testing.assert_array_equal(z_SG, 0)
    np.testing.assert_allclose(SPACE.log1p_tpm(z_SG)[0], SPACE.mean_G)


def test_alignment_keeps_the_shares_of_the_training_cohort() -> None:
    aligned = align(make_samples(32, seed=3), SPACE)
    assert aligned.tpm_SG.shape == (32, 150)
    np.testing.assert_allclose(aligned.tpm_SG.sum(axis=1, dtype=float), SPACE.share_tpm_G.sum(), rtol=1e-5)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_file_with_fewer_genes_gives_nearly_the_same_values(part: float) -> None:
    """TPM of a file with few genes are all too high; alignment corrects that."""
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


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_sample_without_expression_is_refused(value: float) -> None:
    samples = make_samples(3)
    tpm_SA = samples.tpm_SA.copy()
    tpm_SA[1] = value
    with pytest.raises(ReadError, match="'S2' has no expression"):
        align(replace(samples, tpm_SA=tpm_SA), SPACE)


def test_sample_with_genes_that_are_silent_in_training_only_is_refused() -> None:
    share_tpm_G = SPACE.share_tpm_G.copy()
    share_tpm_G[0] = 0
    only_A = np.arange(N_AXIS) == SPACE.axis_index_G[0]
    tpm_SA = np.where(only_A, TPM_TOTAL, np.nan).astype(np.float32)[None]
    with pytest.raises(ReadError, match="no expression"):
        align(Samples(("x",), tpm_SA, np.array([np.nan])), replace(SPACE, share_tpm_G=share_tpm_G))


def test_find_by_any_name() -> None:
    first = SPACE.ensembl[0]
    assert SPACE.find(first) == SPACE.find(SPACE.symbols[0]) == 0
    outside = next(i for i in range(N_AXIS) if not SPACE.covers(i))
    with pytest.raises(GeneError, match="does not cover"):
        SPACE.find(gene_axis().ensembl[outside])


def test_wrong_gene_spaces_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        replace(SPACE, mean_G=SPACE.mean_G[:-1])
    twice = replace(SPACE, ensembl=(SPACE.ensembl[0], *SPACE.ensembl[:-1]))
    with pytest.raises(GeneError, match="has one twice"):
        _ = twice.axis_index_G


def test_hash_depends_on_the_order() -> None:
    reversed_space = GeneSpace(SPACE.ensembl[::-1], SPACE.mean_G[::-1], SPACE.scale_G[::-1], SPACE.share_tpm_G[::-1])
    assert reversed_space.hash != SPACE.hash
