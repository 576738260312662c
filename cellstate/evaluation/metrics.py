"""How well predicted expression fits the truth: R2 on log1p TPM, accuracy per TPM bin, and the counting-noise ceiling.

The accuracy of a bin is the fraction of predicted values within a tolerance of the truth. Its ceiling is how well two
libraries of the same sample would agree: reads are counts, so no prediction of a low value is certain. Two libraries
are drawn (Poisson noise, the least possible) at the sample's depth and converted to TPM, and one is scored as a
prediction of the other.

Shape suffixes: S samples, G genes. NaN in the truth means not measured and counts nowhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cellstate.errors import CellStateError

#: With fewer samples the variance of a gene, and so its R2, says nothing.
MIN_SAMPLES_PER_GENE = 3
#: The published bins, in TPM; a bin holds low <= value < high.
EDGES = (0.0, 2.5, 10.0, 100.0, float("inf"))
#: Reads of a library of unknown depth.
ASSUMED_READS = 20e6
#: The ceiling is a mean over values; so many samples suffice.
CEILING_SAMPLES = 24


def r2_pooled(truth_SG: np.ndarray, predicted_SG: np.ndarray) -> float:
    """R2 over all values of all genes at once, about the one grand mean.

    Each gene's own mean level explains most of this: the gene mean alone reaches about 0.92, so the figure says
    little unless it stands beside that.
    """
    known = ~np.isnan(truth_SG)
    truth = truth_SG[known].astype(np.float64)
    residual = truth - predicted_SG[known]
    total = ((truth - truth.mean()) ** 2).sum()
    return float(1 - (residual**2).sum() / total) if total > 0 else float("nan")


def r2_per_gene(truth_SG: np.ndarray, predicted_SG: np.ndarray) -> np.ndarray:
    """R2 of each gene across samples, about the gene's mean over these samples, shape (G,).

    NaN where a gene is measured in fewer than `MIN_SAMPLES_PER_GENE` samples or does not vary.
    """
    return _r2(truth_SG.astype(np.float64), predicted_SG.astype(np.float64), axis=0, least=MIN_SAMPLES_PER_GENE)


def within_groups(values_SG: np.ndarray, truth_SG: np.ndarray, groups_S: Sequence[str]) -> np.ndarray:
    """Remove each group's own mean over the samples that measure a gene; groups of fewer than three become NaN.

    Of a data set it takes out the platform, and the tissue where it has one only: what is left is what differs between
    its samples.
    """
    centred_SG = np.full(values_SG.shape, np.nan)
    known_SG = ~np.isnan(truth_SG)
    names, of_S = np.unique(np.asarray(groups_S, dtype=str), return_inverse=True)
    for group in range(len(names)):
        rows = np.flatnonzero(of_S == group)
        if len(rows) < MIN_SAMPLES_PER_GENE:
            continue
        known = known_SG[rows]
        mean_G = np.where(known, values_SG[rows], 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        centred_SG[rows] = np.where(known, values_SG[rows] - mean_G, np.nan)
    return centred_SG


def r2_per_sample(truth_SG: np.ndarray, predicted_SG: np.ndarray) -> np.ndarray:
    """R2 of each sample across its measured genes, shape (S,)."""
    return _r2(truth_SG.astype(np.float64), predicted_SG.astype(np.float64), axis=1, least=MIN_SAMPLES_PER_GENE)


def median(values: np.ndarray) -> float | None:
    """Median of the finite values, ``None`` where there is none."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else None


def same_direction(predicted_N: np.ndarray, true_N: np.ndarray) -> np.ndarray:
    """Return 1 where the direction is right, 0 where it is wrong, and a half where either does not change, as a tie."""
    return (1 + np.sign(predicted_N) * np.sign(true_N)) / 2


def _r2(truth: np.ndarray, predicted: np.ndarray, axis: int, least: int) -> np.ndarray:
    known = ~np.isnan(truth)
    count = known.sum(axis=axis, keepdims=True)
    mean = np.divide(np.where(known, truth, 0).sum(axis=axis, keepdims=True), count, where=count > 0, out=count * 0.0)
    total = np.where(known, (truth - mean) ** 2, 0).sum(axis=axis)
    residual = np.where(known, (truth - predicted) ** 2, 0).sum(axis=axis)
    use = (count.squeeze(axis) >= least) & (total > 1e-12)
    return np.divide(total - residual, total, where=use, out=np.full(total.shape, np.nan))


# --- accuracy per TPM bin ---


@dataclass(frozen=True)
class Tolerance:
    """A value is within tolerance when it differs by at most ``relative`` times the truth plus ``absolute`` TPM."""

    relative: float = 0.20
    absolute: float = 0.1

    def __post_init__(self) -> None:
        if not (0 <= self.relative < float("inf") and 0 <= self.absolute < float("inf")):
            raise CellStateError("A tolerance is a number that is not negative.", "Try 0.2 and 0.1 TPM.")


@dataclass(frozen=True)
class Bin:
    """Accuracy of one bin; ``accuracy`` is ``None`` where the bin is empty."""

    low: float
    high: float
    n: int
    accuracy: float | None


def check_edges(edges: Sequence[float]) -> tuple[float, ...]:
    """Return ascending bin edges, or raise ``CellStateError``."""
    edges = tuple(float(edge) for edge in edges)
    if len(edges) < 2 or edges[0] < 0 or any(not a < b for a, b in itertools.pairwise(edges)):
        raise CellStateError("Bin edges must ascend from 0 or more.", "Try 0, 2.5, 10, 100, inf.")
    return edges


def level_of(log1p_tpm: np.ndarray, lows_tpm: Sequence[float]) -> np.ndarray:
    """Return the level of each value; levels are given by their lower ends in TPM."""
    return np.searchsorted(np.log1p(lows_tpm), log1p_tpm, side="right") - 1


def accuracy_per_bin(
    truth_tpm: np.ndarray,
    predicted_tpm: np.ndarray,
    *,
    edges: Sequence[float] = EDGES,
    tolerance: Tolerance = Tolerance(),
) -> list[Bin]:
    """Return the accuracy in each bin of true TPM; NaN in the truth is left out."""
    edges = check_edges(edges)
    known = ~np.isnan(truth_tpm)
    truth, predicted = truth_tpm[known], predicted_tpm[known]
    is_within = np.abs(predicted - truth) <= tolerance.relative * truth + tolerance.absolute
    which = np.searchsorted(edges, truth, side="right") - 1
    inside = (which >= 0) & (which < len(edges) - 1)
    n = np.bincount(which[inside], minlength=len(edges) - 1)
    n_within = np.bincount(which[inside], weights=is_within[inside], minlength=len(edges) - 1)
    return [
        Bin(low, high, int(n[i]), float(n_within[i] / n[i]) if n[i] else None)
        for i, (low, high) in enumerate(itertools.pairwise(edges))
    ]


# --- counting-noise ceiling ---


def ceiling_per_bin(
    tpm_SG: np.ndarray,
    length_bp_G: np.ndarray,
    library_size_S: np.ndarray,
    *,
    edges: Sequence[float] = EDGES,
    tolerance: Tolerance = Tolerance(),
    seed: int = 0,
) -> list[Bin]:
    """Return the accuracy per bin that counting noise alone allows.

    Parameters
    ----------
    tpm_SG : ndarray, shape (S, G)
        True TPM; NaN is not measured.
    length_bp_G : ndarray, shape (G,)
        Reads fall on a gene in proportion to TPM times length.
    library_size_S : ndarray, shape (S,)
        Reads a sample; NaN means `ASSUMED_READS`.
    """
    rows = np.linspace(0, len(tpm_SG) - 1, min(len(tpm_SG), CEILING_SAMPLES)).astype(int)
    known_SG = ~np.isnan(tpm_SG[rows])
    tpm = np.nan_to_num(tpm_SG[rows]).astype(np.float64)
    reads = np.where(np.isfinite(library_size_S[rows]), library_size_S[rows], ASSUMED_READS)
    mass = tpm * length_bp_G
    expected = mass / mass.sum(axis=1, keepdims=True) * reads[:, None]
    rng = np.random.default_rng(seed)
    first, second = (_as_tpm(rng.poisson(expected), length_bp_G, tpm.sum(axis=1)) for _ in range(2))
    return accuracy_per_bin(np.where(known_SG, first, np.nan), second, edges=edges, tolerance=tolerance)


def share_of_ceiling(bins: Sequence[Bin], ceiling: Sequence[Bin]) -> list[float | None]:
    """Return each bin's accuracy as a fraction of the ceiling, ``None`` where either is empty or 0."""
    return [
        b.accuracy / c.accuracy if b.accuracy is not None and c.accuracy else None
        for b, c in zip(bins, ceiling, strict=True)
    ]


def _as_tpm(counts_SG: np.ndarray, length_bp_G: np.ndarray, total_S: np.ndarray) -> np.ndarray:
    rate = counts_SG / length_bp_G
    return rate / np.maximum(rate.sum(axis=1, keepdims=True), 1e-12) * total_S[:, None]
