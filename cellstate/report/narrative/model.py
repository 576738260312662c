"""Sentences about a model: its network, what it was trained on, and for which samples it is."""

from __future__ import annotations

from cellstate.evaluation.model_choice import BASE, Proposal
from cellstate.formatting import join_with_and
from cellstate.model.config import ModelConfig
from cellstate.model.record import ModelRecord

_ACTIVATIONS = {"relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "tanh": "tanh"}


def architecture(config: ModelConfig) -> str:
    """Return what a network computes: encoder, latent layer and decoder."""
    index, widths, ends = config.latent_index, config.widths, 1 + config.embedding
    through = f", read and predicted through {widths[1]:,} fixed components" if config.embedding else ""
    back = "components" if config.embedding else "genes"
    return (
        f"A fully connected autoencoder of {config.n_genes:,} genes{through}. Encoder: "
        f"{_half(widths[ends:index], config)}, to {config.n_latent:,} latent units. Decoder: "
        f"{_half(widths[index + 1 : len(widths) - ends], config)}, back to the {back}."
    )


def model_caption(record: ModelRecord) -> str:
    """Return what a model was trained on, in one line."""
    training = record.training
    if training is None:
        return "Random weights: not trained on anything."
    n = training.trained_on.splits.get("train")
    samples = f"{n:,} samples of " if n else ""
    tissues = f" For samples of {join_with_and(list(training.tissues))}." if 0 < len(training.tissues) <= 3 else ""
    return f"Trained on {samples}{training.trained_on.name}.{tissues}"


def proposal_sentence(found: Proposal) -> str:
    """Return why a model is proposed for a sample."""
    tissue, probability = found.call.tissues[0]
    if not found.call.is_plausible:
        return "The values are not plausible as human bulk RNA sequencing."
    alike = f"The sample is most like {tissue} ({probability:.0%})"
    return f"{alike}, for which no special model is there." if found.model == BASE else f"{alike}."


def _half(hidden: tuple[int, ...], config: ModelConfig) -> str:
    """Return an encoder or a decoder in words, by the widths of its hidden layers."""
    if not hidden:
        return "one linear map"
    sizes = join_with_and([f"{width:,}" for width in hidden])
    layers = f"{len(hidden)} {_ACTIVATIONS[config.activation]} layer{'s' * (len(hidden) > 1)} of {sizes} units"
    return f"{layers} and a linear map beside" if config.residual else layers
