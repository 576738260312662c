"""How good a model is, section by section, from its metrics alone: nothing here is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from cellstate.report.evidence import evidence_sections, half_hidden
from cellstate.report.reconstruction import levels, reconstruction
from cellstate.report.section import LIMITS, Section
from cellstate.report.trust import copying, flags, interval_coverage

#: What each split is for, in the order of a training.
USED = {
    "train": "Training",
    "validation": "Validation: early stopping, calibration",
    "test": "Held out, same sequencer",
    "older_test": "Held out, older sequencer",
}


def sections(metrics: Mapping) -> list[Section]:
    """Return everything that is known about a model, in the order in which a reader asks.

    Parameters
    ----------
    metrics : mapping
        ``metrics.json`` of a model folder; empty for random weights.
    """
    return [
        data(metrics),
        reconstruction(metrics),
        half_hidden(metrics),
        levels(metrics),
        interval_coverage(metrics),
        flags(metrics),
        copying(metrics),
        *evidence_sections(metrics),
        Section("limits", "What not to conclude", LIMITS),
    ]


def data(metrics: Mapping) -> Section:
    """Sources, licences and splits."""
    trained = metrics.get("trained_on")
    if not trained:
        return Section("data", "Data", "", absent="Random weights: this model was not trained on anything.")
    splits = trained.get("splits", {})
    rows = [(words, trained["name"], f"{splits[name]:,}") for name, words in USED.items() if name in splits]
    notes = [source(trained)]
    for one in metrics.get("also_trained_on", ()):
        n = one["splits"]["train"]
        rows.append((USED["train"], one["name"], f"{n:,}"))
        notes.append(f"{source(one)} {n} profiles, for training alone.")
    text = (
        "Split by patient: no patient is on both sides. Genes, standardisation, components and early stopping use "
        "training and validation patients only. The held-out patients serve the figures below and nothing else."
    )
    return Section("data", "Data", text, pd.DataFrame(rows, columns=["Used for", "Cohort", "Samples"]), tuple(notes))


def source(one: Mapping) -> str:
    """Name a cohort's source, licence and makers in one sentence."""
    checksum = f" (sha256 {one['source_sha256'][:16]}…)" if "source_sha256" in one else ""
    by = f"; by {one['attribution']}" if "attribution" in one else ""
    return (
        f"{one['name']}; source {one.get('source', 'unknown')}{checksum}; licence {one.get('licence', 'unknown')}{by}."
    )
