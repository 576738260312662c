"""MODEL_CARD.md, written from the measured figures so that it cannot drift from them."""

from __future__ import annotations

from pathlib import Path

from cellstate.files import atomic_write
from cellstate.model import Model
from cellstate.model.profiles import COHORT, load_profiles
from cellstate.report import markdown, sections


def write_card(path: Path, model: Model, metrics: dict) -> None:
    """Write the card of a trained model; an older one is there whole until the new one is."""
    text = card(model, metrics)
    with atomic_write(path) as partial:
        partial.write_text(text)


def card(model: Model, metrics: dict) -> str:
    """Return the card: what the model is, the sections of the page "How good is this?", and how it was trained."""
    config, profiles = model.config, load_profiles(model)
    opening = [
        f"# Model card: {config.name}",
        "For research use only. What it predicts are hypotheses for the laboratory, never advice about a patient.",
        "## What it is",
        f"A fully connected auto-encoder, {' -> '.join(f'{w:,}' for w in config.widths)} units, {config.activation}, "
        f"{config.n_parameters:,} parameters. It reads and predicts standardised log1p TPM of {config.n_genes:,} "
        f"protein-coding genes through {config.n_latent} latent units.",
    ]
    if base := metrics.get("adapted_from"):
        opening.append(_adapted(base))
    if profiles is not None:
        opening.append(_carried(len(profiles), metrics["trained_on"].get("licence", "that of their sources")))
    training = (
        f"Best epoch {metrics['best_epoch']}, validation loss {metrics['validation_loss']:.4f} (mean squared error in "
        f"z), {metrics['seconds']:.0f} s in all on {metrics['processes']} process(es), PyTorch {metrics['torch']}. "
        "The settings are in `metrics.json`, the losses in `history.jsonl`."
    )
    said = [markdown(section) for section in sections(metrics)]
    return "\n\n".join([*opening, *said, "## Training", training]) + "\n"


def _adapted(base: dict) -> str:
    return (
        f"It was adapted from **{base['model']}** (weights {base['weights_sha256'][:16]}…): {base['genes_shared']:,} "
        f"genes shared, {base['genes_new']:,} new, {base['genes_left_out']:,} left out; mean and S: "
        f"{base['standardise']}; layers that learnt: {base['learn']}."
    )


def _carried(n: int, licence: str) -> str:
    return (
        f"`{COHORT}` carries {n} training profiles without names (log1p TPM, 256 levels a gene) for goals, quantiles "
        f"and backgrounds; licence {licence}."
    )
