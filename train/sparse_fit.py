"""Learn direct effects between genes: each gene is explained by few others, by elastic net.

Ridge spreads an effect over all genes that go together; the elastic net picks (Zou and Hastie, J. R. Statist. Soc. B
2005), so that a gene which moves others is told from one which is only moved with them. Of thousands of genes those are
asked that go with a gene most, as a screen that keeps far more than the penalty lets in (Fan and Lv, J. R. Statist.
Soc. B 2008), and of all effects the largest are kept. `cellstate.perturb.predictors.sparse` stores and reads them.

Shape suffixes: S samples, G genes, K genes asked, A penalties, N effects.
"""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import enet_path
from threadpoolctl import threadpool_limits

#: Penalties that are tried, descending: each solution starts from the one before.
PENALTIES = (0.3, 0.2, 0.12, 0.08, 0.05, 0.03, 0.02)
#: Share of the penalty that is absolute values.
L1_SHARE = 0.9
#: Genes asked for each gene, and genes over which the penalty is chosen.
ASKED, CHOSEN_OVER = 500, 200
#: Effects that are kept, for each gene on average.
KEPT = 40
#: Genes that a thread explains before it takes the next ones.
_BLOCK = 64


def fit_effects(z_SG: np.ndarray, validation_z_SG: np.ndarray, seed: int = 0) -> csr_array:
    """Learn what an S more of each gene (rows) does to each other gene (columns) directly.

    Parameters
    ----------
    z_SG : ndarray, shape (S, G)
        Standardised training samples.
    validation_z_SG : ndarray, shape (V, G)
        Samples on which one penalty for all genes is chosen: least squared error of some genes from the others, by
        the effects that would be kept.
    seed : int
        Draws the genes over which the penalty is chosen.

    Returns
    -------
    csr_array of float32, shape (G, G)
        At most `KEPT` a gene, in SD per SD; none of a gene on itself.
    """
    genes = z_SG.shape[1]
    z_SG = z_SG - z_SG.mean(axis=0)
    unit_SG = z_SG / np.maximum(np.sqrt(np.square(z_SG).sum(axis=0)), 1e-9)
    # Of a gene that never moves nothing is learnt.
    moving = np.flatnonzero(unit_SG.any(axis=0))
    if len(moving) < 2:
        return csr_array((genes, genes), dtype=np.float32)
    over = np.sort(np.random.default_rng(seed).choice(moving, min(CHOSEN_OVER, len(moving)), replace=False))
    paths = _in_threads(partial(_path, z_SG, unit_SG, penalties=PENALTIES), over)
    best = _best_penalty(paths, validation_z_SG, over)
    # The path to the penalty is shortened: its start alone matters for speed.
    chosen = tuple(dict.fromkeys((PENALTIES[0], PENALTIES[best])))
    found = _in_threads(partial(_sparse_end, z_SG, unit_SG, penalties=chosen), moving)
    explaining_N, effect_N = (np.concatenate(parts) for parts in zip(*found, strict=True))
    explained_N, kept_N = np.repeat(moving, [len(asked_K) for asked_K, _ in found]), _largest(effect_N, genes)
    place = (explaining_N[kept_N], explained_N[kept_N])
    return csr_array((effect_N[kept_N].astype(np.float32), place), shape=(genes, genes))


def _path(
    z_SG: np.ndarray, unit_SG: np.ndarray, gene: int, penalties: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Explain one gene by those that go with it most; returns their positions and effects, (K,) and (K, A)."""
    alike_G = np.abs(unit_SG.T @ unit_SG[:, gene])
    alike_G[gene] = -1
    n_asked = min(ASKED, len(alike_G) - 1)
    asked_K = np.sort(np.argpartition(-alike_G, n_asked - 1)[:n_asked])
    z_SK = np.asfortranarray(z_SG[:, asked_K], dtype=np.float64)
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


def _sparse_end(
    z_SG: np.ndarray, unit_SG: np.ndarray, gene: int, penalties: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the genes that explain one at the last penalty, and their effects, both of shape (n,)."""
    asked_K, effect_KA = _path(z_SG, unit_SG, gene, penalties)
    used = np.flatnonzero(effect_KA[:, -1])
    return asked_K[used], effect_KA[used, -1]


def _in_threads(explain, genes: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Explain genes by as many threads as there are cores: the solver does not hold Python's lock."""
    blocks = [genes[start : start + _BLOCK].tolist() for start in range(0, len(genes), _BLOCK)]
    # One thread a product, or those of all products get in each other's way.
    with warnings.catch_warnings(), threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool:
        # The last digits of an effect do not matter here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return [one for done in pool.map(lambda block: [explain(gene) for gene in block], blocks) for one in done]


def _largest(effect_N: np.ndarray, genes: int) -> np.ndarray:
    """Which effects are kept where so many genes are explained: the largest, whichever gene they explain."""
    size_N, most = np.abs(effect_N), KEPT * genes
    if len(size_N) <= most:
        return size_N > 0
    return size_N > np.partition(size_N, -most - 1)[-most - 1]


def _best_penalty(paths: list[tuple[np.ndarray, np.ndarray]], validation_z_SG: np.ndarray, over: np.ndarray) -> int:
    """Return the position of the penalty whose kept effects predict validation samples best."""
    error_A = np.zeros(len(PENALTIES))
    for place in range(len(PENALTIES)):
        effects = [effect_KA[:, place] for _, effect_KA in paths]
        kept = np.split(_largest(np.concatenate(effects), len(over)), np.cumsum([len(e) for e in effects])[:-1])
        for gene, (asked_K, _), effect_K, kept_K in zip(over, paths, effects, kept, strict=True):
            told_S = validation_z_SG[:, asked_K[kept_K]] @ effect_K[kept_K]
            error_A[place] += np.square(told_S - validation_z_SG[:, gene]).mean()
    return int(error_A.argmin())
