"""Detection of the unit from the values."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from cellstate.expression.length_bias import usual_levels
from cellstate.expression.reading import is_doubt
from cellstate.expression.units import LENGTH_FREE, Unit
from cellstate.genes import N_AXIS, gene_axis
from cellstate.io import ReadOptions, read_samples
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


@pytest.mark.parametrize("text", ["log2(TPM+0)", "log2(TPM+-1)", "log2(TPM+1e)", "log2(TPM+.)", "log3(TPM+1)", "reads"])
def test_a_unit_that_cannot_be_is_refused(text):
    with raises_code("unknown_option"):
        Unit.parse(text)


@pytest.mark.parametrize("text, base, offset", [
    ("log2(TPM)", 2.0, 0.0), ("log10(TPM)", 10.0, 0.0), ("log2(TPM+0.5)", 2.0, 0.5), ("log2 TPM", 2.0, 1.0),
    ("ln(TPM+2)", math.e, 2.0), ("log1p TPM", math.e, 1.0), ("log1p(TPM)", math.e, 1.0),
])  # fmt: skip
def test_logarithms_by_name(text, base, offset):
    unit = Unit.parse(text)
    assert (unit.base, unit.offset) == (base, offset) and Unit.parse(str(unit)) == unit
    values = np.array([0.0, 0.5, 7.25])
    np.testing.assert_allclose(unit.linear(np.log(values + offset + 1e-300) / math.log(base)), values, atol=1e-9)


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


# --- the harder ones, on levels as they are ---


@pytest.fixture(scope="module")
def tumours() -> tuple[np.ndarray, np.ndarray]:
    """TPM that resemble the usual levels of all genes, and counts of them; shape (3, A)."""
    rng = np.random.default_rng(2)
    level_A = np.nan_to_num(usual_levels()) * rng.lognormal(0, 0.8, N_AXIS)
    tpm_SA = level_A * rng.lognormal(0, 0.3, (3, N_AXIS))
    tpm_SA *= 1e6 / tpm_SA.sum(axis=1, keepdims=True)
    reads_SA = tpm_SA * gene_axis().length_bp
    counts_SA = rng.poisson(reads_SA * np.array([[3e7], [2.2e7], [4e7]]) / reads_SA.sum(axis=1, keepdims=True))
    per_base_SA = counts_SA / gene_axis().length_bp
    return per_base_SA * 1e6 / per_base_SA.sum(axis=1, keepdims=True), counts_SA.astype(float)


def _read(values_SA: np.ndarray, name: str = "x.csv", decimals: int | None = None):
    frame = pd.DataFrame(values_SA.T, index=pd.Index(gene_axis().ensembl, name="gene"), columns=["a", "b", "c"])
    return read_samples((frame if decimals is None else frame.round(decimals)).to_csv().encode(), name=name)


def _cpm_of(counts_SA: np.ndarray) -> np.ndarray:
    return counts_SA / counts_SA.sum(axis=1, keepdims=True) * 1e6


_TMM = np.array([[1.16], [0.88], [0.96]])
DIFFICULT = {
    "CPM, 2 decimals": (lambda t, c: _cpm_of(c), 2, "x.csv", "CPM"),
    "CPM, 4 decimals": (lambda t, c: _cpm_of(c), 4, "x.csv", "CPM"),
    "CPM after TMM": (lambda t, c: _cpm_of(c) * _TMM, None, "x.csv", "CPM"),
    "log2 CPM, 2 decimals": (lambda t, c: np.log2(_cpm_of(c) + 1), 2, "x.csv", "log2(CPM+1)"),
    "TPM, 1 decimal": (lambda t, c: t, 1, "x.csv", "TPM"),
    "TPM, 2 decimals": (lambda t, c: t, 2, "x.csv", "TPM"),
    "TPM, whole": (lambda t, c: t, 0, "x.csv", "TPM"),
    "log2 TPM, 2 decimals": (lambda t, c: np.log2(t + 1), 2, "x.csv", "log2(TPM+1)"),
    "log2 of rounded TPM, 6 decimals": (lambda t, c: np.log2(t.round(2) + 1), 6, "x.csv", "log2(TPM+1)"),
    "TOIL": (lambda t, c: np.log2(t.round(2) + 0.001), 4, "x.csv", "log2(TPM+0.001)"),
    "pseudocount 0.5": (lambda t, c: np.log2(t + 0.5), None, "x.csv", "log2(TPM+0.5)"),
    "log10 with 0.01": (lambda t, c: np.log10(t * 0.3 + 0.01), None, "fpkm.csv", "log10(FPKM+0.01)"),
    "voom": (lambda t, c: np.log2((c + 0.5) / (c.sum(1)[:, None] + 1) * 1e6), None, "x.csv", "log2(CPM)"),
    "vst": (lambda t, c: np.log2(c / _TMM + 18), None, "x.csv", "log2(counts+18)"),
    "FPKM-UQ": (lambda t, c: t * 6000, None, "TCGA.FPKM-UQ.txt", "FPKM"),
    "log2 FPKM-UQ": (lambda t, c: np.log2(t * 6000 + 1), None, "x.csv", "log2(FPKM+1)"),
    "FPKM of one sample named so": (lambda t, c: t * 0.3, 4, "GSE1_norm_counts_FPKM.tsv", "FPKM"),
    "normalised counts": (lambda t, c: c / _TMM, None, "x.csv", "counts"),
}


@pytest.mark.parametrize("kind", DIFFICULT)
def test_unit_is_told_by_ties_floors_length_and_names(tumours, kind):
    make, decimals, name, unit = DIFFICULT[kind]
    samples = _read(make(*tumours), name, decimals)
    assert samples.report.unit == unit
    both = np.log2(np.stack([samples.tpm_SA, tumours[0]]) + 1)
    assert np.nanmin([np.corrcoef(both[0, s], both[1, s])[0, 1] for s in range(3)]) > 0.99


DOUBTED = {
    "CPM named TPM": (lambda t, c: _cpm_of(c), "tpm.csv", "uncertain_unit"),
    "TPM named CPM": (lambda t, c: t, "cpm.csv", "uncertain_unit"),
    "CPM, 1 decimal": (lambda t, c: _cpm_of(c).round(1), "x.csv", "uncertain_unit"),
    "counts of 3' sequencing": (lambda t, c: (t * 5).round(), "x.csv", "uncertain_length"),
    "microarray": (lambda t, c: np.log2(t + 30), "x.csv", "uncertain_unit"),
    "intensities": (lambda t, c: t * 3 + 20.5, "x.csv", "uncertain_unit"),
}


@pytest.mark.parametrize("kind", DOUBTED)
def test_doubt_is_told(tumours, kind):
    make, name, code = DOUBTED[kind]
    samples = _read(make(*tumours), name)
    assert warning_codes(samples)[0] == code and is_doubt(samples.report.warnings[0])


def test_counts_that_do_not_depend_on_length_are_not_divided_by_it(tumours):
    counts_SA = (tumours[0] * 5).round()
    for samples in (
        _read(counts_SA, "quantseq_counts.csv"),
        read_samples(
            pd.DataFrame(counts_SA.T, index=gene_axis().ensembl).to_csv().encode(),
            options=ReadOptions(unit=LENGTH_FREE),
        ),
    ):
        assert samples.report.unit == LENGTH_FREE
        np.testing.assert_allclose(samples.tpm_SA, counts_SA / counts_SA.sum(axis=1, keepdims=True) * 1e6, rtol=1e-4)
        np.testing.assert_allclose(samples.library_size_S, counts_SA.sum(axis=1))


def test_sums_and_spike_ins_do_not_count(profile):
    frame = profile.frame(profile.tpm_SF)
    extra = pd.DataFrame(5e5, index=["Total", "ERCC-00002", "Grand Total", "no_feature"], columns=frame.columns)
    profile.assert_same(read_samples(pd.concat([frame, extra]).to_csv(index_label="gene").encode()))


def test_values_that_are_no_expression_are_refused(profile):
    rng = np.random.default_rng(0)
    ranks = np.argsort(np.argsort(profile.tpm_SF + rng.random((3, 3000)), axis=1), axis=1) + 1
    for values, code in (
        (rng.random((3, 3000)), "scaled_values"),
        (ranks, "scaled_values"),
        (rng.normal(size=(3, 3000)), "negative_values"),
        (np.log2(profile.counts_SF + 0.5) + rng.normal(0, 0.2, (3, 3000)) + 0.5, "regularised_log"),
    ):
        with raises_code(code):
            read_samples(profile.frame(values).to_csv().encode())
