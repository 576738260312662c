"""Quality in plain words: the limits, the figures behind them, and what is said."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.poster import Figures
from benchmarks.real_perturbations.records import figures
from cellstate.evaluation.qc import FAIR, POOR, TOP_GENES, UNKNOWN, badge, verdicts, word, worst
from cellstate.genes import gene_axis
from cellstate.io import read_samples
from cellstate.model import load_model
from cellstate.samples import Samples
from cellstate.ui.components.examples import examples
from tests.benchmarks.test_record import GOOD

FINE = Figures(reads=30e6, detected=16_000, measured=1.0, top_share=0.2, mito_share=0.1)


def grade(what: str, found: Figures, score: float | None = 1.0) -> str:
    return next(verdict.grade for verdict in verdicts(found, score) if what in verdict.what)


@pytest.mark.parametrize(
    ("what", "field", "values"),
    [
        ("Genes detected", "detected", {14_000: GOOD, 13_999: FAIR, 10_000: FAIR, 9_999: POOR, 0: POOR}),
        ("genes measured", "measured", {0.95: GOOD, 0.94: FAIR, 0.8: FAIR, 0.79: POOR}),
        ("Reads", "reads", {10e6: GOOD, 9.9e6: FAIR, 1e6: FAIR, 0.99e6: POOR, 0.0: POOR, np.nan: UNKNOWN}),
        ("loudest", "top_share", {0.5: GOOD, 0.51: FAIR, 0.7: FAIR, 0.71: POOR}),
        ("mitochondrial", "mito_share", {0.35: GOOD, 0.36: FAIR, 0.6: FAIR, 0.61: POOR}),
    ],
)
def test_limits(what: str, field: str, values: dict[Any, str]) -> None:
    for value, expected in values.items():
        changed: dict[str, Any] = {field: value}
        assert grade(what, replace(FINE, **changed)) == expected


@pytest.mark.parametrize(("score", "expected"), [(None, UNKNOWN), (0.0, GOOD), (2.0, GOOD), (2.1, FAIR), (5.1, POOR)])
def test_distance_speaks_first(score: float | None, expected: str) -> None:
    first = verdicts(FINE, score)[0]
    assert first.what.startswith("OodScore")
    assert first.grade == expected


@given(st.lists(st.floats(0, 40e6), min_size=2, max_size=8))
def test_more_reads_are_never_worse(reads: list[float]) -> None:
    order = [GOOD, FAIR, POOR]
    found = [order.index(grade("Reads", replace(FINE, reads=n))) for n in sorted(reads)]
    assert all(before >= after for before, after in pairwise(found))


def test_every_verdict_says_what_follows() -> None:
    worse = Figures(reads=2e5, detected=3_000, measured=0.4, top_share=0.9, mito_share=0.8)
    fair = Figures(reads=2e6, detected=12_000, measured=0.9, top_share=0.6, mito_share=0.5)
    for found, score, expected in ((FINE, 1.0, GOOD), (fair, 3.0, FAIR), (worse, 9.0, POOR)):
        told = verdicts(found, score)
        assert {verdict.grade for verdict in told} == {expected}
        assert all(verdict.follows.endswith(".") for verdict in told)
        assert "treatment" not in str(told)
    assert "5 TPM" in verdicts(fair, 1.0)[3].follows


def test_no_mitochondrial_gene_no_verdict() -> None:
    told = verdicts(replace(FINE, mito_share=float("nan")), 1.0)
    assert not any("mitochondrial" in verdict.what for verdict in told)


def test_worst_and_symbols() -> None:
    assert worst([GOOD, UNKNOWN]) == GOOD
    assert worst([GOOD, POOR, FAIR]) == POOR
    assert worst([]) == UNKNOWN
    # Colour never speaks alone.
    assert len({word(g)[0] for g in (GOOD, FAIR, POOR, UNKNOWN)}) == 4
    assert badge(POOR) == ":red-badge[✗ poor]"


def test_figures_are_counted_from_the_values() -> None:
    space = load_model().space
    mito_A = np.array([symbol.startswith("MT-") for symbol in gene_axis().symbol])
    assert mito_A.sum() == 13
    tpm_SA = np.zeros((2, len(mito_A)), np.float32)
    plain = np.flatnonzero(~mito_A)
    tpm_SA[0, plain[: 2 * TOP_GENES]] = 6.0
    tpm_SA[0, mito_A] = 100.0
    tpm_SA[1, plain[:4]] = 250_000.0
    tpm_SA[1, mito_A] = np.nan
    tpm_SA[1, space.axis_index_G[: len(space) // 2]] = np.nan
    first, second = figures(Samples(("a", "b"), tpm_SA, np.array([5e6, np.nan])), space)
    total = 6 * 2 * TOP_GENES + 1300
    assert first.detected == 2 * TOP_GENES + 13
    assert first.mito_share == pytest.approx(1300 / total)
    assert first.top_share == pytest.approx((1300 + 6 * (TOP_GENES - 13)) / total)
    assert (first.reads, first.measured) == (5e6, 1.0)
    assert np.isnan(second.mito_share)
    assert second.measured == pytest.approx(0.5, abs=0.001)


def not_good(path: Path) -> dict[str, dict[str, str]]:
    """Return what is not good of each sample, its distance aside."""
    samples = read_samples(path)
    told = (verdicts(found, 1.0)[1:] for found in figures(samples, load_model().space))
    grades = ({v.what: v.grade for v in of_one if v.grade != GOOD} for of_one in told)
    return dict(zip(samples.names, grades, strict=True))


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


def test_hearts_are_told_apart_by_their_depth(shared_data: Path) -> None:
    hearts = not_good(shared_data / "uploads/SRP021193.raw_counts.tsv.gz")
    assert len(hearts) == 12
    shallow = {f"{group}_{n}" for group in ("CASE", "CTRL") for n in (4, 5, 6)}
    loud, mito = f"Share of the {TOP_GENES} loudest genes", "Share of mitochondrial genes"
    assert all(hearts.pop(name) == {"Genes detected": POOR, "Reads": POOR, loud: POOR} for name in shallow)
    fair = {"CTRL_1": {mito: FAIR}, "CTRL_3": {loud: FAIR, mito: FAIR}}
    assert {name: grades for name, grades in hearts.items() if grades} == fair


def test_the_example_patients_are_good() -> None:
    for example in examples():
        found = figures(read_samples(example.path), load_model().space)[0]
        grades = {verdict.what: verdict.grade for verdict in verdicts(found, 1.0)}
        assert grades.pop("Reads") == UNKNOWN
        # The older sequencer measures fewer of the model's genes.
        assert grades.pop("The model's genes measured") in (GOOD, FAIR)
        assert set(grades.values()) == {GOOD}
