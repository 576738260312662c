"""Whether values grow with gene length."""

from __future__ import annotations

import numpy as np
import pytest

from cellstate.expression.length_bias import length_bias, usual_levels
from cellstate.genes import N_AXIS, gene_axis


@pytest.fixture
def levels() -> np.ndarray:
    """Made-up TPM that resemble the usual levels; shape (1, A)."""
    noise_A = np.random.default_rng(0).lognormal(0, 1.0, N_AXIS)
    return (np.nan_to_num(usual_levels()) * noise_A)[None]


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_slope_is_the_power_of_length(levels, power):
    bias = length_bias(levels * gene_axis().length_bp ** power, np.arange(N_AXIS))
    assert bias.slope == pytest.approx(power, abs=0.05) and bias.standard_error < 0.05


def test_few_or_odd_genes_say_nothing(levels):
    assert np.isnan(length_bias(levels[:, :200], np.arange(200)).slope)
    shuffled = np.random.default_rng(1).permutation(levels[0])[None]
    assert np.isnan(length_bias(shuffled, np.arange(N_AXIS)).slope)
