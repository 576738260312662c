"""Accuracy per TPM bin: the fraction of predicted values within a tolerance of the truth."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cellstate.errors import CellStateError

#: The published bins, in TPM; a bin holds low <= value < high.
EDGES = (0.0, 2.5, 10.0, 100.0, float("inf"))


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
