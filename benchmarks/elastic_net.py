"""Elastic net of every gene on all others: a candidate predictor, no part of the product.

Each gene is explained by few others (Zou and Hastie, J. R. Statist. Soc. B 2005); one penalty for all genes, the one
with the least error on validation patients over some genes. Of thousands of genes only those that go with a gene most
are asked, as a screen that keeps far more than the penalty lets in (Fan and Lv, J. R. Statist. Soc. B 2008).

Shape suffixes: S samples, G genes, K genes asked, A penalties, T regulators.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import enet_path

#: Penalties, descending: each starts from the one before. Share of the penalty that is absolute values.
PENALTIES = (0.3, 0.2, 0.12, 0.08, 0.05, 0.03, 0.02)
L1_SHARE = 0.5
#: Genes asked for each gene, and genes over which the penalty is chosen.
ASKED, CHOSEN_OVER = 500, 200
#: Share of an effect that the affected genes pass on, in each of two further steps, as of the sparse links.
PASSED_ON, STEPS = 0.5, 2


def elastic_net(z_SG: np.ndarray, validation_z_SG: np.ndarray, seed: int = 0) -> csr_array:
    """Return the effect of an S of each gene (rows) on every other gene, shape (G, G)."""
    z_SG = z_SG - z_SG.mean(axis=0)
    genes = z_SG.shape[1]
    unit_SG = z_SG / np.maximum(np.sqrt((z_SG**2).sum(axis=0)), 1e-9)
    over = np.random.default_rng(seed).choice(genes, min(CHOSEN_OVER, genes), replace=False)
    error_A = np.zeros(len(PENALTIES))
    for gene in over:
        asked_K, effect_KA = _path(z_SG, unit_SG, gene, PENALTIES)
        missed_SA = validation_z_SG[:, asked_K] @ effect_KA - validation_z_SG[:, [gene]]
        error_A += (missed_SA**2).mean(axis=0)
    best = PENALTIES[: int(error_A.argmin()) + 1]
    rows, columns, effects = [], [], []
    for gene in range(genes):
        # The path to the penalty is shortened: its start alone matters for speed.
        asked_K, effect_KA = _path(z_SG, unit_SG, gene, (best[0], best[-1]) if len(best) > 1 else best)
        used = np.flatnonzero(effect_KA[:, -1])
        rows.append(asked_K[used])
        columns.append(np.full(len(used), gene))
        effects.append(effect_KA[used, -1])
    place = (np.concatenate(rows), np.concatenate(columns))
    return csr_array((np.concatenate(effects).astype(np.float32), place), shape=(genes, genes))


def passed_on(first_TG: np.ndarray, effect_GG: csr_array) -> np.ndarray:
    """Return first effects with what the affected genes pass on to others, shape (T, G)."""
    total_TG = first_TG
    for _ in range(STEPS):
        total_TG = first_TG + PASSED_ON * (effect_GG.T @ total_TG.T).T
    return total_TG


def _path(
    z_SG: np.ndarray, unit_SG: np.ndarray, gene: int, penalties: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Explain one gene by those that go with it most; returns their positions and effects, (K,) and (K, A)."""
    alike_G = np.abs(unit_SG.T @ unit_SG[:, gene])
    alike_G[gene] = -1
    n_asked = min(ASKED, len(alike_G) - 1)
    asked_K = np.argpartition(-alike_G, n_asked - 1)[:n_asked]
    z_SK = np.asfortranarray(z_SG[:, asked_K], dtype=np.float64)
    with warnings.catch_warnings():
        # The last digits of an effect do not matter here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, effect_KA, _ = enet_path(
            z_SK,
            z_SG[:, gene].astype(np.float64),
            l1_ratio=L1_SHARE,
            alphas=penalties,
            precompute=z_SK.T @ z_SK,
            max_iter=300,
            tol=1e-3,
        )
    return asked_K, effect_KA
