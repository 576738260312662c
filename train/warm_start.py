"""Start from a linear auto-encoder (PCA, or `robust_map`): weights with which a network computes it exactly.

relu(t) - relu(-t) = t, so a signed score passes a ReLU layer as a pair of units. Any network whose hidden layers are
at least twice as wide as its latent layer can carry every component that way, the published one included. The units
that are left over start with random input weights and zero output weights: they change nothing and can learn.

A residual network needs no pairs and no ReLU: its linear maps are the components, and the layers beside them start with
zero weights where they end, so that they add nothing until they have learnt.

Shape suffixes: G genes, P principal components, H hidden units.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from cellstate.errors import ModelError
from cellstate.model.network import AutoEncoder, initialise


def pca_map(components_PG: np.ndarray, variance_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return PCA as an encoder, shape (P, G), whose training scores have variance 1, and a decoder, shape (G, P)."""
    # Unit-variance scores inside the network give every component the same step size.
    scale_P1 = np.sqrt(np.maximum(variance_P, 1e-6))[:, None]
    return components_PG / scale_P1, (components_PG * scale_P1).T


def warm_start(network: AutoEncoder, encoder_PG: np.ndarray, decoder_GP: np.ndarray, seed: int) -> None:
    """Set the weights so that the network equals a linear auto-encoder, at most as wide as its latent layer.

    Raises
    ------
    ModelError
        When a network without linear maps of its own is not ReLU or has a hidden layer narrower than twice the
        map.
    """
    config, n = network.config, len(encoder_PG)
    encoder, decoder = (torch.from_numpy(np.ascontiguousarray(m)) for m in (encoder_PG, decoder_GP))
    if config.residual:
        _warm_residual(network, encoder, decoder, seed)
        return
    hidden = [w for i, w in enumerate(config.widths[1:-1], start=1) if i != config.latent_index]
    if config.activation != "relu" or any(w < 2 * n for w in hidden):
        raise ModelError(
            f"A warm start needs relu and hidden layers of {2 * n} units or more.", "Or set warm_start = 'none'."
        )
    initialise(network, seed)
    with torch.no_grad():
        for index, layer in enumerate(network.layers):
            assert isinstance(layer, nn.Linear)
            carried = _carried(network, index, n)
            if index == 0:
                carried = carried @ encoder
            if index == len(network.layers) - 1:
                carried = decoder @ carried
            # Columns of spare units are silenced, so that what they hold does not leak into the pairs.
            inputs = slice(None) if index == 0 else slice(carried.shape[1], None)
            layer.weight[: carried.shape[0]] = 0
            if index > 0:
                layer.weight[:, inputs] = 0
            layer.weight[: carried.shape[0], : carried.shape[1]] = carried


def _warm_residual(network: AutoEncoder, encoder: Tensor, decoder: Tensor, seed: int) -> None:
    initialise(network, seed)
    n = len(encoder)
    assert network.skip_in is not None and network.skip_out is not None
    with torch.no_grad():
        for index in (network.config.latent_index - 1, len(network.layers) - 1):
            network.weight(index).zero_()
        network.skip_in.weight.zero_()
        network.skip_out.weight.zero_()
        network.skip_in.weight[:n] = encoder
        network.skip_out.weight[:, :n] = decoder


def _carried(network: AutoEncoder, index: int, n: int) -> Tensor:
    """The block of one layer that hands the n scores on: pairs after a ReLU, plain scores after a linear layer."""
    one = torch.eye(n)
    pair = torch.cat([one, -one])
    enters_as_pair = index > 0 and not network.is_linear(index - 1)
    leaves_as_pair = not network.is_linear(index)
    if enters_as_pair:
        # A pair is never negative, so a further ReLU layer keeps it as it is.
        return torch.eye(2 * n) if leaves_as_pair else pair.T
    return pair if leaves_as_pair else one
