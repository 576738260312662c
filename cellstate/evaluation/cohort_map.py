"""Map of the cohort: latent states of a sample before and after a prediction, among training profiles.

The map is a principal component analysis of decoded latent states, so that distances are in SD of genes. Latent units
themselves have arbitrary scales, and one unusual profile could dominate the map.

UMAP keeps neighbours together but neither distances nor directions, so an arrow in it would have no meaning.

Shape suffixes: S training profiles, P predictors, G genes, K components, 2 the axes of the map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cellstate.errors import CellStateError
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.model.folder import cached_per_model


@dataclass(frozen=True, eq=False)
class CohortMap:
    """Training profiles and one sample on two axes.

    Attributes
    ----------
    cohort_S2 : ndarray of float64, shape (S, 2)
        Centred, in SD.
    before_2 : ndarray of float64, shape (2,)
    after_2 : dict of str to ndarray of float64, shape (2,)
        After the prediction by each method.
    explained_2 : ndarray of float64, shape (2,)
        Fraction of the cohort's variance along each axis.
    moved : dict of str to float
        Length of each arrow along all axes, as a fraction of the root mean square distance of the training profiles
        from their centre.
    in_plane : dict of str to float
        Fraction of each arrow's length in the plane of the two axes; 0 for an arrow of no length.
    """

    cohort_S2: np.ndarray
    before_2: np.ndarray
    after_2: Mapping[str, np.ndarray]
    explained_2: np.ndarray
    moved: Mapping[str, float]
    in_plane: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class _Axes:
    """The map without a sample."""

    centre_G: np.ndarray
    axes_G2: np.ndarray
    cohort_S2: np.ndarray
    explained_2: np.ndarray
    spread: float


def cohort_map(model: Model, log1p_before_G: np.ndarray, log1p_after_G: Mapping[str, np.ndarray]) -> CohortMap:
    """Place a sample and its predictions among the training profiles.

    Parameters
    ----------
    model : Model
    log1p_before_G : ndarray, shape (G,)
        log1p TPM on the training cohort's scale, finite.
    log1p_after_G : mapping of str to ndarray, shape (G,)
        The same after the prediction by each method.

    Raises
    ------
    CellStateError
        A model that carries no training profiles, or too few for a map.
    """
    known = _axes(model)
    space = model.space
    profiles_PG = np.stack([log1p_before_G, *log1p_after_G.values()])
    z_PG = ((profiles_PG - space.mean_G) / space.scale_G).astype(np.float32)
    decoded_PG = model.reconstruct(z_PG).astype(np.float64)
    arrow_PG = decoded_PG[1:] - decoded_PG[0]
    length_P = np.linalg.norm(arrow_PG, axis=1)
    seen_P = np.linalg.norm(arrow_PG @ known.axes_G2, axis=1)
    at_P2 = (decoded_PG - known.centre_G) @ known.axes_G2
    names = list(log1p_after_G)
    return CohortMap(
        cohort_S2=known.cohort_S2,
        before_2=at_P2[0],
        after_2=dict(zip(names, at_P2[1:], strict=True)),
        explained_2=known.explained_2,
        moved=dict(zip(names, (length_P / known.spread).tolist(), strict=True)),
        in_plane=dict(zip(names, (seen_P / np.maximum(length_P, 1e-12)).tolist(), strict=True)),
    )


@cached_per_model
def _axes(model: Model) -> _Axes:
    profiles = load_profiles(model)
    if profiles is None:
        raise CellStateError("This model carries no training profiles, so there is no map.", "Choose a trained model.")
    decoded_SG = model.reconstruct(profiles.z_SG).astype(np.float64)
    centre_G = decoded_SG.mean(axis=0)
    decoded_SG -= centre_G
    # There are fewer profiles than genes, so the small matrix is the one of profiles.
    square_K, part_SK = np.linalg.eigh(decoded_SG @ decoded_SG.T)
    size_2 = np.sqrt(np.maximum(square_K[:-3:-1], 0))
    if len(size_2) < 2 or size_2[1] <= 1e-6 * size_2[0]:
        raise CellStateError(
            "This model's training profiles are too few for a map.", "Choose a model of more patients."
        )
    cohort_S2 = part_SK[:, :-3:-1] * size_2
    axes_G2 = decoded_SG.T @ cohort_S2 / size_2**2
    # The sign of an axis is free: its largest part points up, so that the map is the same on every machine.
    sign_2 = np.sign(axes_G2[np.abs(axes_G2).argmax(axis=0), np.arange(2)])
    total = float((decoded_SG**2).sum())
    return _Axes(
        centre_G=centre_G,
        axes_G2=axes_G2 * sign_2,
        cohort_S2=cohort_S2 * sign_2,
        explained_2=size_2**2 / total,
        spread=float(np.sqrt(total / len(decoded_SG))),
    )
