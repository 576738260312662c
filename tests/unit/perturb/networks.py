"""Small networks of every kind, and what they say in float64."""

from __future__ import annotations

import numpy as np
import torch

from cellstate.model import ModelConfig
from cellstate.model.config import ACTIVATIONS
from cellstate.model.network import AutoEncoder, initialise
from cellstate.perturb.predictors.linear import fit_components
from train.warm_start import pca_map, warm_start

GENES = 300
#: (activation, hidden widths, residual, embedding): every activation, one and several hidden layers, with and without
#: linear maps and an embedding.
KINDS = [
    *((activation, (200, 80, 200), False, False) for activation in ACTIVATIONS),
    ("relu", (90,), False, False),
    ("gelu", (150, 120, 60, 120, 150), False, False),
    *((activation, (200, 80, 200), True, False) for activation in ACTIVATIONS),
    ("silu", (90,), True, False),
    *((activation, (90, 120, 40, 120, 90), True, True) for activation in ACTIVATIONS),
    ("gelu", (90, 120, 40, 120, 90), False, True),
    ("gelu", (90, 40, 90), True, True),
]


def make_network(
    activation: str = "relu", hidden=(200, 80, 200), residual: bool = False, embedding: bool = False, seed: int = 5
) -> AutoEncoder:
    """Random weights and biases."""
    made = AutoEncoder(ModelConfig("any", (GENES, *hidden, GENES), activation, residual, embedding))
    initialise(made, seed)
    for index, layer in enumerate(made.layers):
        assert isinstance(layer, torch.nn.Linear)
        torch.nn.init.normal_(layer.bias, std=0.1, generator=torch.Generator().manual_seed(index))
    return made.requires_grad_(False)


def make_warm(activation: str, residual: bool) -> AutoEncoder:
    """A network that starts as the PCA of correlated random samples, its biases moved so that units bend."""
    rng = np.random.default_rng(3)
    z_SG = (rng.normal(size=(60, 12)) @ rng.normal(size=(12, GENES))).astype(np.float32)
    made = AutoEncoder(ModelConfig("warm", (GENES, 80, 12, 80, GENES), activation, residual))
    known = fit_components(z_SG, 12)
    warm_start(made, *pca_map(known.pca_LG, known.pca_variance_L), 0)
    for index, layer in enumerate(made.layers):
        assert isinstance(layer, torch.nn.Linear)
        torch.nn.init.normal_(layer.bias, std=0.3, generator=torch.Generator().manual_seed(index))
    return made.requires_grad_(False)


def widen(network: AutoEncoder) -> AutoEncoder:
    """The same network in float64."""
    wide = AutoEncoder(network.config).double()
    wide.load_state_dict({k: v.double() for k, v in network.state_dict().items()})
    return wide.requires_grad_(False)


def edited(z_1G: torch.Tensor, genes, deltas) -> torch.Tensor:
    """One sample with some inputs moved, float64."""
    moved = z_1G.double().clone()
    for gene, delta in zip(genes, deltas, strict=True):
        moved[:, gene] += float(delta)
    return moved


def relative(found, reference) -> float:
    """Norm of the error as a share of the norm of the truth."""
    found, reference = (torch.as_tensor(v).double() for v in (found, reference))
    return float((found - reference).norm() / reference.norm())
