"""p-values of interactions among alike pairs, and false discovery rates.

A pure rank among matched pairs is uniform by construction and can never name a pair. So the null is semi-parametric and
empirical (Efron, "Large-scale simultaneous hypothesis testing: the choice of a null hypothesis", JASA 2004): its centre
and width come from what is matched, its bulk is a rank, and beyond the bulk a Student t fitted to quantiles goes on.
It asks whether a pair stands out from its like under this goal; it does not ask whether the goal itself is special.
Single perturbations are compared with other goals (`goal_null`).

Shape suffixes: G genes, N members of the null, C candidate pairs, L levels of a fit.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from scipy.stats import false_discovery_control, rankdata, t

#: The null is large and made of clusters (pairs that switch the same unit), so that the joint leaves only this
#: many beyond it, and a fit before the joint is held against one about it. Fits in multiples of the share at the joint.
PAIR_TAIL, PAIR_JOINT = 200, 0.06
PAIR_FITS = np.array([[8.0, 4.0, 2.0, 1.0], [2.0, 1.0, 0.5, 0.25]])
#: With fewer of the null than this beyond the joint no tail is fitted: p is the rank.
FEWEST_IN_TAIL = 10
#: Degrees of freedom tried. No tail lighter than the last is believed: a bulk cannot tell it from a normal one.
DEGREES = np.geomspace(1, 15, 120)
EXPRESSION_BINS = 8
FEWEST_IN_STRATUM = 200


def pair_p(
    a_C: np.ndarray,
    b_C: np.ndarray,
    value_C: np.ndarray,
    a_N: np.ndarray,
    b_N: np.ndarray,
    value_N: np.ndarray,
    expression_G: np.ndarray,
) -> np.ndarray:
    """Two-sided p of each candidate pair's interaction among random pairs matched in the expression of both genes.

    Parameters
    ----------
    a_C, b_C, value_C : ndarray, shape (C,)
        Gene positions and interaction of the candidates; p is 1 where the interaction is exactly 0, NaN where it is
        NaN.
    a_N, b_N, value_N : ndarray, shape (N,)
        The same of pairs drawn at random from those tested, by the same approximation; 100,000 or more are best.
    expression_G : ndarray of float, shape (G,)
    """
    value_C, value_N = np.asarray(value_C, np.float64), np.asarray(value_N, np.float64)
    finite_N = np.isfinite(value_N)
    rank_G = (rankdata(expression_G) - 0.5) / len(expression_G)
    place_N2 = np.sort(np.stack([rank_G[a_N], rank_G[b_N]], axis=1), axis=1)[finite_N]
    value_N = value_N[finite_N]
    p_C = np.where(np.isnan(value_C), np.nan, 1.0)
    if not len(value_N):
        return p_C
    stratum_N = _strata(place_N2)
    stratum_C = _strata(np.sort(np.stack([rank_G[a_C], rank_G[b_C]], axis=1), axis=1))
    centre_T, scale_T = _centre_and_scale(place_N2, stratum_N, value_N)

    moved_N, moved_C = value_N != 0, np.isfinite(value_C) & (value_C != 0)
    size_N = (np.abs(value_N - centre_T[stratum_N]) / scale_T[stratum_N])[moved_N]
    size_C = (np.abs(value_C - centre_T[stratum_C]) / scale_T[stratum_C])[moved_C]
    # Among all random pairs: those without any interaction count as smaller.
    share = (1 + moved_N.sum()) / (1 + len(value_N))
    joint = min(PAIR_JOINT, PAIR_TAIL / max(moved_N.sum(), 1))
    p_C[moved_C] = share * _tail_probability(size_C, size_N, joint, joint * PAIR_FITS)
    return p_C


def benjamini_hochberg(p: np.ndarray, n_tests: int | None = None) -> np.ndarray:
    """Return false discovery rates (Benjamini and Hochberg, J. R. Stat. Soc. B 1995); NaN stays NaN and is no test.

    Parameters
    ----------
    n_tests : int, optional
        Tests made in all, where `p` holds only candidates chosen among them: the others count as p = 1 (conservative).
    """
    p = np.asarray(p, np.float64)
    known = ~np.isnan(p)
    n_known = int(known.sum())
    n_tests = n_known if n_tests is None else n_tests
    if n_tests < n_known:
        raise ValueError("n_tests is smaller than the number of p-values")
    q = np.full(p.shape, np.nan)
    if n_known:
        # Tests that are not in p count as p = 1: each q is larger by the factor of their number, and at most 1.
        adjusted = false_discovery_control(p[known]) * (n_tests / n_known)
        q[known] = np.minimum(adjusted, 1.0)
    return q


def _tail_probability(size_C: np.ndarray, null_N: np.ndarray, joint: float, fits_FL: np.ndarray) -> np.ndarray:
    """P(null >= size): a rank up to the joint, with this share of the null beyond; then a Student tail from there on.

    Degrees of freedom and width are those whose quantiles lie closest, in logarithms, to the null's at the levels of a
    fit, shares (F, L) of the null beyond each. Of several fits the most conservative holds, size by size.
    """
    null_N = np.sort(null_N)

    def rank(size: np.ndarray) -> np.ndarray:
        return (1 + len(null_N) - np.searchsorted(null_N, size, side="left")) / (1 + len(null_N))

    p_C = rank(size_C)
    level_FL = np.quantile(null_N, 1 - fits_FL) if len(null_N) * joint >= FEWEST_IN_TAIL else np.zeros(1)
    if level_FL.min() <= 0:
        return p_C
    start = np.quantile(null_N, 1 - joint)
    beyond_C = size_C > start
    fall_FC = np.empty((len(fits_FL), beyond_C.sum()))
    for fit, (share_L, level_L) in enumerate(zip(fits_FL, level_FL, strict=True)):
        offset_DL = np.log(level_L) - np.log(t.isf(share_L / 2, DEGREES[:, None]))
        best = offset_DL.var(axis=1).argmin()
        tail = t(DEGREES[best], scale=np.exp(offset_DL[best].mean()))
        fall_FC[fit] = tail.sf(size_C[beyond_C]) / tail.sf(start)
    p_C[beyond_C] = rank(np.array([start])) * fall_FC.max(axis=0)
    return p_C


def _strata(place_C2: np.ndarray) -> np.ndarray:
    bin_C2 = (place_C2 * EXPRESSION_BINS).astype(np.int64)
    return bin_C2[:, 0] * EXPRESSION_BINS + bin_C2[:, 1]


def _centre_and_scale(place_N2: np.ndarray, stratum_N: np.ndarray, value_N: np.ndarray) -> np.ndarray:
    """Median and mean absolute deviation, its largest hundredth clipped, of the random pairs of each stratum.

    A MAD would be 0 where most interactions are. A stratum with few pairs takes those nearest to its middle; all pairs
    together have a tenth of the weight, so that no scale is 0.
    """
    both_2T = centre_T, scale_T = np.zeros((2, EXPRESSION_BINS**2))
    whole = _clipped_mean(np.abs(value_N - np.median(value_N))) or np.inf
    for low, high in combinations_with_replacement(range(EXPRESSION_BINS), 2):
        stratum = low * EXPRESSION_BINS + high
        members = np.flatnonzero(stratum_N == stratum)
        if len(members) < FEWEST_IN_STRATUM:
            middle_2 = (np.array([low, high]) + 0.5) / EXPRESSION_BINS
            members = np.argsort(((place_N2 - middle_2) ** 2).sum(axis=1), kind="stable")[:FEWEST_IN_STRATUM]
        centre_T[stratum] = np.median(value_N[members])
        scale_T[stratum] = 0.9 * _clipped_mean(np.abs(value_N[members] - centre_T[stratum])) + 0.1 * whole
    return both_2T


def _clipped_mean(size_N: np.ndarray) -> float:
    return float(np.minimum(size_N, np.quantile(size_N, 0.99)).mean())
