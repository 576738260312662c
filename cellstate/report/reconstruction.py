"""Reconstruction of patients never seen, beside PCA and the gene mean."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from cellstate.evaluate.bins import Tolerance
from cellstate.report.marks import on_each_set
from cellstate.report.section import UNTRAINED, Section, decimal, label
from cellstate.viz.accuracy import bin_label
from cellstate.viz.style import percent

SPLITS = {"test": "Same sequencer", "older_test": "Older sequencer"}
#: Median per-gene R2 that differ by less are called level.
LEVEL = 0.01


def held_out(metrics: Mapping) -> dict[str, Mapping]:
    """Return the figures of each held-out set by its words, none for random weights."""
    known = metrics.get("evaluation", {})
    return {words: known[split] for split, words in SPLITS.items() if split in known}


def reconstruction(metrics: Mapping) -> Section:
    """R2 on patients never seen, beside PCA and the gene mean."""
    title = "Patients that it never saw"
    found = held_out(metrics)
    if not found:
        return Section("patients", title, "", absent=UNTRAINED)
    said, rows = [], []
    for words, figures in found.items():
        said.append(f"- **{words}** ({figures['n_samples']:,} patients): {_against_pca(figures)}")
        rows += [
            (words, label(name), decimal(one["r2_pooled"], 4), decimal(one["r2_gene_median"]))
            for name, one in {"autoencoder": figures, **figures["baselines"]}.items()
        ]
    text = (
        "The network reads a whole profile and writes it again through its narrowest layer. **Pooled R² flatters "
        "everyone**: most of it is that some genes are always louder than others, and each gene's training mean knows "
        "that. The median per gene asks whether differences between patients are met.\n\n" + "\n".join(said)
    )
    table = pd.DataFrame(rows, columns=["Patients", "Predictor", "Pooled R²", "Median R² per gene"])
    notes = ("R² is on log1p TPM. PCA has as many components as the network has latent units.",)
    return Section("patients", title, text, table, notes)


def _against_pca(figures: Mapping) -> str:
    network, pca = figures["r2_gene_median"], figures["baselines"].get("pca", {}).get("r2_gene_median")
    if network is None or pca is None:
        return "there is no PCA to compare with."
    both = f"({decimal(network)} against {decimal(pca)})"
    if abs(network - pca) < LEVEL:
        return f"the network is **level with PCA** of the same width, not better {both}."
    return f"the network is **{'better' if network > pca else 'worse'} than PCA** of the same width {both}."


def shares(figures: Mapping) -> dict[str, list[float | None]]:
    """Return what each predictor, and the network's likeliest value, hits per bin as a share of the noise ceiling."""
    bins = figures["bins"]
    hits = {"autoencoder": [b["accuracy"] for b in bins]}
    if any(b.get("accuracy_likeliest") is not None for b in bins):
        hits["likeliest"] = [b.get("accuracy_likeliest") for b in bins]
    hits |= {name: [b["accuracy"] for b in one["bins"]] for name, one in figures["baselines"].items()}
    return {
        name: [h / b["ceiling"] if h is not None and b.get("ceiling") else None for h, b in zip(hit, bins, strict=True)]
        for name, hit in hits.items()
    }


def levels(metrics: Mapping) -> Section:
    """Accuracy per TPM bin as a share of the noise ceiling, for the mean and for the likeliest value."""
    title, usual = "Quiet genes and loud ones", Tolerance()
    found = held_out(metrics)
    if not found:
        return Section("levels", title, "", absent=UNTRAINED)
    bins = [bin_label(b["low"], b["high"]) for b in next(iter(found.values()))["bins"]]
    rows = []
    for words, figures in found.items():
        rows += [(words, label(name), *map(percent, values)) for name, values in shares(figures).items()]
        rows.append((words, "Ceiling: values hit", *(percent(b["ceiling"]) for b in figures["bins"])))
    text = (
        f"A value is hit when it is within {percent(usual.relative)} of the truth plus {usual.absolute:g} TPM. Quiet "
        "genes are mostly counting noise, so the figures are **shares of a ceiling**: what a second sequencing of the "
        "same sample would hit. The *likeliest value* is a second read-out of the same prediction: the level that is "
        "hit most often, not the mean." + _lowest_bin(found, bins[0])
    )
    rival = on_each_set(metrics, "PCA's likeliest value")
    told = f"In the lowest bin, PCA's likeliest value reaches {rival}: the read-out is not the network's merit."
    notes = (told,) if rival else ()
    columns = ["Patients", "Predictor", *(f"{one} TPM" for one in bins)]
    return Section("levels", title, text, pd.DataFrame(rows, columns=columns), notes)


def _lowest_bin(found: Mapping[str, Mapping], where: str) -> str:
    said = []
    for words, figures in found.items():
        share_of = shares(figures)
        if "likeliest" in share_of:
            mean, likeliest = share_of["autoencoder"][0], share_of["likeliest"][0]
            said.append(f"from {percent(mean)} to {percent(likeliest)} ({words.lower()})")
    return f" At {where} TPM it takes the network {' and '.join(said)}." if said else ""
