"""The fully connected autoencoder.

Shape suffixes: S samples, G genes, L latent, H any hidden width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cellstate.model.config import ModelConfig

_ACTIVATION = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}


class AutoEncoder(nn.Module):
    """Standardised log1p TPM in, the same predicted through a narrow latent layer out."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        pairs = zip(config.widths, config.widths[1:], strict=False)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairs)
        self.activation = _ACTIVATION[config.activation]()
        n, latent = config.n_genes, config.n_latent
        #: Linear maps beside the encoder and the decoder of a residual network.
        self.skip_in = nn.Linear(n, latent, bias=False) if config.residual else None
        self.skip_out = nn.Linear(latent, n, bias=False) if config.residual else None

    def is_linear(self, layer: int) -> bool:
        """Whether no activation follows a layer: the latent one and the last."""
        return layer in (self.config.latent_index - 1, len(self.layers) - 1)

    def is_latent(self, layer: int) -> bool:
        """Whether a layer's output is the latent one."""
        return layer == self.config.latent_index - 1

    def weight(self, layer: int) -> Tensor:
        """Return the weight matrix of a layer, shape (outputs, inputs)."""
        matrix = self.layers[layer].weight
        assert isinstance(matrix, Tensor)
        return matrix

    def step(self, layer: int, h_SH: Tensor) -> Tensor:
        """Run one layer with its activation."""
        h_SH = self.layers[layer](h_SH)
        return h_SH if self.is_linear(layer) else self.activation(h_SH)

    def encode(self, z_SG: Tensor) -> Tensor:
        """Genes to latent, shape (S, L)."""
        h_SH = z_SG
        for layer in range(self.config.latent_index):
            h_SH = self.step(layer, h_SH)
        return h_SH if self.skip_in is None else h_SH + self.skip_in(z_SG)

    def decode(self, latent_SL: Tensor) -> Tensor:
        """Latent to genes, shape (S, G)."""
        h_SH = latent_SL
        for layer in range(self.config.latent_index, len(self.layers)):
            h_SH = self.step(layer, h_SH)
        return h_SH if self.skip_out is None else h_SH + self.skip_out(latent_SL)

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
