"""A small network in numpy, for commands about few samples: they would wait longer for torch than for their answer.

Its answers differ from those by torch by rounding of float32, at most 1e-5 in z. What it has no formula for, gradients,
it leaves to torch, which is imported then.

Shape suffixes: S samples, R rows (states of one sample), G genes, L latent, H any hidden width, K perturbed genes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cellstate.gene_space import GeneSpace
from cellstate.model.checkpoint import STANDARDISE, check_standardise, is_mapped, read_layout, read_tensors
from cellstate.model.config import ModelConfig
from cellstate.model.folder import BATCH, WEIGHTS, Model, find_folder, load_model, no_numbers, read_space
from cellstate.model.record import ModelRecord, read_record

if TYPE_CHECKING:
    import torch

    from cellstate.model.network import AutoEncoder

#: Weights of a larger network, in parameters, are worth the import of torch and its threads.
MOST_PARAMETERS = 20_000_000

#: Applied to few hidden units: importing scipy for `erf` would take longer.
_erf = np.vectorize(math.erf, otypes=[np.float32])
_ACTIVATION: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: 0.5 * x * (1 + _erf(x / np.sqrt(np.float32(2)))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
}


@dataclass(frozen=True, eq=False)
class NumpyNetwork:
    """The autoencoder, see `cellstate.model.network.AutoEncoder`.

    Attributes
    ----------
    config : ModelConfig
    weights : mapping of str to ndarray of float32
        By their names in a checkpoint.
    """

    config: ModelConfig
    weights: Mapping[str, np.ndarray]

    def encode(self, z_SG: np.ndarray) -> np.ndarray:
        """Genes to latent, shape (S, L)."""
        return self._pre_activations(z_SG, self._latent)[-1]

    def forward(self, z_SG: np.ndarray) -> np.ndarray:
        """Predict every gene of every sample, shape (S, G)."""
        return self._pre_activations(z_SG, self._last)[-1]

    def change(self, z_1G: np.ndarray, genes_K: np.ndarray, delta_RK: np.ndarray) -> np.ndarray:
        """Return f(x') - f(x) for changes of some inputs, by difference propagation, shape (R, G)."""
        base = self._pre_activations(z_1G, self._last)
        d_h = entry_RH = latent_RL = delta_RK
        for layer, pre_1H in enumerate(base):
            d_pre = d_h @ self._weight(layer)[:, genes_K].T if layer == 0 else d_h @ self._weight(layer).T
            if layer == self._latent and self.config.residual:
                skip = self.weights["skip_in.weight"]
                d_pre = d_pre + (entry_RH @ skip.T if self._entry == 0 else delta_RK @ skip[:, genes_K].T)
            if layer == self._exit and self.config.residual:
                d_pre = d_pre + latent_RL @ self.weights["skip_out.weight"].T
            linear = self._is_linear(layer)
            d_h = d_pre if linear else self._activation(pre_1H + d_pre) - self._activation(pre_1H)
            if layer == self._entry:
                entry_RH = d_h
            if layer == self._latent:
                latent_RL = d_h
        return d_h

    def not_finite(self) -> list[str]:
        """Return the names of weights that hold NaN or an infinite number."""
        return [name for name, array in self.weights.items() if not np.isfinite(array).all()]

    def _pre_activations(self, z_SG: np.ndarray, last: int) -> list[np.ndarray]:
        """Return the pre-activations of every layer up to one, each of shape (S, H)."""
        pre: list[np.ndarray] = []
        h_SH = z_SG
        for layer in range(last + 1):
            pre_SH = h_SH @ self._weight(layer).T + self.weights[f"layers.{layer}.bias"]
            if layer == self._latent and self.config.residual:
                pre_SH = pre_SH + (pre[0] if self._entry == 0 else z_SG) @ self.weights["skip_in.weight"].T
            if layer == self._exit and self.config.residual:
                pre_SH = pre_SH + pre[self._latent] @ self.weights["skip_out.weight"].T
            pre.append(pre_SH)
            h_SH = pre_SH if self._is_linear(layer) else self._activation(pre_SH)
        return pre

    def _weight(self, layer: int) -> np.ndarray:
        return self.weights[f"layers.{layer}.weight"]

    def _activation(self, x: np.ndarray) -> np.ndarray:
        return _ACTIVATION[self.config.activation](x)

    def _is_linear(self, layer: int) -> bool:
        return layer in (self._entry, self._latent, self._exit, self._last)

    @property
    def _entry(self) -> int:
        return 0 if self.config.embedding else -1

    @property
    def _exit(self) -> int:
        return self._last - 1 if self.config.embedding else self._last

    @property
    def _latent(self) -> int:
        return self.config.latent_index - 1

    @property
    def _last(self) -> int:
        return len(self.config.widths) - 2


class NumpyModel(Model):
    """A model whose network runs in numpy; torch is imported when `network`, `device` or `dtype` is first read."""

    numpy_network: NumpyNetwork

    def __init__(
        self, folder: Path, network: NumpyNetwork, space: GeneSpace, record: ModelRecord, stamp: tuple[int, ...]
    ) -> None:
        fields = {"folder": folder, "config": network.config, "space": space, "record": record, "stamp": stamp}
        self.__dict__.update(fields, numpy_network=network)  # a Model is frozen

    @cached_property
    def network(self) -> AutoEncoder:
        """The same weights in torch."""
        return load_model(self.folder, device="cpu").network

    @property
    def device(self) -> torch.device:
        """The CPU."""
        import torch

        return torch.device("cpu")

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights in use."""
        import torch

        return torch.float32

    @cached_property
    def _not_finite(self) -> list[str]:
        return self.numpy_network.not_finite()

    def reconstruct(self, z_SG: np.ndarray) -> np.ndarray:
        """Predict standardised log1p TPM from itself, shape (S, G), float32."""
        return self._in_batches(self.numpy_network.forward, z_SG)

    def encode(self, z_SG: np.ndarray) -> np.ndarray:
        """Return latent coordinates, shape (S, L), float32."""
        return self._in_batches(self.numpy_network.encode, z_SG)

    def _in_batches(self, function: Callable[[np.ndarray], np.ndarray], z_SG: np.ndarray) -> np.ndarray:
        self.check_unchanged()
        return np.concatenate([function(z_SG[i : i + BATCH]) for i in range(0, len(z_SG), BATCH)])


def load_light_model(folder: Path | str | None = None, *, device: str = "auto", dtype: str = "auto") -> Model:
    """Open a model folder to run it in numpy; parameters and errors as of `load_model`.

    Torch runs it where that is faster or was chosen: a large network, weights in bfloat16, a device or a precision.
    """
    if device not in ("auto", "cpu") or dtype != "auto":
        return load_model(folder, device=device, dtype=dtype)
    path, stamp = find_folder(folder)
    config, gene_hash, kinds = read_layout(path / WEIGHTS)
    if config.n_parameters > MOST_PARAMETERS or "BF16" in kinds or is_mapped(path / WEIGHTS):
        return load_model(folder, device=device, dtype=dtype)
    tensors = read_tensors(path / WEIGHTS, config, "np")
    standardise = [tensors.pop(name) for name in STANDARDISE]
    bad = [name for name, array in zip(STANDARDISE, standardise, strict=True) if not np.isfinite(array).all()]
    check_standardise(path / WEIGHTS, bad, bool((standardise[1] <= 0).any()))
    network = NumpyNetwork(config, {name: array.astype(np.float32) for name, array in tensors.items()})
    model = NumpyModel(path, network, read_space(path, gene_hash, standardise), read_record(path), stamp)
    if bad := network.not_finite():
        raise no_numbers(bad)
    return model
