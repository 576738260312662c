"""Which pairs of genes act only together: products of likely regulators, tested on what single genes leave over.

The regulators are those that `simulated_sparse` finds, not a list. A product is scored alone, by its correlation with
every gene, and beside all other products by spike and slab, so that of several that say the same one is taken. Each
sees what the other misses: the score is the mean of the two ranks.

Shape suffixes: S samples, G genes, C likely regulators, Q their pairs, R shuffles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from benchmarks.simulated_predictors import RECIPE, Training, sparse_links
from benchmarks.simulated_sparse import given_share, spike_and_slab
from cellstate.perturb.search.null_models import benjamini_hochberg

#: A gene is a likely regulator when it gives more than it takes.
_LIKELY = 0.5
#: Share of what its links say in a regulator's activity: its own measurement is noisy.
_FROM_LINKS = 0.4
_SWEEPS, _MEMBERS, _SHUFFLES = 5, 2, 4
#: Prior of the share of targets of a product: rarer than those of a gene.
_PRIOR = (0.1, 300.0)


@dataclass(frozen=True, eq=False)
class Interactions:
    """Scores of pairs of likely regulators, a < b.

    Attributes
    ----------
    likely_G : ndarray
        How likely each gene is a regulator, 0 to 1: all that is known of pairs that are not scored.
    a_Q, b_Q : ndarray of int
        The pairs, as genes.
    alone_Q : ndarray
        Fourth powers of a product's correlations, summed over genes.
    together_Q : ndarray
        Size of a product's effects beside all other products.
    score_Q : ndarray
        Mean rank in both, in (0, 1].
    fdr_Q : ndarray
        False discovery rate of ``together_Q`` against samples in shuffled order.
    """

    likely_G: np.ndarray
    a_Q: np.ndarray
    b_Q: np.ndarray
    alone_Q: np.ndarray
    together_Q: np.ndarray
    score_Q: np.ndarray
    fdr_Q: np.ndarray


def interactions(training: Training) -> Interactions:
    """Score every pair of likely regulators."""
    z_SG, effect_GG = training.z_SG, sparse_links(training)
    likely_G = given_share(effect_GG, RECIPE.sharpness)
    regulator_C = np.flatnonzero(likely_G > _LIKELY)
    first, second = np.triu_indices(len(regulator_C), 1)
    a_Q, b_Q = regulator_C[first], regulator_C[second]
    expected_SG = z_SG @ effect_GG
    left_SG = (z_SG - expected_SG) / (z_SG - expected_SG).std(axis=0)
    product_SQ = products((1 - _FROM_LINKS) * z_SG + _FROM_LINKS * expected_SG, a_Q, b_Q)
    own_Q2 = np.stack([a_Q, b_Q], axis=1)

    def together(shown_SG: np.ndarray) -> np.ndarray:
        start_QG = np.zeros((len(a_Q), z_SG.shape[1]))
        rngs = [np.random.default_rng([training.seed, member]) for member in range(_MEMBERS)]
        fits = [spike_and_slab(product_SQ, shown_SG, start_QG, own_Q2, _SWEEPS, rng, prior=_PRIOR) for rng in rngs]
        return (np.mean(fits, axis=0) ** 2).sum(axis=1)

    alone_Q, together_Q = ((product_SQ.T @ left_SG / len(z_SG)) ** 4).sum(axis=1), together(left_SG)
    shuffle = np.random.default_rng(training.seed)
    null = np.concatenate([together(left_SG[shuffle.permutation(len(z_SG))]) for _ in range(_SHUFFLES)])
    p_Q = (1 + len(null) - np.searchsorted(np.sort(null), together_Q, side="left")) / (1 + len(null))
    score_Q = (rankdata(alone_Q) + rankdata(together_Q)) / (2 * max(len(a_Q), 1))
    return Interactions(likely_G, a_Q, b_Q, alone_Q, together_Q, score_Q, benjamini_hochberg(p_Q))


def products(z_SG: np.ndarray, a_Q: np.ndarray, b_Q: np.ndarray) -> np.ndarray:
    """Return products of two genes without what either gene and its square explain, of variance 1, shape (S, Q)."""
    product_SQ = np.empty((len(z_SG), len(a_Q)))
    for q, (a, b) in enumerate(zip(a_Q, b_Q, strict=True)):
        z_S2 = z_SG[:, [a, b]]
        known_S5 = np.hstack([np.ones((len(z_SG), 1)), z_S2, z_S2**2])
        product_S = z_S2.prod(axis=1)
        product_SQ[:, q] = product_S - known_S5 @ np.linalg.lstsq(known_S5, product_S, rcond=None)[0]
    return product_SQ / product_SQ.std(axis=0)
