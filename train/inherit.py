"""A child's embedding: components of its cohort and of its base together, with the base's layers between them.

A cohort of one disease varies along directions that hundreds of tissues do not need, and has too few samples to know
its own weak ones. So the child's components are the leading ones of both, its cohort's samples and the base's
profiles. What the base's layers read and write is a linear function of them, whose matrices are the overlaps of the two
sets of components.

Shape suffixes: S samples, R profiles, G genes of the child, Q components of the child, K of the base, L latent units.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from cellstate.errors import ModelError
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.model.network import AutoEncoder
from cellstate.perturb.predictors.linear import principal_rows

from .data import TrainingData


def inherit(
    base: Model, data: TrainingData, at_G: np.ndarray, known_G: np.ndarray, components: int, weight: float, name: str
) -> AutoEncoder:
    """Return a network with so many components of both that predicts what the base predicts, as far as they reach.

    Parameters
    ----------
    at_G : ndarray of int
        Each gene's position in the base.
    known_G : ndarray of bool
        Whether the base has it. What it does not know is 0 in its directions.
    components : int
        At most the samples and profiles together.
    weight : float
        Weight of the base's profiles in the components, as a multiple of that of the cohort's samples.

    Raises
    ------
    ModelError
        When the base has no embedding, or carries no profiles.
    """
    profiles = load_profiles(base)
    if not base.config.embedding or profiles is None:
        raise ModelError(
            f"{base.folder.name} has no components to share.", "Leave components out of [base], or choose another base."
        )
    space, theirs = data.space, base.space
    # z of the child = z of the base times this, and moved.
    factor_G = np.where(known_G, theirs.scale_G[at_G] / space.scale_G, 0)
    moved_G = np.where(known_G, (theirs.mean_G[at_G] - space.mean_G) / space.scale_G, 0)
    profile_RG = profiles.z_SG[:, at_G] * factor_G
    rows_QG = _joint(data.train_z_SG, profile_RG - profile_RG.mean(axis=0), components, weight)
    unit = float(np.sqrt(np.square(data.train_z_SG @ rows_QG.T).mean()))

    old = base.network.state_dict()
    last = len(base.network.layers) - 1
    # Of the base: component scores from z, and z from component scores.
    reads_KG = old["layers.0.weight"].numpy()[:, at_G] * known_G
    writes_GK = old[f"layers.{last}.weight"].numpy()[at_G] * factor_G[:, None]
    back_G = np.divide(1, factor_G, out=np.zeros_like(factor_G), where=known_G)
    enter_KQ, enter_K = (reads_KG * back_G) @ rows_QG.T * unit, -reads_KG @ (moved_G * back_G)
    leave_QK, leave_Q = rows_QG @ writes_GK / unit, rows_QG @ moved_G / unit
    ends = (enter_KQ, enter_K, leave_QK, leave_Q)
    return _network(base.network, rows_QG, unit, tuple(torch.from_numpy(one).float() for one in ends), name)


def _joint(own_SG: np.ndarray, profile_RG: np.ndarray, most: int, weight: float) -> np.ndarray:
    """Return leading components, shape (Q, G), of samples and profiles together, orthonormal rows.

    Each counts by its direction, not its length (spherical PCA, Locantore et al., Test 1999): the few samples farthest
    from the mean say least of the others.
    """
    parts = []
    for z_NG, share in ((own_SG, 1.0), (profile_RG, weight)):
        length_N1 = np.maximum(np.linalg.norm(z_NG, axis=1, keepdims=True), 1e-9)
        parts.append(z_NG / length_N1 * np.sqrt(share / len(z_NG)))
    return principal_rows(np.concatenate(parts).astype(np.float32), most)[0]


@torch.no_grad()
def _network(base: AutoEncoder, rows_QG: np.ndarray, unit: float, ends: tuple[Tensor, ...], name: str) -> AutoEncoder:
    enter_KQ, enter_K, leave_QK, leave_Q = ends
    width, genes = rows_QG.shape
    widths = (genes, width, *base.config.widths[2:-2], width, genes)
    network = AutoEncoder(replace(base.config, name=name, widths=widths))
    last, latent, leaving = len(base.layers) - 1, base.latent, base.exit
    rows = torch.from_numpy(rows_QG)
    state = {key: value.float() for key, value in base.state_dict().items()}
    first, bias = state["layers.1.weight"], state["layers.1.bias"]
    state["layers.1.weight"], state["layers.1.bias"] = first @ enter_KQ, bias + first @ enter_K
    for key in (f"layers.{leaving}.weight", f"layers.{leaving}.bias"):
        state[key] = leave_QK @ state[key]
    state[f"layers.{leaving}.bias"] += leave_Q
    if base.skip_in is not None:
        # It has no bias of its own; the latent layer's is added to the same units.
        state[f"layers.{latent}.bias"] = state[f"layers.{latent}.bias"] + state["skip_in.weight"] @ enter_K
        state["skip_in.weight"] = state["skip_in.weight"] @ enter_KQ
        state["skip_out.weight"] = leave_QK @ state["skip_out.weight"]
    state |= {
        "layers.0.weight": rows / unit, "layers.0.bias": torch.zeros(width),
        f"layers.{last}.weight": rows.T * unit, f"layers.{last}.bias": torch.zeros(genes),
    }  # fmt: skip
    network.load_state_dict(state)
    return network.requires_grad_(False)


@torch.no_grad()
def take_components(network: AutoEncoder, z_SG: np.ndarray) -> None:
    """Let the linear maps of an inherited network be its own leading components, beside the base's layers.

    The latent coordinates are turned to lie as near to the base's as a rotation can (orthogonal Procrustes, Schönemann,
    Psychometrika 1966), with their mean and spread, so that the base's decoder reads what it knows.
    """
    assert network.skip_in is not None and network.skip_out is not None
    z, width = torch.from_numpy(z_SG), network.config.n_latent
    own_SL, theirs_SL = (z @ network.weight(0).T)[:, :width], network.encode(z)
    mean_L = theirs_SL.mean(dim=0)
    left_LL, _, right_LL = torch.linalg.svd(own_SL.T @ (theirs_SL - mean_L))
    turn_LL = left_LL @ right_LL
    spread = (theirs_SL - mean_L).square().mean().sqrt() / own_SL.square().mean().sqrt()
    network.skip_in.weight.zero_()[:, :width] = spread * turn_LL.T
    network.skip_out.weight.zero_()[:width] = turn_LL / spread
    latent, leaving = network.layers[network.latent], network.layers[network.exit]
    assert isinstance(latent.bias, Tensor) and isinstance(leaving.bias, Tensor)
    latent.bias += mean_L - network.encode(z).mean(dim=0)
    # The mean of the cohort is 0 in z.
    leaving.bias -= network.before_last(z).mean(dim=0)
