"""Sentences and tables about a model: network, training, for which samples it is, and how well it reconstructs."""

from __future__ import annotations

import pandas as pd

from cellstate.evaluation.model_choice import BASE, Proposal
from cellstate.evaluation.reconstruction import AUTOENCODER, BATCH_OFFSET
from cellstate.evidence import PredictorId
from cellstate.formatting import bin_label, join_with_and, percent
from cellstate.labels import predictor_label
from cellstate.model.config import ModelConfig
from cellstate.model.record import AccuracyBin, EvaluationRecord, ModelRecord, Quality

_ACTIVATIONS = {"relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "tanh": "tanh"}
#: Two methods whose R2 differ by less are called equal.
EQUAL_R2 = 0.001
#: Usual for the gene mean on samples like the training samples; far below it, the samples are of another kind.
HIGH_R2 = 0.8
#: Bins whose intervals contain a smaller fraction of the values are named.
LEAST_COVERAGE = 0.85
#: A reduction of the loss below this fraction is called none.
LEAST_GAIN = 0.01


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
    return f"{layers} with a linear shortcut" if config.residual else layers


# --- reconstruction ---


def network_sentence(config: ModelConfig) -> str:
    """Return the architecture of an autoencoder, computed from its layers."""
    if config.embedding:
        return architecture(config)
    latent, widths = config.latent_index, config.widths
    activation = _ACTIVATIONS[config.activation]
    beside = (
        " Beside both, a linear map from the genes to the latent units and one from the latent units to the genes."
        if config.residual
        else ""
    )
    return (
        f"A fully connected autoencoder. Encoder: {_layers(widths[: latent + 1], activation)}. "
        f"Decoder: {_layers(widths[latent:], activation)}.{beside}"
    )


def _layers(widths: tuple[int, ...], activation: str) -> str:
    steps = " → ".join(f"{width:,}" for width in widths)
    if len(widths) == 2:
        return f"one linear map, {steps}"
    return f"{len(widths) - 1} layers, {steps}, with {activation} after every layer but the last"


def training_sentence(validation_loss: pd.Series, warm_start: str) -> str:
    """Return what training added to a start as PCA; empty for another start.

    Parameters
    ----------
    validation_loss : Series
        By epoch; epoch 0 is before training.
    warm_start : str
        How the weights began, as the training config names it.
    """
    before = validation_loss.get(0, 0.0)
    if warm_start != "pca" or not before > 0:
        return ""
    gained = 1 - validation_loss.min() / before
    lowered = percent(gained, 0 if gained >= 0.1 else 2)
    text = f"The weights start as PCA of the training samples; training lowered the loss by {lowered}."
    return text + (" **So this network is close to PCA**, and so are its predictions." if gained < LEAST_GAIN else "")


def error_removed(r2: float, r2_mean: float) -> float:
    """Return the fraction of the gene mean's squared error that a method removes; negative where it adds some."""
    return 1 - (1 - r2) / max(1 - r2_mean, 1e-12)


def reconstruction_sentence(found: EvaluationRecord) -> str:
    """Return how much better than the gene mean the autoencoder is, and whether it is better than PCA."""
    r2, mean = found.r2_pooled, found.baselines[PredictorId.GENE_MEAN].r2_pooled
    removed = error_removed(r2, mean)
    if removed <= 0:
        text = (
            "**The autoencoder is worse than the gene mean**, which ignores the sample: "
            f"R² {r2:.3f} against {mean:.3f}."
        )
    else:
        reaches = "already reaches" if mean >= HIGH_R2 else "reaches only"
        text = (
            f"Each gene's training mean alone {reaches} R² {mean:.3f}. **The autoencoder removes {percent(removed)}** "
            "of the remaining error."
        )
    if PredictorId.PCA not in found.baselines:
        return text
    pca = found.baselines[PredictorId.PCA].r2_pooled
    if abs(r2 - pca) < EQUAL_R2:
        return f"{text} **PCA of the same width is as good** (R² {pca:.3f})."
    if r2 < pca:
        return f"{text} **PCA of the same width is better** (R² {pca:.3f} against {r2:.3f})."
    return f"{text} PCA of the same width removes {percent(error_removed(pca, mean))} (R² {pca:.3f} against {r2:.3f})."


def batch_offset_sentence(found: EvaluationRecord) -> str:
    """Return what the offset of the batch changes; empty where there are too few samples to tell."""
    if found.batch_offset is None or found.r2_gene_median is None or found.batch_offset.r2_gene_median is None:
        return ""
    return (
        "With what the other samples show of this batch's offset, the median R² of a gene is "
        f"{found.batch_offset.r2_gene_median:.3f} instead of {found.r2_gene_median:.3f}."
    )


def ceiling_sentence(found: EvaluationRecord) -> str:
    """Return the accuracy as a fraction of the counting-noise ceiling, bin by bin; empty where there is none."""
    said = [
        f"{percent(b.share_of_ceiling)} at {bin_label(b.low, b.high)} TPM"
        for b in found.bins
        if b.share_of_ceiling is not None
    ]
    return f"Accuracy as a fraction of the counting-noise ceiling: {', '.join(said)}." if said else ""


def interval_sentence(found: EvaluationRecord) -> str:
    """Return how many true values are inside the 90 % intervals, and bins with too few; empty where none are known."""
    covered = found.interval_coverage
    if covered is None or covered.overall is None:
        return ""
    text = f"The {percent(covered.nominal)} intervals contain {percent(covered.overall, 1)} of the values."
    short = [
        f"{percent(share, 1)} at {bin_label(b.low, b.high)} TPM"
        for b, share in zip(found.bins, covered.bins, strict=True)
        if share is not None and share < LEAST_COVERAGE
    ]
    return text + (f" Too few: {', '.join(short)}." if short else "")


def methods_of(found: EvaluationRecord) -> dict[str, EvaluationRecord | Quality]:
    """Return the figures of every method, the autoencoder first."""
    baselines = (PredictorId.PCA, PredictorId.GENE_MEAN)
    return {AUTOENCODER: found} | {one.value: found.baselines[one] for one in baselines if one in found.baselines}


def bins_of(found: EvaluationRecord) -> dict[str, tuple[AccuracyBin, ...]]:
    """Return the bins of every method, the autoencoder first."""
    return {name: tuple(one.bins) for name, one in methods_of(found).items()}


def figures_table(found: EvaluationRecord) -> pd.DataFrame:
    """Return one row a figure (R2 pooled, per gene, per sample, accuracy per bin) and one column a method."""
    rows = ["R² pooled", "R² per gene (median)", "R² per sample (median)"]
    columns: dict[str, list] = {"Figure": rows + [f"Accuracy, {bin_label(b.low, b.high)} TPM" for b in found.bins]}
    for name, one in methods_of(found).items():
        accuracy = [b.accuracy for b in one.bins]
        columns[predictor_label(name)] = [one.r2_pooled, one.r2_gene_median, one.r2_sample_median, *accuracy]
    if (moved := found.batch_offset) is not None:
        accuracy = [b.accuracy for b in moved.bins]
        columns[BATCH_OFFSET] = [moved.r2_pooled, moved.r2_gene_median, moved.r2_sample_median, *accuracy]
    columns["Ceiling"] = [None] * 3 + [b.ceiling for b in found.bins]
    table = pd.DataFrame(columns)
    return table.astype({name: float for name in table.columns[1:]})
