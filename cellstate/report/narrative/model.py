"""Sentences about a network, from its config."""

from __future__ import annotations

from cellstate.formatting import join_with_and
from cellstate.model.config import ModelConfig

_ACTIVATIONS = {"relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "tanh": "tanh"}


def architecture(config: ModelConfig) -> str:
    """Return what a network computes: encoder, latent layer and decoder."""
    index, widths = config.latent_index, config.widths
    return (
        f"A fully connected autoencoder of {config.n_genes:,} genes. Encoder: {_half(widths[1:index], config)}, to "
        f"{config.n_latent:,} latent units. Decoder: {_half(widths[index + 1 : -1], config)}, back to the genes."
    )


def _half(hidden: tuple[int, ...], config: ModelConfig) -> str:
    """Return an encoder or a decoder in words, by the widths of its hidden layers."""
    if not hidden:
        return "one linear map"
    sizes = join_with_and([f"{width:,}" for width in hidden])
    layers = f"{len(hidden)} {_ACTIVATIONS[config.activation]} layer{'s' * (len(hidden) > 1)} of {sizes} units"
    return f"{layers} and a linear map beside" if config.residual else layers
