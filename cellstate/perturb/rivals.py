"""Rivals: simple predictors that stand beside the network in every answer.

Published deep models do not beat such baselines on real perturbations (Ahlmann-Eltze et al., Nature Methods 2025), so
no predicted shift is shown without them. Each is linear in the input change; their parameters are made by the trainer
from its training samples only.

Shape suffixes: S samples, G genes, K edited genes, P principal components.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from scipy.sparse import csr_array

from cellstate.evidence import PredictorId
from cellstate.model import Model
from cellstate.model.once import once_a_model
from cellstate.perturb.components import Components, load_components, own
from cellstate.perturb.edits import InputChange
from cellstate.perturb.effects import load_effects
from cellstate.perturb.passing_on import PassedOnMap

NETWORK, NO_CHANGE = PredictorId.AUTOENCODER.value, PredictorId.NO_CHANGE.value


class ShiftMap(Protocol):
    """What a rival makes of an edit."""

    def shift(self, change: InputChange) -> np.ndarray:
        """Return the change of z of every gene, shape (S, G); that of an edited gene means nothing."""

    def slope(self, direction_G: np.ndarray) -> np.ndarray:
        """Return how a score along a direction moves with each gene's z, without that gene's own part, shape (G,)."""


@dataclass(frozen=True, eq=False)
class LinearMap:
    """How every gene's z moves with every other's: target_g (V^T M V)_gk source_k, of the components' rank.

    Attributes
    ----------
    components_PG : ndarray of float32, shape (P, G)
        V, orthonormal rows.
    middle_PP : ndarray of float32, shape (P, P)
        M, symmetric.
    source_G, target_G : ndarray of float32, shape (G,)
    """

    components_PG: np.ndarray
    middle_PP: np.ndarray
    source_G: np.ndarray
    target_G: np.ndarray

    def shift(self, change: InputChange) -> np.ndarray:
        """Return the change of z of every gene, shape (S, G); that of an edited gene means nothing."""
        moved_SK = change.delta_z_SK * self.source_G[change.genes_K]
        return (
            moved_SK @ self.components_PG[:, change.genes_K].T @ self.middle_PP @ self.components_PG
        ) * self.target_G

    def slope(self, direction_G: np.ndarray) -> np.ndarray:
        """Return how a score along a direction moves with each gene's z, without that gene's own part, shape (G,)."""
        aimed_G = self.target_G * direction_G
        reached_P = _product(self.components_PG, aimed_G) @ self.middle_PP
        return self.source_G * (_product(reached_P, self.components_PG) - aimed_G * self._own_G)

    @cached_property
    def _own_G(self) -> np.ndarray:
        return own(self.components_PG, self.middle_PP)


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    # By torch, whose threads have just run the network: two libraries' threads get in each other's way.
    return (
        torch.from_numpy(left.astype(np.float32, copy=False)) @ torch.from_numpy(right.astype(np.float32, copy=False))
    ).numpy()


@dataclass(frozen=True, eq=False)
class Known:
    """What the trainer learnt for the rivals; folders of older versions hold no effects."""

    components: Components
    effect_GG: csr_array | None


@dataclass(frozen=True)
class Rival:
    """A named predictor of shifts.

    Attributes
    ----------
    name, sentence : str
    made : callable
        What is known -> its map, or ``None`` where the folder does not hold what it takes.
    told : bool
        Whether it is told which genes are transcription factors: prior knowledge.
    """

    name: str
    sentence: str
    made: Callable[[Known], ShiftMap | None]
    told: bool = False


def _pca(learnt: Known) -> LinearMap:
    known = learnt.components
    unit_G = np.ones(len(known.tf_G), np.float32)
    return LinearMap(known.pca_LG, np.eye(len(known.pca_LG), dtype=np.float32), unit_G, unit_G)


def _coexpression(learnt: Known) -> LinearMap:
    known = learnt.components
    unit_G = np.ones(len(known.tf_G), np.float32)
    covariance_PP = np.diag(known.variance_P)
    return LinearMap(known.components_PG, covariance_PP, 1 / np.maximum(known.z_variance_G, 1e-6), unit_G)


def _ridge(learnt: Known) -> LinearMap:
    known = learnt.components
    # Coefficients of ridge on all other genes: -P_gk / P_gg of the regularised precision matrix P = (I - A) / lambda,
    # so A_gk / (1 - A_gg), A the hat matrix.
    middle_PP = known.ridge_PP.astype(np.float32)
    unit_G = np.ones(len(known.tf_G), np.float32)
    return LinearMap(known.components_PG, middle_PP, unit_G, 1 / (1 - own(known.components_PG, middle_PP)))


def _tf_ridge(learnt: Known) -> LinearMap:
    known = learnt.components
    middle_PP = known.tf_ridge_PP.astype(np.float32)
    own_G = np.where(known.tf_G, own(known.components_PG, middle_PP), 0)
    return LinearMap(
        known.components_PG, middle_PP, known.tf_G.astype(np.float32), (1 / (1 - own_G)).astype(np.float32)
    )


def _elastic_net(learnt: Known) -> PassedOnMap | None:
    return None if learnt.effect_GG is None else PassedOnMap(learnt.effect_GG)


#: Every rival that predicts a movement, in the order in which tables show them, behind "no change".
REGISTRY = (
    Rival("pca", "The edit projected on the training samples' principal components and back.", _pca),
    Rival("coexpression", "Each gene moves along its regression line on each edited gene.", _coexpression),
    Rival("ridge", "Each gene moves by its ridge regression on all other genes.", _ridge),
    Rival(
        "elastic_net",
        "Few genes explain each gene, by elastic net; what is moved passes half of its movement on, twice.",
        _elastic_net,
    ),
    Rival(
        "ridge_tf",
        "Each gene moves by its ridge regression on transcription factors alone: prior knowledge, not learning.",
        _tf_ridge,
        told=True,
    ),
)


@once_a_model
def rival_maps(model: Model) -> dict[str, ShiftMap]:
    """Return the maps of a trained model's rivals by name; none for random weights."""
    components = load_components(model)
    return {} if components is None else maps_of(Known(components, load_effects(model)))


def maps_of(known: Known) -> dict[str, ShiftMap]:
    """Return the map of every rival that can be made of what is known."""
    made = {rival.name: rival.made(known) for rival in REGISTRY}
    return {name: one for name, one in made.items() if one is not None}


def rival_shifts(model: Model, change: InputChange) -> dict[str, np.ndarray]:
    """Return what each rival predicts, change of z, shape (S, G); only no-change where there is no training."""
    still_SG = np.zeros((len(change.delta_z_SK), len(model.space)), np.float32)
    return {NO_CHANGE: still_SG} | {name: one.shift(change) for name, one in rival_maps(model).items()}


def rival_slopes(model: Model, direction_G: np.ndarray) -> dict[str, np.ndarray]:
    """Return how a score along a direction moves with each gene's z, by each rival that predicts a movement at all."""
    return {name: one.slope(direction_G) for name, one in rival_maps(model).items()}
