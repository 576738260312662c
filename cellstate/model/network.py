"""The fully connected autoencoder, and where and in which precision it runs.

Shape suffixes: S samples, G genes, L latent, H any hidden width.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

import torch
from torch import Tensor, nn
from torch.nn import functional

from cellstate.errors import ModelError
from cellstate.model.config import ModelConfig

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_ACTIVATION = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}


class AutoEncoder(nn.Module):
    """Standardised log1p TPM in, the same predicted through a narrow latent layer out."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        pairs = zip(config.widths, config.widths[1:], strict=False)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairs)
        self.activation = _ACTIVATION[config.activation]()
        #: Share of hidden units that a training step leaves out, drawn anew for each sample.
        self.dropout = 0.0
        n, latent = config.n_skip, config.n_latent
        #: Linear maps beside the encoder and the decoder of a residual network.
        self.skip_in = nn.Linear(n, latent, bias=False) if config.residual else None
        self.skip_out = nn.Linear(latent, n, bias=False) if config.residual else None
        #: The layer whose output is the latent one.
        self.latent = config.latent_index - 1
        #: The layer whose output `skip_in` reads (-1: the genes), and the layer that `skip_out` adds to.
        self.entry = 0 if config.embedding else -1
        self.exit = len(self.layers) - (2 if config.embedding else 1)
        #: Layers that no activation follows: the latent one, the last, and both ends of an embedding.
        self.linear = frozenset((self.entry, self.latent, self.exit, len(self.layers) - 1))

    @property
    def skips_to_genes(self) -> bool:
        """Whether `skip_out` ends in the genes themselves."""
        return self.skip_out is not None and self.exit == len(self.layers) - 1

    def weight(self, layer: int) -> Tensor:
        """Return the weight matrix of a layer, shape (outputs, inputs)."""
        matrix = self.layers[layer].weight
        assert isinstance(matrix, Tensor)
        return matrix

    def step(self, layer: int, h_SH: Tensor) -> Tensor:
        """Run one layer with its activation."""
        h_SH = self.layers[layer](h_SH)
        if layer in self.linear:
            return h_SH
        return functional.dropout(self.activation(h_SH), self.dropout, self.training and self.dropout > 0)

    def encode(self, z_SG: Tensor) -> Tensor:
        """Genes to latent, shape (S, L)."""
        h_SH = entry_SH = z_SG
        for layer in range(self.latent + 1):
            h_SH = self.step(layer, h_SH)
            if layer == self.entry:
                entry_SH = h_SH
        return h_SH if self.skip_in is None else h_SH + self.skip_in(entry_SH)

    def decode(self, latent_SL: Tensor) -> Tensor:
        """Latent to genes, shape (S, G)."""
        return self._decode(latent_SL, len(self.layers))

    def before_last(self, z_SG: Tensor) -> Tensor:
        """Return what the last layer reads, shape (S, H)."""
        return self._decode(self.encode(z_SG), len(self.layers) - 1)

    def _decode(self, latent_SL: Tensor, end: int) -> Tensor:
        h_SH = latent_SL
        for layer in range(self.latent + 1, end):
            h_SH = self.step(layer, h_SH)
            if layer == self.exit and self.skip_out is not None:
                h_SH = h_SH + self.skip_out(latent_SL)
        return h_SH

    def forward(self, z_SG: Tensor) -> Tensor:
        """Predict every gene of every sample, shape (S, G)."""
        return self.decode(self.encode(z_SG))


#: Factor of the last layer's random weights. Unscaled, a network starts with an error several times that of the mean,
#: and a deep one ends with dead units that predict the mean.
LAST_GAIN = 0.1


def initialise(network: AutoEncoder, seed: int) -> None:
    """Draw weights as He et al. (2015) for the network's activation, biases 0; the same for the same seed.

    The last layer's are small, so that a network starts close to the training mean.
    """
    generator = torch.Generator().manual_seed(seed)
    gain = nn.init.calculate_gain("tanh" if network.config.activation == "tanh" else "relu")
    for layer in network.layers:
        assert isinstance(layer, nn.Linear)
        with torch.no_grad():
            layer.weight.normal_(0.0, gain / layer.in_features**0.5, generator=generator)
            layer.bias.zero_()
    with torch.no_grad():
        network.weight(len(network.layers) - 1).mul_(LAST_GAIN)
    for skip in (network.skip_in, network.skip_out):
        if skip is not None:
            with torch.no_grad():
                skip.weight.normal_(0.0, skip.in_features**-0.5, generator=generator)


def pick_device(wanted: str = "auto") -> torch.device:
    """Return CUDA, then MPS, then CPU for ``"auto"``, or the device asked for if the machine has it."""
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"This machine has no device {wanted!r}.", "Use auto or cpu.") from error
    return device


def pick_dtype(wanted: str, stored: torch.dtype, device: torch.device) -> torch.dtype:
    """Return the precision asked for; ``"auto"`` keeps the stored one.

    Float16 on a CPU is the exception: weights may be stored in it to be small, but they are computed with as float32.
    """
    if wanted == "auto":
        return torch.float32 if stored == torch.float16 and device.type == "cpu" else stored
    if wanted not in DTYPES:
        raise ModelError(f"There is no precision {wanted!r}.", f"Use auto, {', '.join(DTYPES)}.")
    return DTYPES[wanted]


def dtype_name(dtype: torch.dtype) -> str:
    """Return ``"float32"`` for ``torch.float32``."""
    return str(dtype).removeprefix("torch.")


def device_label(device: torch.device) -> str:
    """Return what to show a user, for example ``"GPU (NVIDIA A100)"`` or ``"CPU (8 threads)"``."""
    if device.type == "cuda":
        return f"GPU ({torch.cuda.get_device_name(device)})"
    n = torch.get_num_threads()
    return "GPU (Apple)" if device.type == "mps" else f"CPU ({n} thread{'s' * (n != 1)})"


def release_memory() -> None:
    """Hand freed memory back to the system; the C library of Linux otherwise keeps what lies between live pieces."""
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
