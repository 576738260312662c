"""p-values of single perturbations: how unusual is an effect for a goal of this size and co-expression.

The null is made of goals, not of genes. Genes of a set go together, so random genes are no null for them; random
goals with the correlation of real ones are (Fulcher et al., "Overcoming false-positive gene-category enrichment in the
analysis of spatially resolved transcriptomic brain atlas data", Nature Communications 2021). A random goal carries the
weights of the true one on other genes: around a random gene, the largest weight on the gene that is most correlated
with it, and so on down to the smallest on the one most anti-correlated. That makes it as co-expressed as such weights
can be; of many, those whose co-expression is nearest to the goal's are kept.

An effect is compared per gene: divided by its root mean square on random directions with the goal's spectrum, its
energy in each band of principal components (surrogates of the same spectrum, Wagner and Dray, Methods in Ecology and
Evolution 2015). Most genes of a goal make up its own bulk, in which p is a rank (Efron, JASA 2004); a gene beyond it is
held against those beyond the bulk of the random goals. No curve is fitted, so p is never smaller than their number can
show.

Shape suffixes: R directions, G genes, P principal components, B bands, T genes tested.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

from cellstate.perturb.predictors.linear import Components

#: Random goals, and how many are made to choose them from.
N_GOALS, N_MADE = 128, 256
#: Random directions of a band of components, and beside all components, that tell a gene's usual effect.
PER_BAND, BESIDE = 8, 32
#: Fraction of the genes that lies beyond the bulk.
BEYOND = 0.01
_SEED = 17_691
_TINY = 1e-12


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

    def share(size: np.ndarray) -> np.ndarray:
        return (1 + len(null_N) - np.searchsorted(null_N, size, side="left")) / (1 + len(null_N))

    beyond_T = size_T > edge
    p_T[beyond_T] = share(size_T[beyond_T]) * max(1.0, BEYOND / float(share(np.array(edge))))
    return p_T
