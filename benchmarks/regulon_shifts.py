"""Shifts that every predictor foresees when one regulator moves by 1 S: no truth is known here.

Shape suffixes: S samples, G genes, T regulators.
"""

from __future__ import annotations

import numpy as np
import torch

from cellstate.evidence import PredictorId
from cellstate.model import Model
from cellstate.model.profiles import load_profiles
from cellstate.perturb.edits import InputChange
from cellstate.perturb.propagate import base_pass, propagate
from cellstate.perturb.rivals import NETWORK, Known, maps_of, rival_maps
from cellstate.perturb.shift import network_shift

#: Draws of hidden genes over which the hidden read-out is averaged, and the share that is hidden in each.
DRAWS, HIDDEN = 8, 0.5


def simple_shifts(known: Known, tf_T: np.ndarray) -> dict[str, np.ndarray]:
    """Return the shift in z that each rival of the product predicts for a loss of 1 S of each regulator, (T, G)."""
    change = _losses(tf_T)
    return {name: one.shift(change) for name, one in maps_of(known).items()}


def product_shifts(model: Model, tf_T: np.ndarray) -> dict[str, np.ndarray]:
    """Return the same from every predictor of a trained model folder, the network first, (T, G)."""
    start_TG = np.zeros((len(tf_T), len(model.space)), np.float32)
    change = _losses(tf_T)
    network = {NETWORK: network_shift(model, start_TG, tf_T, change.delta_z_SK)}
    return network | {name: one.shift(change) for name, one in rival_maps(model).items()}


def _losses(tf_T: np.ndarray) -> InputChange:
    """One row a regulator, which alone loses 1 S."""
    return InputChange(tf_T, -np.eye(len(tf_T), dtype=np.float32), np.full((len(tf_T), len(tf_T)), np.nan))


def blind_sizes(z_SG: np.ndarray, n_regulators: int) -> dict[str, np.ndarray]:
    """Return what knows nothing of the regulator: random numbers, and how much each gene varies anyway, (T, G)."""
    shape = (n_regulators, z_SG.shape[1])
    sd_G = z_SG.std(axis=0)
    return {
        PredictorId.RANDOM: np.random.default_rng(0).random(shape, np.float32),
        PredictorId.VARIABILITY: np.broadcast_to(sd_G, shape),
    }


def network_shifts(model: Model, tf_T: np.ndarray) -> dict[str, np.ndarray]:
    """Return the network's shift in z for a loss of 1 S of each regulator, shape (T, G).

    ``autoencoder`` starts from the mean profile of the cohort. ``autoencoder_hidden_input`` starts from cohort profiles
    of which half of the genes are hidden, drawn anew each time, and averages.
    """
    genes = torch.from_numpy(tf_T)[:, None]
    delta = -torch.ones(len(tf_T), 1)
    rng = np.random.default_rng(0)
    profiles = load_profiles(model)
    starts: dict[str, np.ndarray] = {PredictorId.AUTOENCODER: np.zeros((1, len(model.space)), np.float32)}
    if profiles is not None:
        z_SG = ((profiles.log1p_SG - model.space.mean_G) / model.space.scale_G).astype(np.float32)
        z_SG = z_SG[rng.choice(len(z_SG), DRAWS, replace=len(z_SG) < DRAWS)]
        starts[PredictorId.AUTOENCODER_HIDDEN_INPUT] = np.where(rng.random(z_SG.shape) < HIDDEN, np.float32(0), z_SG)
    found = {}
    with torch.inference_mode():
        for name, z_SG in starts.items():
            shifts = [
                propagate(model.network, base_pass(model.network, torch.from_numpy(z_1G[None])), genes, delta)
                for z_1G in z_SG
            ]
            found[name] = torch.stack(shifts).mean(dim=0).numpy()
    return found
