"""Changes that every method predicts when one regulator loses 1 SD; no truth is known here.

Shape suffixes: S samples, G genes, T regulators.
"""

from __future__ import annotations

import numpy as np
import torch

from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.perturb.perturbations import InputChange
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.linear import LinearPredictor
from cellstate.perturb.predictors.propagate import base_pass, propagate
from cellstate.perturb.predictors.registry import FittedParameters, available_predictors, build_predictors
from cellstate.perturb.sample import training_mean

#: Draws of hidden genes over which the hidden read-out is averaged, and the share that is hidden in each.
DRAWS, HIDDEN = 8, 0.5


def simple_changes(fitted: FittedParameters, tf_T: np.ndarray) -> dict[str, np.ndarray]:
    """Return the change in z that each linear method predicts for a loss of 1 SD of each regulator, (T, G)."""
    change = _losses(tf_T)
    built = {name: one for name, one in build_predictors(fitted).items() if name is not PredictorId.NO_CHANGE}
    return {name.value: one.effects.change(change) for name, one in built.items() if isinstance(one, LinearPredictor)}


def product_changes(model: Model, tf_T: np.ndarray) -> dict[str, np.ndarray]:
    """Return the same from every predictor of a trained model folder, the autoencoder first, (T, G)."""
    change, start = _losses(tf_T), training_mean(model)
    return {name.value: one.predict_change(start, change) for name, one in available_predictors(model).items()}


def _losses(tf_T: np.ndarray) -> InputChange:
    """Return one row a regulator, which alone loses 1 SD."""
    return InputChange(tf_T, -np.eye(len(tf_T), dtype=np.float32), np.full((len(tf_T), len(tf_T)), np.nan))


def uninformed_sizes(z_SG: np.ndarray, n_regulators: int) -> dict[str, np.ndarray]:
    """Return rankings that ignore the regulator: random numbers, and the variability of each gene, (T, G)."""
    shape = (n_regulators, z_SG.shape[1])
    sd_G = z_SG.std(axis=0)
    return {
        PredictorId.RANDOM: np.random.default_rng(0).random(shape, np.float32),
        PredictorId.VARIABILITY: np.broadcast_to(sd_G, shape),
    }


def network_changes(model: Model, tf_T: np.ndarray) -> dict[str, np.ndarray]:
    """Return the autoencoder's change in z for a loss of 1 SD of each regulator, shape (T, G).

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
