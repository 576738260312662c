"""MODEL_CARD.md, written from the record of the model folder so that it cannot drift from it."""

from __future__ import annotations

from pathlib import Path

from cellstate.errors import ModelError
from cellstate.files import whole_file
from cellstate.model import Model
from cellstate.model.profiles import COHORT, load_profiles
from cellstate.model.record import AdaptedFrom
from cellstate.report import markdown, sections


def write_card(path: Path, model: Model) -> None:
    """Write the card of a trained model; an older one is there whole until the new one is."""
    text = card(model)
    with whole_file(path) as partial:
        partial.write_text(text)


def card(model: Model) -> str:
    """Return the card: what the model is, the sections of the page "How good is this?", and how it was trained.

    Raises
    ------
    ModelError
        For random weights.
    """
    training = model.record.training
    if training is None:
        raise ModelError(f"{model.folder} holds random weights.", "Train a model first.")
    config, profiles = model.config, load_profiles(model)
    opening = [
        f"# Model card: {config.name}",
        "For research use only. What it predicts are hypotheses for the laboratory, never advice about a patient.",
        "## What it is",
        f"A fully connected autoencoder, {' -> '.join(f'{w:,}' for w in config.widths)} units, {config.activation}, "
        f"{config.n_parameters:,} parameters. It reads and predicts standardised log1p TPM of {config.n_genes:,} "
        f"protein-coding genes through {config.n_latent} latent units.",
    ]
    if training.adapted_from is not None:
        opening.append(_adapted(training.adapted_from))
    if profiles is not None:
        opening.append(_carried(len(profiles), training.trained_on.licence or "that of their sources"))
    trained = (
        f"Best epoch {training.best_epoch}, validation loss {training.validation_loss:.4f} (mean squared error in z), "
        f"{training.seconds:.0f} s in all on {training.processes} process(es), PyTorch {training.torch}. The settings "
        "are in `metrics.json`, the losses in `history.jsonl`, the results of benchmarks in `evidence.json`."
    )
    found = [markdown(section) for section in sections(model.record)]
    return "\n\n".join([*opening, *found, "## Training", trained]) + "\n"


def _adapted(base: AdaptedFrom) -> str:
    return (
        f"It was adapted from **{base.model}** (weights {base.weights_sha256[:16]}…): {base.genes_shared:,} genes "
        f"shared, {base.genes_new:,} new, {base.genes_left_out:,} left out; mean and SD: {base.standardise}; "
        f"trained layers: {base.learn}."
    )


def _carried(n: int, licence: str) -> str:
    return (
        f"`{COHORT}` carries {n} training profiles without names (log1p TPM, 256 levels a gene) for goals, quantiles "
        f"and backgrounds; licence {licence}."
    )
