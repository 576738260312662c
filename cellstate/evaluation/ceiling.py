"""The counting-noise ceiling: how well two libraries of the same sample would agree.

Reads are counts, so no prediction of a low value is certain. Two libraries of the sample are drawn (Poisson noise, the
least possible) at its depth and converted to TPM, and one is scored as a prediction of the other.

Shape suffixes: S samples, G genes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cellstate.evaluation.bins import EDGES, Bin, Tolerance, accuracy_per_bin

#: Reads of a library of unknown depth.
ASSUMED_READS = 20e6
#: The ceiling is a mean over values; so many samples suffice.
MAX_SAMPLES = 24


def ceiling_per_bin(
    tpm_SG: np.ndarray,
    length_bp_G: np.ndarray,
    library_size_S: np.ndarray,
    *,
    edges: Sequence[float] = EDGES,
    tolerance: Tolerance = Tolerance(),  # noqa: B008 - a frozen value
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
    rows = np.linspace(0, len(tpm_SG) - 1, min(len(tpm_SG), MAX_SAMPLES)).astype(int)
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
