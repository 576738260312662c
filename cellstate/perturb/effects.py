"""Direct effects between genes: each gene explained by few others, learnt by elastic net, stored beside the weights.

Ridge spreads an effect over all genes that go together; the elastic net picks (Zou and Hastie, J. R. Statist. Soc. B
2005), so that a gene which moves others is told from one which is only moved with them. Of thousands of genes those are
asked that go with a gene most, as a screen that keeps far more than the penalty lets in (Fan and Lv, J. R. Statist.
Soc. B 2008), and of all effects the largest are kept.

Shape suffixes: S samples, G genes, K genes asked, A penalties, N effects.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import enet_path
from threadpoolctl import threadpool_limits

from cellstate.errors import ModelError
from cellstate.model import Model
from cellstate.model.arrays import damaged, read_arrays, write_arrays
from cellstate.model.once import once_a_model

EFFECTS = "effects.safetensors"
#: Penalties that are tried, descending: each solution starts from the one before.
PENALTIES = (0.3, 0.2, 0.12, 0.08, 0.05, 0.03, 0.02)
#: Share of the penalty that is absolute values.
L1_SHARE = 0.9
#: Genes asked for each gene, and genes over which the penalty is chosen.
ASKED, CHOSEN_OVER = 500, 200
#: Effects that are kept, for each gene on average.
KEPT = 40
_LEVELS = 127
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
        At most `KEPT` a gene, in S per S; none of a gene on itself.
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


def save_effects(effect_GG: csr_array, model_folder: Path) -> None:
    """Write the effects beside the weights: each in 8 bits of the largest on the same gene, three bytes in all."""
    by_explained = effect_GG.tocsc()
    n_G = np.diff(by_explained.indptr)
    largest_G = np.zeros(len(n_G), np.float32)
    explained_N = np.repeat(np.arange(len(n_G)), n_G)
    np.maximum.at(largest_G, explained_N, np.abs(by_explained.data))
    step_G = largest_G / _LEVELS
    tensors = {
        "effects.count": n_G.astype(np.uint16),
        "effects.gene": by_explained.indices.astype(np.uint16),
        "effects.level": np.rint(by_explained.data / step_G[explained_N]).astype(np.int8),
        "effects.step": step_G.astype(np.float32),
    }
    write_arrays(model_folder / EFFECTS, tensors, {"cellstate-effects": "1"})


@once_a_model
def load_effects(model: Model) -> csr_array | None:
    """Return the effects that a model carries, shape (G, G); ``None`` where it has none (random weights)."""
    path = model.folder / EFFECTS
    if not path.exists():
        return None
    stored = read_arrays(path)
    try:
        _check(stored, len(model.space))
    except (KeyError, TypeError) as error:
        raise damaged(EFFECTS, error) from error
    explained_N = np.repeat(np.arange(len(model.space)), stored["effects.count"])
    effect_N = stored["effects.level"] * stored["effects.step"][explained_N]
    return csr_array((effect_N, (stored["effects.gene"], explained_N)), shape=(len(model.space),) * 2)


def _check(stored: Mapping[str, np.ndarray], genes: int) -> None:
    """Raise ``ModelError`` for tensors that are not as `save_effects` wrote them for so many genes."""
    count_G, gene_N, level_N, step_G = (stored[f"effects.{name}"] for name in ("count", "gene", "level", "step"))
    kinds = [array.dtype for array in (count_G, gene_N, level_N, step_G)] == [np.uint16, np.uint16, np.int8, np.float32]
    fits = kinds and count_G.shape == step_G.shape == (genes,) and gene_N.shape == level_N.shape
    fits = fits and gene_N.shape == (int(count_G.sum(dtype=np.int64)),) and bool((gene_N < genes).all())
    # A step of 1 would be an effect of 127 S an S; one that float32 barely holds overflows what it multiplies.
    sound = fits and bool(((step_G >= 0) & (step_G <= 1)).all())
    # No gene explains itself: an edit would otherwise be passed on to its own gene.
    if not sound or bool((gene_N == np.repeat(np.arange(genes), count_G)).any()):
        raise ModelError(f"{EFFECTS} does not belong to this model.", "Copy the model folder again.")
