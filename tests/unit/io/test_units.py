"""Detection of the unit from the values."""

from __future__ import annotations

import numpy as np
import pytest

from cellstate.io import ReadOptions, read_samples
from cellstate.io.units import Unit
from tests.support.read_codes import raises_code, warning_codes

_FPKM_PER_TPM = np.array([[0.3], [0.35], [0.25]])


def _cpm(profile) -> np.ndarray:
    return profile.counts_SF / profile.counts_SF.sum(axis=1, keepdims=True) * 1e6


IN_UNIT = {
    "counts": lambda p: p.counts_SF,
    "coverage": lambda p: p.counts_SF * 100,
    "TPM": lambda p: p.tpm_SF,
    "FPKM": lambda p: p.tpm_SF * _FPKM_PER_TPM,
    "CPM": _cpm,
    "log2(TPM+1)": lambda p: np.log2(p.tpm_SF + 1),
    "log1p TPM": lambda p: np.log1p(p.tpm_SF),
    "log10(TPM+1)": lambda p: np.log10(p.tpm_SF + 1),
    "log2(CPM+1)": lambda p: np.log2(_cpm(p) + 1),
    "log2(counts+1)": lambda p: np.log2(p.counts_SF + 1),
    "log1p counts": lambda p: np.log1p(p.counts_SF),
    "log1p CPM": lambda p: np.log1p(_cpm(p) / 100),
    "log2(TPM+0.001)": lambda p: np.log2(p.tpm_SF + 0.001),
    "log2(FPKM+1)": lambda p: np.log2(p.tpm_SF * _FPKM_PER_TPM + 1),
}


@pytest.mark.parametrize("unit", IN_UNIT)
def test_units_are_detected_and_converted(profile, unit):
    table = profile.frame(IN_UNIT[unit](profile)).to_csv().encode()
    samples = read_samples(table)
    assert samples.report.unit == unit
    profile.assert_same(samples)
    chosen = read_samples(table, options=ReadOptions(unit=unit))
    profile.assert_same(chosen)
    assert chosen.report.unit == unit


def test_library_sizes(profile):
    reads_S = profile.counts_SF.sum(axis=1)
    for unit, expected in (("counts", reads_S), ("coverage", reads_S), ("log2(counts+1)", reads_S)):
        samples = read_samples(profile.frame(IN_UNIT[unit](profile)).to_csv().encode())
        np.testing.assert_allclose(samples.library_size_S, expected, rtol=1e-6)
    assert np.isnan(read_samples(profile.frame(profile.tpm_SF).to_csv().encode()).library_size_S).all()


FRACTIONS = {
    "fractional": lambda counts_SF: counts_SF + (np.random.default_rng(0).random(counts_SF.shape) < 0.3) * 0.25,
    "normalised": lambda counts_SF: counts_SF * np.array([[0.937], [1.113], [0.871]]),
}


@pytest.mark.parametrize("kind", FRACTIONS)
def test_fractions_are_counts_with_a_warning_for_normalised_ones(profile, kind):
    samples = read_samples(profile.frame(FRACTIONS[kind](profile.counts_SF)).to_csv().encode())
    assert samples.report.unit == "counts" and ("uncertain_unit" in warning_codes(samples)) == (kind == "normalised")
    if kind == "normalised":
        profile.assert_same(samples)


def test_coverage_of_shallow_samples_alone_is_detected(profile):
    shallow = np.random.default_rng(3).poisson(profile.counts_SF / 200) * 90.0
    samples = read_samples(profile.frame(shallow).to_csv().encode())
    assert samples.report.unit == "coverage"
    assert "low_depth" in warning_codes(samples)


@pytest.mark.parametrize("unit", ["TPM", "CPM"])
def test_rounding_error_does_not_change_the_unit(profile, unit):
    values = IN_UNIT[unit](profile).copy()
    values[:, 0] = 1e-320
    assert read_samples(profile.frame(values).to_csv().encode()).report.unit == unit


def test_small_negatives_are_clipped_and_ratios_refused(profile):
    values = profile.counts_SF * 1.0001
    values[:, :20] = -0.5
    samples = read_samples(profile.frame(values).to_csv().encode())
    assert "negative_noise" in warning_codes(samples)
    assert (samples.tpm_SA[:, profile.positions[:20]] == 0).all()
    with raises_code("negative_values"):
        read_samples(profile.frame(np.random.default_rng(0).normal(size=(3, 3000))).to_csv().encode())


@pytest.mark.parametrize("unit", ["TPM", "FPKM", "counts"])
def test_negative_logarithms_are_refused_as_linear_values(profile, unit):
    table = profile.frame(np.log2(profile.tpm_SF + 0.001)).to_csv().encode()
    with raises_code("negative_logarithms"):
        read_samples(table, options=ReadOptions(unit=unit))
    for log in ("log2(TPM+0.001)", "log2(TPM+1)"):
        assert read_samples(table, options=ReadOptions(unit=log)).report.unit == log


def test_names_of_units():
    for text in ("counts", "coverage", "TPM", "FPKM", "CPM", "log2(TPM+1)", "log1p TPM", "log10(FPKM+1)"):
        assert str(Unit.parse(text)) == text
    assert str(Unit.parse("ln(TPM+1)")) == str(Unit.parse("log1p(tpm)")) == "log1p TPM"
    assert str(Unit.parse("RPKM")) == "FPKM"
    assert Unit.parse("log2(TPM+0.001)").offset == 0.001
    with raises_code("unknown_option"):
        Unit.parse("furlongs")
