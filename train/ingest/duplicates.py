"""Near-duplicates: the same sample submitted, sequenced or processed more than once.

Correlation r of two profiles is a distance, sqrt(2 - 2r), between their unit profiles. A k-d tree over the main
directions finds every pair that may be that near: projection only shortens distances, so no pair is missed. Of these,
random signatures, whose distances are right within some ten percent, leave out what is far apart in other directions;
what is left is compared exactly. Time grows with samples x log(samples) and with the pairs of closely related samples,
memory with samples x 97 numbers.

Shape suffixes: S samples, P pairs, R samples of some pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

#: Samples looked up at once, signatures and profiles compared at once.
_QUERIES, _SIGNATURES, _PAIRS = 512, 65_536, 256
#: For what rounding adds to a distance.
_SLACK = 2e-3
#: A squared distance between signatures is a chi-squared of 64 degrees: beyond 3 times the true one once in 10^12.
_SPREAD = 3.0


def near_duplicates(
    place_SD: np.ndarray, signature_SK: np.ndarray, units: Callable[[np.ndarray], np.ndarray], correlation: float
) -> tuple[np.ndarray, int]:
    """Group samples that correlate enough, directly or through others.

    Parameters
    ----------
    place_SD, signature_SK : ndarray of float32
        See `Reference.compare`.
    units : callable
        Gives the unit profiles of samples by position.
    correlation : float

    Returns
    -------
    group_S : ndarray of int
        Equal for samples of one group; groups are numbered by their first sample.
    n_compared : int
        Pairs that were compared exactly.
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
    tree = cKDTree(place_SD)
    for start in range(0, len(place_SD), _QUERIES):
        near = cKDTree(place_SD[start : start + _QUERIES]).sparse_distance_matrix(tree, distance, output_type="ndarray")
        pair_P2 = np.column_stack([start + near["i"], near["j"]])
        pair_P2 = pair_P2[pair_P2[:, 0] < pair_P2[:, 1]]
        for i in range(0, len(pair_P2), _SIGNATURES):
            some_P2 = pair_P2[i : i + _SIGNATURES]
            apart_PK = signature_SK[some_P2[:, 0]] - signature_SK[some_P2[:, 1]]
            yield some_P2[np.vecdot(apart_PK, apart_PK) <= _SPREAD * distance**2]
