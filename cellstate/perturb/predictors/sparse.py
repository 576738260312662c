"""Sparse gene-gene effects: each gene is explained by few others, and a change propagates through them, damped.

The trainer learns the effects; here they are stored, read and followed.

Shape suffixes: R rows, G genes, K perturbed genes, N effects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from cellstate.errors import ModelError
from cellstate.model import Model
from cellstate.model.checkpoint import damaged, read_arrays, write_arrays
from cellstate.model.folder import cached_per_model
from cellstate.perturb.perturbations import InputChange

EFFECTS = "effects.safetensors"
_LEVELS = 127
#: Fraction of its change that a gene hands on to those that it explains, in each of two further steps. Chosen on the
#: simulated networks of ``benchmarks.simulated`` with seeds from 100 on.
DAMPING = 0.5
#: Rows of a square of effects that are in memory at once.
_ROWS = 1024


@dataclass(frozen=True, eq=False)
class SparseEffectPropagation:
    """Direct effects, propagated two further steps with damping; the perturbed genes are held.

    Attributes
    ----------
    effect_GG : csr_array of float32, shape (G, G)
        Effect of a rise of each gene (rows) by one SD on the others, in SD.
    """

    effect_GG: csr_array

    def change(self, change: InputChange) -> np.ndarray:
        """Return the change of z of every gene, shape (R, G); that of a perturbed gene is undefined."""
        first_RG = (self.effect_GG[change.genes_K].T @ change.delta_z_RK.T.astype(np.float32)).T
        # Each row clamps only the genes perturbed in it.
        free_RK = change.delta_z_RK == 0
        total_RG = first_RG
        for _ in range(2):
            felt_RG = total_RG.copy()
            felt_RG[:, change.genes_K] *= free_RK
            total_RG = first_RG + np.float32(DAMPING) * (self._into_GG @ felt_RG.T).T
        return total_RG

    def slope(self, direction_G: np.ndarray) -> np.ndarray:
        """Return the slope of a score along a direction in each gene's z, its own part left out, (G,) or (R, G)."""
        first_G = (self.effect_GG @ direction_G.T).T
        second_G = (self.effect_GG @ first_G.T).T
        third_G = (self.effect_GG @ second_G.T).T
        two_G, three_G = self._returns
        # What comes back to the perturbed gene goes no further, and is no part of the score.
        once_G = second_G - two_G * direction_G
        twice_G = third_G - two_G * first_G - three_G * direction_G
        return (first_G + DAMPING * once_G + DAMPING**2 * twice_G).astype(np.float32)

    @cached_property
    def _into_GG(self) -> csr_array:
        return self.effect_GG.T.tocsr()

    @cached_property
    def _returns(self) -> tuple[np.ndarray, np.ndarray]:
        """What comes back to each gene along two and along three effects, the diagonals of square and cube, (G,)."""
        two_G = self.effect_GG.multiply(self._into_GG).sum(axis=1)
        three_G = np.zeros_like(two_G)
        for start in range(0, len(two_G), _ROWS):
            rows = slice(start, start + _ROWS)
            three_G[rows] = (self.effect_GG[rows] @ self.effect_GG).multiply(self._into_GG[rows]).sum(axis=1)
        return two_G, three_G


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


@cached_per_model
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
    # A step of 1 would be an effect of 127 SD per SD; one that float32 barely holds overflows what it multiplies.
    sound = fits and bool(((step_G >= 0) & (step_G <= 1)).all())
    # No gene explains itself: a perturbation would otherwise propagate to its own gene.
    if not sound or bool((gene_N == np.repeat(np.arange(genes), count_G)).any()):
        raise ModelError(f"{EFFECTS} does not belong to this model.", "Copy the model folder again.")
