"""How unusual an effect is: p-values of single perturbations and of interactions, and false discovery rates.

Single perturbations: the null is made of goals, not of genes. Genes of a set go together, so random genes are no null
for them; random goals with the correlation of real ones are (Fulcher et al., "Overcoming false-positive gene-category
enrichment in the analysis of spatially resolved transcriptomic brain atlas data", Nature Communications 2021). A random
goal carries the weights of the true one on other genes: around a random gene, the largest weight on the gene that is
most correlated with it, and so on down to the smallest on the one most anti-correlated. That makes it as co-expressed
as such weights can be; of many, those whose co-expression is nearest to the goal's are kept. An effect is compared per
gene: divided by its root mean square on random directions with the goal's spectrum, its energy in each band of
principal components (surrogates of the same spectrum, Wagner and Dray, Methods in Ecology and Evolution 2015). Most
genes of a goal make up its own bulk, in which p is a rank (Efron, JASA 2004); a gene beyond it is held against those
beyond the bulk of the random goals. No curve is fitted, so p is never smaller than their number can show.

Interactions: a pure rank among matched pairs is uniform by construction and can never name a pair. So the null is
semi-parametric and empirical (Efron, "Large-scale simultaneous hypothesis testing: the choice of a null hypothesis",
JASA 2004): its centre and width come from what is matched, its bulk is a rank, and beyond the bulk a Student t fitted
to quantiles goes on. It asks whether a pair is significant among its like under this goal, not whether the goal itself
is special.

Shape suffixes: R directions, G genes, P principal components, B bands, T genes tested, N members of the null of pairs,
C candidate pairs, L levels of a fit.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations_with_replacement

import numpy as np
from scipy.stats import false_discovery_control, rankdata, t

from cellstate.perturb.predictors.linear import Components

#: Random goals, and how many are made to choose them from.
N_GOALS, N_MADE = 128, 256
#: Random directions of a band of components, and beside all components, that tell a gene's usual effect.
PER_BAND, BESIDE = 8, 32
#: Fraction of the genes that lies beyond the bulk.
BEYOND = 0.01
_SEED = 17_691
_TINY = 1e-12
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


def goal_p(
    slope_G: np.ndarray,
    direction_G: np.ndarray,
    slopes_along: Callable[[np.ndarray], np.ndarray],
    known: Components,
    tested_G: np.ndarray,
) -> np.ndarray:
    """Return how unusual each gene's effect is for a goal of this size and co-expression: a two-sided p.

    Parameters
    ----------
    slope_G : ndarray of float, shape (G,)
        Slope of the goal's score in each gene's z, the gene's own part left out.
    direction_G : ndarray of float, shape (G,)
        The goal's direction.
    slopes_along : callable
        Slopes along other directions by the same method, (R, G) to (R, G).
    known : Components
        Principal components of the training samples: what is co-expressed.
    tested_G : ndarray of bool, shape (G,)
        Genes that are compared; the others have NaN.

    Returns
    -------
    ndarray of float64, shape (G,)
        1 where a gene has no effect on the goal.
    """
    rng = np.random.default_rng(_SEED)
    usual = UsualEffects.of(slopes_along, known, rng)
    random_RG = random_goals(direction_G, known, rng)
    null_RT = usual.sizes(slopes_along(random_RG), random_RG)[:, tested_G]
    p_G = np.full(len(slope_G), np.nan)
    p_G[tested_G] = _p(usual.sizes(slope_G[None], direction_G[None])[0, tested_G], null_RT)
    return p_G


def random_goals(direction_G: np.ndarray, known: Components, rng: np.random.Generator) -> np.ndarray:
    """Return goals with the weights of a goal on the genes around random genes, float32, shape (R, G)."""
    vector_GP = (known.components_PG * np.sqrt(known.variance_P)[:, None]).T
    unit_GP = _unit(vector_GP)
    centres_R = rng.choice(len(unit_GP), min(N_MADE, len(unit_GP)), replace=False)
    most_correlated_RG = np.argsort(-(unit_GP[centres_R] @ unit_GP.T), axis=1)
    random_RG = np.empty((len(centres_R), len(unit_GP)), np.float32)
    np.put_along_axis(random_RG, most_correlated_RG, np.sort(direction_G)[None, ::-1].astype(np.float32), axis=1)
    # The variance of a goal's score over the training samples, by that of as many genes that do not go together.
    variance_G = (vector_GP**2).sum(axis=1)
    all_RG = np.concatenate([direction_G[None].astype(np.float32), random_RG])
    together_R = ((all_RG @ vector_GP) ** 2).sum(axis=1) / np.maximum(all_RG**2 @ variance_G, _TINY)
    apart_R = np.abs(np.log(np.maximum(together_R[1:], _TINY) / max(float(together_R[0]), _TINY)))
    return random_RG[np.argsort(apart_R, kind="stable")[:N_GOALS]]


class UsualEffects:
    """Mean squared slope of each gene on random directions within each band of components, and beside them all.

    Parameters
    ----------
    components_PG : ndarray
        Orthonormal rows, by decreasing variance.
    start_B : ndarray of int
        First component of each band; bands double in width.
    square_BG : ndarray, shape (B + 1, G)
        Mean squared slopes; the last row is that beside all components.
    """

    def __init__(self, components_PG: np.ndarray, start_B: np.ndarray, square_BG: np.ndarray) -> None:
        self._components_PG, self._start_B, self._square_BG = components_PG, start_B, square_BG

    @classmethod
    def of(
        cls, slopes_along: Callable[[np.ndarray], np.ndarray], known: Components, rng: np.random.Generator
    ) -> UsualEffects:
        """Measure a method's slopes along random directions."""
        rows_PG, n = known.components_PG, len(known.components_PG)
        start_B = np.array([0, *(2**b for b in range(n.bit_length()) if 2**b < n)])
        directions = [
            _unit(rng.normal(size=(PER_BAND if b - a > 1 else 1, b - a))).astype(np.float32) @ rows_PG[a:b]
            for a, b in zip(start_B, [*start_B[1:], n], strict=True)
        ]
        beside_RG = rng.normal(size=(BESIDE, rows_PG.shape[1])).astype(np.float32)
        directions.append(_unit(beside_RG - (beside_RG @ rows_PG.T) @ rows_PG))
        square_RG = slopes_along(np.concatenate(directions)).astype(np.float64) ** 2
        parts = np.split(square_RG, np.cumsum([len(rows) for rows in directions])[:-1])
        return cls(rows_PG, start_B, np.stack([part.mean(axis=0) for part in parts]))

    def sizes(self, slope_RG: np.ndarray, direction_RG: np.ndarray) -> np.ndarray:
        """Return absolute slopes by what is usual for each gene on directions with the same spectrum, shape (R, G)."""
        energy_RB = np.add.reduceat((direction_RG @ self._components_PG.T) ** 2, self._start_B, axis=1)
        rest_R1 = np.maximum((direction_RG**2).sum(axis=1, keepdims=True) - energy_RB.sum(axis=1, keepdims=True), 0)
        usual_RG = np.sqrt(np.concatenate([energy_RB, rest_R1], axis=1) @ self._square_BG)
        return np.divide(np.abs(slope_RG), usual_RG, out=np.zeros(slope_RG.shape), where=usual_RG > 0)


def _unit(rows_RG: np.ndarray) -> np.ndarray:
    return rows_RG / np.maximum(np.linalg.norm(rows_RG, axis=1, keepdims=True), _TINY)


def _p(size_T: np.ndarray, null_RT: np.ndarray) -> np.ndarray:
    """Return a rank in the goal's own bulk, and beyond it the share of the random goals' genes with such a size.

    Where fewer of those lie beyond the goal's bulk than of its own genes, the share is larger by that factor.
    """
    p_T = np.where(size_T > 0, rankdata(-size_T, method="max") / max(len(size_T), 1), 1.0)
    edge = np.quantile(size_T, 1 - BEYOND) if len(size_T) else 0.0
    null_N = np.sort(null_RT, axis=None)
    beyond_T = size_T > edge
    p_T[beyond_T] = _rank(size_T[beyond_T], null_N) * max(1.0, BEYOND / float(_rank(np.array(edge), null_N)))
    return p_T


def _rank(size: np.ndarray, null_N: np.ndarray) -> np.ndarray:
    """P(null >= size) by rank; the null is ascending."""
    return (1 + len(null_N) - np.searchsorted(null_N, size, side="left")) / (1 + len(null_N))


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
    p_C = _rank(size_C, null_N)
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
    p_C[beyond_C] = _rank(np.array([start]), null_N) * fall_FC.max(axis=0)
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
