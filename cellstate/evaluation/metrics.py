"""How well predicted expression fits the truth, on log1p TPM.

Shape suffixes: S samples, G genes. NaN in the truth means not measured and counts nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: With fewer samples the variance of a gene, and so its R2, says nothing.
MIN_SAMPLES_PER_GENE = 3


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
