"""Comparison of samples: with the cohort's median profile, and with each other to find near-duplicates.

The median profile, the main directions and random directions are learnt from at most 500 random samples. Profiles are
compared on the genes that all of these measure; a gene that another sample lacks gets the median.

Correlation r of two profiles is a distance, sqrt(2 - 2r), between their unit profiles. Distances along the main
directions find every pair that may be that near: projection only shortens distances, so no pair is missed. Samples are
sorted along the first direction, and each is compared with those near it there, in matrix products: with 33 coordinates
a k-d tree prunes next to nothing. Random signatures, whose distances are right within some ten percent, then exclude
most distant pairs; the others are compared exactly. Time grows with samples^2, half of all pairs at most, and with the
pairs of closely related samples; memory with samples x 200.

Shape suffixes: S samples, A genes of the axis, G compared genes, D main directions, K random directions, P pairs,
R samples of some pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cellstate.errors import DataError

from .source import FEWEST_GENES

#: Samples that the reference is learnt from, main directions and random directions.
MOST, MAIN, RANDOM = 500, 32, 64
#: Samples looked up at once, and among how many; signatures and profiles compared at once.
_QUERIES, _OTHERS, _SIGNATURES, _PAIRS = 512, 2_048, 65_536, 256
#: For rounding errors of a distance.
_SLACK = 2e-3
#: A squared distance between signatures is a chi-squared of 64 degrees: beyond 3 times the true one once in 10^12.
_SPREAD = 3.0


@dataclass(frozen=True, eq=False)
class Reference:
    """The compared genes, their median, and the directions along which profiles are compared.

    Attributes
    ----------
    index_G : ndarray of int
        Positions on the axis.
    median_G : ndarray of float32
        Of log1p TPM.
    centre_G : ndarray of float32
        Mean of the unit profiles.
    main_GD : ndarray of float32
        Orthonormal directions in which unit profiles differ most.
    random_GK : ndarray of float32
        Normal numbers of variance 1 / K: squared distances are kept on average.
    """

    index_G: np.ndarray
    median_G: np.ndarray
    centre_G: np.ndarray
    main_GD: np.ndarray
    random_GK: np.ndarray

    def units(self, log1p_SA: np.ndarray) -> np.ndarray:
        """Return profiles centred and scaled to length 1, shape (S, G): their products are Pearson correlations."""
        log1p_SG = _on(log1p_SA, self.index_G)
        missing_SG = np.isnan(log1p_SG)
        if missing_SG.any():
            np.copyto(log1p_SG, self.median_G, where=missing_SG)
        return _to_units(log1p_SG)

    def compare(self, log1p_SA: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Place profiles.

        Returns
        -------
        correlation_S : ndarray of float32
            Pearson correlation with the median profile.
        place_SD : ndarray of float32, shape (S, D + 1)
            Coordinates along the main directions and, last, how far the profile lies off them: two places are never
            farther apart than the unit profiles themselves.
        signature_SK : ndarray of float32, shape (S, K)
            Coordinates along the random directions: two are about as far apart as the unit profiles.
        """
        unit_SG = self.units(log1p_SA)
        # Row by row, so that no digit depends on which samples are compared together.
        correlation_S = np.vecdot(unit_SG, _to_units(self.median_G[None].copy()))
        unit_SG -= self.centre_G
        along_SD = unit_SG @ self.main_GD
        off_S = np.vecdot(unit_SG, unit_SG) - np.vecdot(along_SD, along_SD)
        place_SD = np.column_stack([along_SD, np.sqrt(np.maximum(off_S, 0))])
        return correlation_S, place_SD, unit_SG @ self.random_GK


def learn(log1p_SA: np.ndarray) -> Reference:
    """Learn the reference from some samples; raises ``DataError`` when they share too few genes."""
    index_G = np.flatnonzero(~np.isnan(log1p_SA).any(axis=0))
    if len(index_G) < FEWEST_GENES:
        raise DataError(
            f"The samples have only {len(index_G):,} measured genes in common, too few to compare them.",
            "Ingest files that measure different genes into stores of their own.",
        )
    log1p_SG = _on(log1p_SA, index_G)
    median_G = np.median(log1p_SG, axis=0)
    unit_SG = _to_units(log1p_SG)
    centre_G = unit_SG.mean(axis=0)
    unit_SG -= centre_G
    # The main directions from the small matrix of products between samples.
    variance_S, vector_SS = np.linalg.eigh(unit_SG @ unit_SG.T)
    kept = np.flatnonzero(variance_S > 1e-4 * max(variance_S[-1], 1e-6))[-MAIN:]
    main_GD, _ = np.linalg.qr(unit_SG.T @ vector_SS[:, kept])
    random_GK = np.random.default_rng(0).normal(0, RANDOM**-0.5, (len(index_G), RANDOM))
    return Reference(index_G, median_G, centre_G, main_GD.astype(np.float32), random_GK.astype(np.float32))


def _on(log1p_SA: np.ndarray, index_G: np.ndarray) -> np.ndarray:
    """Return some genes in float32, as a copy with each sample's values side by side."""
    return (log1p_SA if len(index_G) == log1p_SA.shape[1] else log1p_SA.take(index_G, axis=1)).astype(np.float32)


def _to_units(log1p_SG: np.ndarray) -> np.ndarray:
    """Centre profiles and scale them to length 1, in place; a silent profile becomes 0 and correlates with none."""
    log1p_SG -= log1p_SG.mean(axis=1, keepdims=True)
    length_S = np.sqrt(np.vecdot(log1p_SG, log1p_SG))
    log1p_SG /= np.maximum(length_S, 1e-6)[:, None]
    return log1p_SG


def near_duplicates(
    place_SD: np.ndarray, signature_SK: np.ndarray, units: Callable[[np.ndarray], np.ndarray], correlation: float
) -> tuple[np.ndarray, int]:
    """Group samples that correlate enough, directly or through others.

    ``place_SD`` and ``signature_SK`` are those of `Reference.compare`; ``units`` returns the unit profiles of samples
    by position. Returns the group of each sample, numbered by their first samples, and how many pairs were compared
    exactly.
    """
    n_samples, n_compared = len(place_SD), 0
    edges = [np.empty((0, 2), np.int64)]
    for pair_P2 in _candidates(place_SD, signature_SK, np.sqrt(2 - 2 * correlation) + _SLACK):
        for start in range(0, len(pair_P2), _PAIRS):
            pair = pair_P2[start : start + _PAIRS]
            rows, place = np.unique(pair, return_inverse=True)
            unit_RG, place = units(rows), place.reshape(-1, 2)
            r_P = np.vecdot(unit_RG[place[:, 0]], unit_RG[place[:, 1]])
            edges.append(pair[r_P >= correlation])
            n_compared += len(pair)
    edge_P2 = np.concatenate(edges)
    graph = coo_array((np.ones(len(edge_P2), bool), (edge_P2[:, 0], edge_P2[:, 1])), shape=(n_samples, n_samples))
    return connected_components(graph, directed=False)[1], n_compared


def _candidates(place_SD: np.ndarray, signature_SK: np.ndarray, distance: float) -> Iterator[np.ndarray]:
    """Yield pairs (first < second) that may be near enough, some at a time."""
    along_S = place_SD[:, np.argmax(place_SD.var(axis=0))]
    order_S = np.argsort(along_S, kind="stable")
    along_S, place_SD = along_S[order_S], place_SD[order_S]
    # The product of one of `left` and one of `right` is -1/2 of their squared distance.
    half_S1, one_S1 = -0.5 * np.vecdot(place_SD, place_SD)[:, None], np.ones((len(place_SD), 1), np.float32)
    left, right = np.hstack([place_SD, half_S1, one_S1]), np.hstack([place_SD, one_S1, half_S1])
    for start in range(0, len(left), _QUERIES):
        queries = left[start : start + _QUERIES]
        end = np.searchsorted(along_S, along_S[start + len(queries) - 1] + distance, side="right")
        for other in range(start, end, _OTHERS):
            near = queries @ right[other : min(other + _OTHERS, end)].T >= -0.5 * distance**2
            i_P, j_P = np.divmod(np.flatnonzero(near), near.shape[1])
            once_P = start + i_P < other + j_P
            pair_P2 = np.sort(order_S[np.column_stack([start + i_P, other + j_P])[once_P]], axis=1)
            for first in range(0, len(pair_P2), _SIGNATURES):
                some_P2 = pair_P2[first : first + _SIGNATURES]
                apart_PK = signature_SK[some_P2[:, 0]] - signature_SK[some_P2[:, 1]]
                yield some_P2[np.vecdot(apart_PK, apart_PK) <= _SPREAD * distance**2]
