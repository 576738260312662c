"""Quality control: figures counted from the values, their grades, and real libraries of known quality."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellstate.evaluation.qc import LIMITS, N_TOP_GENES, Check, Grade, grades, qc_figures, with_ood_score, worst
from cellstate.expression.convert import FEW_READS
from cellstate.genes import gene_axis
from cellstate.io import read_samples
from cellstate.model import load_model
from cellstate.samples import Samples
from cellstate.ui.components.load_samples import examples

GOOD, FAIR, POOR, UNKNOWN = Grade.GOOD, Grade.FAIR, Grade.POOR, Grade.UNKNOWN


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (Check.OOD_SCORE, {0.0: GOOD, 2.0: GOOD, 2.1: FAIR, 5.0: FAIR, 5.1: POOR, np.nan: UNKNOWN}),
        (Check.DETECTED, {14_000: GOOD, 13_999: FAIR, 10_000: FAIR, 9_999: POOR, 0: POOR}),
        (Check.MEASURED, {0.95: GOOD, 0.94: FAIR, 0.8: FAIR, 0.79: POOR}),
        (Check.READS, {10e6: GOOD, 9.9e6: FAIR, 1e6: FAIR, 0.99e6: POOR, 0.0: POOR, np.nan: UNKNOWN}),
        (Check.TOP, {0.5: GOOD, 0.51: FAIR, 0.7: FAIR, 0.71: POOR}),
        (Check.MITO, {0.35: GOOD, 0.36: FAIR, 0.6: FAIR, 0.61: POOR}),
    ],
)
def test_limits(check: Check, expected: dict[float, Grade]) -> None:
    assert {value: grades({check: value})[check] for value in expected} == expected


def test_the_reader_warns_of_the_same_samples() -> None:
    assert LIMITS[Check.READS].fair == FEW_READS


@given(st.lists(st.floats(0, 40e6), min_size=2, max_size=8))
def test_more_reads_are_never_worse(reads: list[float]) -> None:
    found = [list(Grade).index(LIMITS[Check.READS].grade(n)) for n in sorted(reads)]
    assert all(before >= after for before, after in pairwise(found))


def test_the_worst_grade_counts_and_the_ood_score_comes_first() -> None:
    assert [worst(found) for found in ([GOOD, UNKNOWN], [GOOD, POOR, FAIR], [])] == [GOOD, POOR, UNKNOWN]
    assert next(iter(with_ood_score({Check.DETECTED: 1.0}, 0.5))) is Check.OOD_SCORE
    assert np.isnan(with_ood_score({}, None)[Check.OOD_SCORE])


def test_figures_are_counted_from_the_values() -> None:
    space = load_model().space
    mito_A = np.array([symbol.startswith("MT-") for symbol in gene_axis().symbol])
    assert mito_A.sum() == 13
    tpm_SA = np.zeros((2, len(mito_A)), np.float32)
    plain = np.flatnonzero(~mito_A)
    tpm_SA[0, plain[: 2 * N_TOP_GENES]] = 6.0
    tpm_SA[0, mito_A] = 100.0
    tpm_SA[1, plain[:4]] = 250_000.0
    tpm_SA[1, mito_A] = np.nan
    tpm_SA[1, space.axis_index_G[: len(space) // 2]] = np.nan
    first, second = qc_figures(Samples(("a", "b"), tpm_SA, np.array([5e6, np.nan])), space)
    total = 6 * 2 * N_TOP_GENES + 1300
    assert first == pytest.approx(
        {
            Check.DETECTED: 2 * N_TOP_GENES + 13,
            Check.MEASURED: 1.0,
            Check.READS: 5e6,
            Check.TOP: (1300 + 6 * (N_TOP_GENES - 13)) / total,
            Check.MITO: 1300 / total,
        }
    )
    assert Check.MITO not in second and np.isnan(second[Check.READS])
    assert second[Check.MEASURED] == pytest.approx(0.5, abs=0.001)


def not_good(path: Path) -> dict[str, dict[Check, Grade]]:
    """Every grade but good, by sample."""
    samples = read_samples(path)
    found = map(grades, qc_figures(samples, load_model().space))
    rest = ({check: grade for check, grade in one.items() if grade is not GOOD} for one in found)
    return dict(zip(samples.names, rest, strict=True))


@pytest.mark.parametrize(
    "file",
    [
        "perturbation/GSE37704_featurecounts.csv",
        "perturbation/SRP049988.raw_counts.tsv.gz",
        "uploads/ERR188021.salmon.quant.sf.gz",
    ],
)
def test_sound_libraries_of_cell_lines_are_good(shared_data: Path, file: str) -> None:
    assert not any(not_good(shared_data / file).values())


def test_shallow_hearts_are_poor_and_deep_ones_are_not(shared_data: Path) -> None:
    hearts = not_good(shared_data / "uploads/SRP021193.raw_counts.tsv.gz")
    assert len(hearts) == 12
    shallow = {f"{group}_{n}" for group in ("CASE", "CTRL") for n in (4, 5, 6)}
    poor = {Check.DETECTED: POOR, Check.READS: POOR, Check.TOP: POOR}
    assert all(hearts.pop(name) == poor for name in shallow)
    fair = {"CTRL_1": {Check.MITO: FAIR}, "CTRL_3": {Check.TOP: FAIR, Check.MITO: FAIR}}
    assert {name: found for name, found in hearts.items() if found} == fair


def test_the_example_patients_are_good() -> None:
    for example in examples():
        found = grades(qc_figures(read_samples(example.path), load_model().space)[0])
        assert found.pop(Check.READS) is UNKNOWN
        # Illumina GA measures fewer of the model's genes.
        assert found.pop(Check.MEASURED) in (GOOD, FAIR)
        assert set(found.values()) == {GOOD}
