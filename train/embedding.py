"""Training between the ends of an embedding: its components are fixed, so the layers between them learn in components.

The components are orthonormal in a common unit, so a squared error in them is the squared error in the genes, but for
what no component reaches, which no layer can change. A step costs hundreds of inputs and not tens of thousands.

Shape suffixes: S samples, B samples of a batch, G genes, Q components.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cellstate.model.config import ModelConfig
from cellstate.model.network import AutoEncoder

from .batches import ArraySource, SampleSource


def inner_network(network: AutoEncoder) -> AutoEncoder:
    """Return the layers between the ends of an embedding as a network of their own, with copies of their weights."""
    config = network.config
    inner = AutoEncoder(ModelConfig(config.name, config.widths[1:-1], config.activation, config.residual))
    inner.load_state_dict({_moved(name, -1): tensor.clone() for name, tensor in _between(network).items()})
    return inner


def outer_state(network: AutoEncoder, inner: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of the whole network from that of its inner one."""
    return network.state_dict() | {_moved(name, 1): tensor for name, tensor in inner.items()}


def inner_multipliers(network: AutoEncoder, multipliers: Mapping[str, float]) -> dict[str, float]:
    """Return the factors of the learning rate of the inner network's parameters from those of the whole one's."""
    return {_moved(name, -1): multipliers[name] for name in _between(network) if name in multipliers}


def in_components(source: SampleSource, network: AutoEncoder) -> SampleSource:
    """Return samples as the layers behind the first one see them, shape (S, Q)."""
    first_QG = network.weight(0).detach()
    if isinstance(source, ArraySource):
        return ArraySource(source.complete_SG @ first_QG.numpy().T, source.names, weight_S=source.weight_S)
    return _ComponentSource(source, first_QG)


@dataclass(frozen=True, eq=False)
class _ComponentSource:
    source: SampleSource
    first_QG: Tensor

    @property
    def names(self) -> Sequence[str]:
        return self.source.names

    @property
    def weight_S(self) -> np.ndarray | None:
        return self.source.weight_S

    @property
    def n_measured_S(self) -> np.ndarray:
        return np.full(len(self.names), len(self.first_QG))

    def fetch(self, rows_B: np.ndarray) -> tuple[Tensor, ...]:
        return self.source.fetch(rows_B)

    def z(self, fetched: tuple[Tensor, ...]) -> Tensor:
        z_BG = self.source.filled(fetched, self.source.z(fetched))
        return torch.where(torch.isnan(z_BG), 0.0, z_BG) @ self.first_QG.to(z_BG.device).T

    def filled(self, fetched: tuple[Tensor, ...], z_BG: Tensor) -> Tensor:
        return z_BG


def _between(network: AutoEncoder) -> dict[str, Tensor]:
    ends = ("layers.0.", f"layers.{len(network.layers) - 1}.")
    return {name: tensor for name, tensor in network.state_dict().items() if not name.startswith(ends)}


def _moved(name: str, by: int) -> str:
    """Return the name of a parameter with its layer's number moved."""
    kind, number, rest = (*name.split(".", 2), "", "")[:3]
    return f"layers.{int(number) + by}.{rest}" if kind == "layers" else name
