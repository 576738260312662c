"""MODEL_CARD.md, written from the measured figures so that it cannot drift from them."""

from __future__ import annotations

from pathlib import Path

from cellstate.evaluate.reconstruction import PREDICTORS
from cellstate.model import Model
from cellstate.model.profiles import COHORT, load_profiles

SPLIT_WORDS = {
    "test": "held-out patients, same sequencer as the training patients",
    "older_test": "held-out batch: patients of the older sequencer, none of which was trained on",
}


def write_card(path: Path, model: Model, metrics: dict) -> None:
    """Write the card of a trained model."""
    data, config, profiles = metrics["trained_on"], model.config, load_profiles(model)
    lines = [
        f"# Model card: {config.name}",
        "",
        "For research use only. What it predicts are hypotheses for the laboratory, never advice about a patient.",
        "",
        "## What it is",
        "",
        f"A fully connected auto-encoder, {' -> '.join(f'{w:,}' for w in config.widths)} units, {config.activation}, "
        f"{config.n_parameters:,} parameters. It reads and predicts standardised log1p TPM of {config.n_genes:,} "
        f"protein-coding genes through {config.n_latent} latent units.",
        "",
        "## Data",
        "",
        f"- {data['name']}; source {data['source']} (sha256 `{data['source_sha256'][:16]}…`); licence "
        f"{data['licence']}.",
        "- Samples: " + ", ".join(f"{n} {split.replace('_', ' ')}" for split, n in data["splits"].items()) + ".",
        "- Split by patient. Genes, standardisation, components and early stopping use training and validation "
        "patients only.",
        *([] if profiles is None else [_carried(len(profiles), data["licence"])]),
        "",
        "## How well it reconstructs patients that it never saw",
        "",
    ]
    for split, figures in metrics["evaluation"].items():
        lines += [f"**{SPLIT_WORDS[split]}** ({figures['n_samples']} samples)", "", *_table(figures), ""]
    lines += [
        "Accuracy: share of values within 20 % of the truth plus 0.1 TPM. Ceiling: what two sequencing libraries of "
        "the same sample would reach if counting noise (Poisson, 20 million reads) were the only difference.",
        "",
        "## What not to conclude",
        "",
        "- A high pooled R2 is mostly the gene mean's: compare the rows above.",
        "- The network reconstructs about as well as PCA of the same width, not better.",
        "- Reconstruction says nothing about the effect of an intervention. A shift after an edit is how genes go "
        "together in these tumours, with no claim of cause; a real knock-out can do the opposite.",
        "- Trained on colorectal tumours alone: other tissues are out of distribution, and are flagged as such.",
        "",
        "## Training",
        "",
        f"Best epoch {metrics['best_epoch']}, validation loss {metrics['validation_loss']:.4f} (mean squared error in "
        f"z), {metrics['seconds']:.0f} s in all on {metrics['processes']} process(es), PyTorch {metrics['torch']}. "
        "The settings are in `metrics.json`, the losses in `history.jsonl`.",
    ]
    path.write_text("\n".join(lines) + "\n")


def _carried(n: int, licence: str) -> str:
    return (
        f"- `{COHORT}` carries {n} training profiles without names (log1p TPM, 256 levels a gene) for goals, quantiles "
        f"and backgrounds; licence {licence}."
    )


def _table(figures: dict) -> list[str]:
    bins = figures["bins"]
    heads = [f"{b['low']:g}-{b['high']:g} TPM" if b["high"] else f">{b['low']:g} TPM" for b in bins]
    rows = {"network": figures} | figures["baselines"]
    lines = [
        "| predictor | pooled R2 | median per-gene R2 | accuracy " + " | ".join(heads) + " |",
        "|" + " --- |" * (3 + len(heads)),
    ]
    for name, row in rows.items():
        accuracy = " | ".join(f"{b['accuracy']:.3f}" for b in row["bins"])
        lines.append(f"| {PREDICTORS[name]} | {row['r2_pooled']:.4f} | {row['r2_gene_median']:.3f} | {accuracy} |")
    ceiling = " | ".join(f"{b['ceiling']:.3f}" for b in bins)
    return [*lines, f"| ceiling (counting noise) | | | {ceiling} |"]
