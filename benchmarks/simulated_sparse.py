"""Who regulates whom, learnt without a list of regulators: a sparse regression of every gene on all others.

Each gene is explained by few others (spike and slab: a link is there with some probability, and then has a size), and
how many links a gene has, and how strong they are, is learnt for each explaining gene from all its targets together.
So hubs are believed more readily than genes that explain one or two. Three steps:

1. `relevance`: ridge regression with one penalty a gene, learnt by the evidence (automatic relevance determination;
   Tipping, JMLR 2001), for all targets at once by one inverse of samples by samples.
2. `links`: variational spike and slab (Carbonetto and Stephens, Bayesian Analysis 2012), one gene after the other with
   all its targets at once. Of genes that say the same, whoever comes first takes all, so the mean over several random
   orders is taken.
3. `given_share`: a gene that explains others less than it is explained by them is no regulator; its effects are shrunk.

Beside them `TitrationCurves`: what a change of a regulator does depends on its level in the patient.

Shape suffixes: S samples, G genes, K columns that explain, N genes a column is made of, B bends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Posterior means whose square is below this many posterior variances start at 0.
_START = 1.3**2
#: Prior of the share of targets: as if a link had been seen in a tenth of a target among ten.
_LINKS, _TARGETS = 0.1, 10.0
#: Slab variance starts here and is held by as much weight as one link has.
_SLAB = 0.1


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters, chosen on development seeds."""

    members: int = 6
    """Random orders that are averaged."""
    sweeps: int = 15
    relevance_steps: int = 30
    sharpness: float = 4.0
    """Power at which given and taken effects are compared."""
    damping: float = 0.5
    """Share of an effect that the affected genes pass on, twice."""
    bends: tuple[float, ...] = (0.3, 0.6)
    """Quantiles of a gene's level at which its titration curve may bend."""
    slope_sd: float = 0.5
    """Prior spread of a slope about 1."""


@dataclass(frozen=True, eq=False)
class TitrationCurves:
    """How far a change of a gene counts, by its level: straight pieces, each as steep as all links say, or flatter.

    Attributes
    ----------
    edge_BG : ndarray
        Ends of the pieces in z, infinite outside.
    slope_BG : ndarray
        Slope of each piece, 0 to 1, one row fewer.
    """

    edge_BG: np.ndarray
    slope_BG: np.ndarray

    def felt(self, z_SG: np.ndarray, change_SG: np.ndarray) -> np.ndarray:
        """Return the part of a change of z that is propagated, shape (S, G)."""
        felt_SG = np.zeros_like(change_SG)
        for low_G, high_G, slope_G in zip(self.edge_BG, self.edge_BG[1:], self.slope_BG, strict=False):
            felt_SG += slope_G * (np.clip(z_SG + change_SG, low_G, high_G) - np.clip(z_SG, low_G, high_G))
        return felt_SG


@dataclass(frozen=True, eq=False)
class Relevance:
    """Result of `relevance`, samples by genes: no matrix of genes by genes is held.

    Attributes
    ----------
    z_SG : ndarray
        What it was learnt from.
    solved_SG : ndarray
        M Z, see `relevance`.
    prior_G, own_G, noise_G : ndarray
        Prior variance of a gene's effects, P_gg, and variance of what no other gene explains.
    """

    z_SG: np.ndarray
    solved_SG: np.ndarray
    prior_G: np.ndarray
    own_G: np.ndarray
    noise_G: np.ndarray

    def effects(self, genes_K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the effects of some genes on all, and their posterior variances, both of shape (K, G)."""
        p_KG = -self.prior_G[genes_K, None] * (self.z_SG[:, genes_K].T @ self.solved_SG) * self.prior_G
        variance_KG = (self.own_G[genes_K, None] - p_KG**2 / self.own_G) * self.noise_G
        weight_KG = -p_KG / self.own_G
        for matrix_KG in (weight_KG, variance_KG):
            matrix_KG[np.arange(len(genes_K)), genes_K] = 0
        return weight_KG, variance_KG


def relevance(z_SG: np.ndarray, steps: int) -> Relevance:
    """Regress every gene on all others, each explaining gene with its own prior variance.

    With D the prior variances, ``M = (1 + Z D Z^T)^-1`` and ``P = D - D Z^T M Z D``, the coefficient of k for g is
    ``-P_kg / P_gg`` and its posterior variance ``P_kk - P_kg^2 / P_gg`` times g's noise variance. An evidence step sets
    each prior variance to the mean over targets of squared coefficient per noise variance plus posterior variance.
    Sums of ``P_kg^2`` over k or g are quadratic forms in matrices of samples by samples.
    """
    samples, genes = z_SG.shape
    prior_G = np.full(genes, 3.0 / samples)
    for step in range(steps + 1):
        gram_SS = (z_SG * prior_G) @ z_SG.T
        solved_SG = np.linalg.solve(np.eye(samples) + gram_SS, z_SG)
        met_G = (z_SG * solved_SG).sum(axis=0)
        own_G = prior_G - prior_G**2 * met_G
        left_G = (solved_SG**2).sum(axis=0) + _form(solved_SG, gram_SS) - prior_G * met_G**2
        noise_G = (prior_G / own_G) ** 2 * left_G / samples
        if step < steps:
            square_G, spread_G = (
                prior_G**2 * (_form(z_SG, (solved_SG * weight_G) @ solved_SG.T) - weight_G * met_G**2)
                for weight_G in (prior_G**2 / (own_G**2 * noise_G), prior_G**2 / own_G)
            )
            prior_G = own_G + (square_G - spread_G) / (genes - 1)
    return Relevance(z_SG, solved_SG, prior_G, own_G, noise_G)


def _form(x_SG: np.ndarray, matrix_SS: np.ndarray) -> np.ndarray:
    """Quadratic form of each column, shape (G,)."""
    return ((matrix_SS @ x_SG) * x_SG).sum(axis=0)


def links(z_SG: np.ndarray, start: Relevance, recipe: Recipe, seed: int) -> np.ndarray:
    """Return the mean effect of an S of each gene on every other, shape (G, G), 0 on the diagonal."""
    weight_GG, variance_GG = start.effects(np.arange(z_SG.shape[1]))
    start_GG = np.where(weight_GG**2 > _START * variance_GG, 0.5 * weight_GG, 0.0)
    own_GK = np.arange(z_SG.shape[1])[:, None]
    total_GG = np.zeros_like(start_GG)
    for member in range(recipe.members):
        rng = np.random.default_rng([seed, member])
        total_GG += spike_and_slab(z_SG, z_SG, start_GG, own_GK, recipe.sweeps, rng)
    return total_GG / recipe.members


def spike_and_slab(
    x_SK: np.ndarray,
    z_SG: np.ndarray,
    start_KG: np.ndarray,
    own_KN: np.ndarray,
    sweeps: int,
    rng: np.random.Generator,
    *,
    prior: tuple[float, float] = (_LINKS, _TARGETS),
) -> np.ndarray:
    """Return posterior mean effects of some columns on all genes, shape (K, G).

    Parameters
    ----------
    x_SK, z_SG : ndarray
        What explains and what is explained, both centred.
    start_KG : ndarray
        Effects to start with.
    own_KN : ndarray of int
        Genes that a column may not explain: those that it is made of.
    prior : tuple of float
        Links seen beforehand, and targets without one.
    """
    samples, genes = z_SG.shape
    effect_KG = start_KG.copy()
    left_SG = z_SG - x_SK @ effect_KG
    noise_G = (left_SG**2).mean(axis=0)
    size_K = (x_SK**2).sum(axis=0)
    share_K, slab_K = np.full(len(size_K), 0.03), np.full(len(size_K), _SLAB)
    uncertain_G = np.zeros(genes)
    for _ in range(sweeps):
        uncertain_G[:] = 0
        for k in rng.permutation(len(size_K)):
            x_S, precision = x_SK[:, k], size_K[k] + 1 / slab_K[k]
            mean_G = (x_S @ left_SG + size_K[k] * effect_KG[k]) / precision
            variance_G = noise_G / precision
            odds_G = np.log(share_K[k] / (1 - share_K[k])) - 0.5 * np.log(precision * slab_K[k])
            odds_G = odds_G + 0.5 * mean_G**2 / variance_G
            there_G = 1 / (1 + np.exp(-np.clip(odds_G, -30, 30)))
            there_G[own_KN[k]] = 0
            new_G = there_G * mean_G
            left_SG -= np.outer(x_S, new_G - effect_KG[k])
            effect_KG[k] = new_G
            share_K[k] = (there_G.sum() + prior[0]) / (genes - 1 + sum(prior))
            second_G = there_G * (mean_G**2 + variance_G)
            slab_K[k] = ((second_G / noise_G).sum() + 0.5 * _SLAB) / (there_G.sum() + 1)
            uncertain_G += (second_G - new_G**2) * size_K[k]
        noise_G = ((left_SG**2).sum(axis=0) + uncertain_G) / samples
    return effect_KG


def given_share(effect_GG: np.ndarray, sharpness: float) -> np.ndarray:
    """Share of what a gene gives in what it gives and takes, shape (G,): near 1 for regulators, near 0 for leaves."""
    given_G = (effect_GG**2).sum(axis=1) ** (sharpness / 2)
    taken_G = (effect_GG**2).sum(axis=0) ** (sharpness / 2)
    return given_G / np.maximum(given_G + taken_G, np.finfo(float).tiny)


def propagated(effect_GG: np.ndarray, share: float) -> np.ndarray:
    """Add what affected genes pass on to others in two further steps, shape (G, G), 0 on the diagonal."""
    total_GG = effect_GG
    for _ in range(2):
        total_GG = effect_GG + share * total_GG @ effect_GG
        np.fill_diagonal(total_GG, 0)
    return total_GG


def titration_curves(z_SG: np.ndarray, effect_GG: np.ndarray, recipe: Recipe) -> TitrationCurves:
    """Read each gene's titration curve from its targets: what they, without all other links, say about its level."""
    left_SG = z_SG - z_SG @ effect_GG
    weight_GG = effect_GG / left_SG.var(axis=0)
    strength_G = np.maximum((effect_GG * weight_GG).sum(axis=1), np.finfo(float).tiny)
    extra_SG = left_SG @ weight_GG.T / strength_G
    outside_1G = np.full((1, z_SG.shape[1]), np.inf)
    edge_BG = np.vstack([-outside_1G, np.quantile(z_SG, recipe.bends, axis=0), outside_1G])
    slope_BG = np.ones((len(edge_BG) - 1, z_SG.shape[1]))
    for gene in range(z_SG.shape[1]):
        piece_SB = np.clip(z_SG[:, [gene]], edge_BG[:-1, gene], edge_BG[1:, gene])
        piece_SB = (piece_SB - piece_SB.mean(axis=0)) / extra_SG[:, gene].std().clip(1e-9)
        more_S = (extra_SG[:, gene] - extra_SG[:, gene].mean()) / extra_SG[:, gene].std().clip(1e-9)
        prior_BB = np.eye(len(slope_BG)) / recipe.slope_sd**2
        slope_BG[:, gene] += np.linalg.solve(piece_SB.T @ piece_SB + prior_BB, piece_SB.T @ more_S)
    return TitrationCurves(edge_BG, slope_BG.clip(0, 1))
