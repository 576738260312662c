"""Rivals: simple predictors that stand beside the network in every answer.

Published deep models do not beat such baselines on real perturbations (Ahlmann-Eltze et al., Nature Methods 2025), so
no predicted shift is shown without them. Their parameters are made by the trainer from its training samples only.

Shape suffixes: S samples, G genes, K edited genes, P principal components.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from cellstate.errors import ModelError
from cellstate.model import Model
from cellstate.perturb.edits import InputChange

RIVALS = "rivals.safetensors"


@dataclass(frozen=True, eq=False)
class Pca:
    """Principal components of the standardised training samples, as many as the network has latent units.

    Attributes
    ----------
    components_PG : ndarray of float32, shape (P, G)
        Orthonormal rows.
    variance_P : ndarray of float32, shape (P,)
        Variance of the training scores.
    z_variance_G : ndarray of float32, shape (G,)
        Variance of each standardised gene over the training samples.
    """

    components_PG: np.ndarray
    variance_P: np.ndarray
    z_variance_G: np.ndarray

    def reconstruct(self, z_SG: np.ndarray) -> np.ndarray:
        """Project samples on the components and back; the training mean is 0 in z."""
        return (z_SG @ self.components_PG.T) @ self.components_PG

    def covariance(self, genes_K: np.ndarray) -> np.ndarray:
        """Covariance of some genes with all genes, of the components' rank, shape (K, G)."""
        return (self.components_PG[:, genes_K].T * self.variance_P) @ self.components_PG


def fit_pca(z_SG: np.ndarray, n_components: int) -> Pca:
    """Compute the components from standardised training samples by singular value decomposition."""
    n = min(n_components, *z_SG.shape)
    _, singular, rows_PG = np.linalg.svd(z_SG.astype(np.float64), full_matrices=False)
    sign_P = np.sign(rows_PG[np.arange(n), np.abs(rows_PG[:n]).argmax(axis=1)])
    variance_P = singular[:n] ** 2 / len(z_SG)
    arrays = (rows_PG[:n] * sign_P[:, None], variance_P, z_SG.var(axis=0))
    return Pca(*(a.astype(np.float32) for a in arrays))


def save_pca(pca: Pca, model_folder) -> None:
    """Write the components beside the weights, in float16: they are shown, not propagated."""
    tensors = {
        "pca.components": pca.components_PG.astype(np.float16),
        "pca.variance": pca.variance_P,
        "pca.z_variance": pca.z_variance_G,
    }
    # One entry of metadata, as in a checkpoint: several are written in random order.
    save_file(tensors, model_folder / RIVALS, metadata={"cellstate-rivals": "1"})


@lru_cache(maxsize=8)
def load_pca(model: Model) -> Pca | None:
    """Return the PCA of a trained model, ``None`` for random weights."""
    path = model.folder / RIVALS
    if not path.exists():
        return None
    try:
        tensors = load_file(path)
        arrays = [tensors[f"pca.{name}"].astype(np.float32) for name in ("components", "variance", "z_variance")]
    except (SafetensorError, OSError, KeyError) as error:
        raise ModelError(f"{RIVALS} is damaged ({error}).", "Copy the model folder again.") from error
    pca = Pca(*arrays)
    if pca.components_PG.shape[1] != len(model.space) or not all(np.isfinite(a).all() for a in arrays):
        raise ModelError(f"{RIVALS} does not belong to this model.", "Copy the model folder again.")
    return pca


@dataclass(frozen=True)
class Rival:
    """A named predictor of shifts.

    Attributes
    ----------
    name, sentence : str
    predict : callable
        (PCA, input change, number of genes) -> change of standardised log1p TPM, shape (S, G).
    slope : callable
        (PCA, direction of shape (G,)) -> how a score along it moves with each gene's z, that gene left out, shape (G,).
    """

    name: str
    sentence: str
    predict: Callable[[Pca, InputChange, int], np.ndarray]
    slope: Callable[[Pca, np.ndarray], np.ndarray]


def _no_change(pca: Pca, change: InputChange, n_genes: int) -> np.ndarray:
    return np.zeros((len(change.delta_z_SK), n_genes), np.float32)


def _pca(pca: Pca, change: InputChange, n_genes: int) -> np.ndarray:
    return (change.delta_z_SK @ pca.components_PG[:, change.genes_K].T) @ pca.components_PG


def _coexpression(pca: Pca, change: InputChange, n_genes: int) -> np.ndarray:
    slope_KG = pca.covariance(change.genes_K) / np.maximum(pca.z_variance_G[change.genes_K], 1e-6)[:, None]
    return change.delta_z_SK @ slope_KG


def _pca_slope(pca: Pca, direction_G: np.ndarray) -> np.ndarray:
    own_G = (pca.components_PG**2).sum(axis=0)
    return (pca.components_PG @ direction_G) @ pca.components_PG - direction_G * own_G


def _coexpression_slope(pca: Pca, direction_G: np.ndarray) -> np.ndarray:
    weighted_PG = pca.components_PG * pca.variance_P[:, None]
    own_G = (weighted_PG * pca.components_PG).sum(axis=0)
    covariance_G = (pca.components_PG @ direction_G) @ weighted_PG - direction_G * own_G
    return covariance_G / np.maximum(pca.z_variance_G, 1e-6)


#: Every rival, in the order in which tables show them.
REGISTRY = (
    Rival(
        "no_change",
        "Nothing but the edited genes moves: every gene stays at its level.",
        _no_change,
        lambda _, d: np.zeros_like(d),
    ),
    Rival("pca", "The edit projected on the training patients' principal components and back.", _pca, _pca_slope),
    Rival(
        "coexpression",
        "Each gene moves along its regression line on each edited gene.",
        _coexpression,
        _coexpression_slope,
    ),
)


def rival_shifts(model: Model, change: InputChange) -> dict[str, np.ndarray]:
    """Return what each rival predicts, change of z, shape (S, G); only no-change where there is no training."""
    pca = load_pca(model)
    n_genes = len(model.space)
    if pca is None:
        return {"no_change": np.zeros((len(change.delta_z_SK), n_genes), np.float32)}
    return {rival.name: rival.predict(pca, change, n_genes) for rival in REGISTRY}


def rival_slopes(model: Model, direction_G: np.ndarray) -> dict[str, np.ndarray]:
    """Return how a score along a direction moves with each gene's z, by each rival that predicts a movement at all."""
    pca = load_pca(model)
    if pca is None:
        return {}
    return {rival.name: rival.slope(pca, direction_G) for rival in REGISTRY if rival.name != "no_change"}
