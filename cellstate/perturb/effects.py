"""Direct effects between genes, as they stand beside the weights: each gene has few others that explain it.

`elastic_net` learns them.

Shape suffixes: G genes, N effects.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from cellstate.errors import ModelError
from cellstate.model import Model
from cellstate.model.arrays import damaged, read_arrays, write_arrays
from cellstate.model.once import once_a_model

EFFECTS = "effects.safetensors"
_LEVELS = 127


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
