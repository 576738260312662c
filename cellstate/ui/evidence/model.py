"""The model page: what it is made of, what it has seen, and where it ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from cellstate.errors import GeneError
from cellstate.formatting import escape_markdown, percent
from cellstate.genes import gene_axis
from cellstate.model import Model, ModelRecord
from cellstate.model.device import device_label
from cellstate.model.folder import CARD, HISTORY
from cellstate.report.narrative.evidence import LIMITS, RANDOM_WEIGHTS
from cellstate.report.sections import USED
from cellstate.ui.components.errors import guard, show_error
from cellstate.ui.components.layout import READABLE, chart, heading, tiles
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.resources import description, model
from cellstate.viz import training_curve

#: A gain over the start as PCA that is called none.
BARELY = 0.01
#: A name, licence or attribution is cut beyond this.
_LONG = 300


def model_page() -> None:
    """Draw the model page."""
    heading("Model", "What answers your questions: its parts, its data and its limits.")
    with guard("describing the model"):
        opened = model()
        about = description(opened, str(opened.folder))
        card, history = _card(opened.folder), read_history(opened.folder / HISTORY)
        tiles(
            [
                (
                    "Parameters",
                    f"{about['n_parameters'] / 1e6:,.2f} M",
                    f"{about['n_parameters']:,} weights and biases.",
                ),
                ("Genes", f"{about['genes']:,}", "Protein-coding genes that the model reads and predicts."),
                ("Latent units", f"{about['n_latent']:,}", tip("Latent")),
                ("Training patients", _training(opened.record), "Patients whose samples the weights were fitted to."),
            ]
        )
        left, right = st.columns(2, gap="large")
        with left:
            _layers(about, opened)
        with right:
            _data(opened.record)
        left, right = st.columns(2, gap="large")
        with left:
            _training_run(history, opened.record)
        with right:
            _coverage(opened)
            st.header("Limits", anchor=False)
            st.markdown(LIMITS, width=READABLE)
        if card:
            with st.expander("The model card", icon=":material/description:"):
                st.markdown(_demoted(card), anchors=False)


def _layers(about: Mapping, opened: Model) -> None:
    st.header("Architecture", anchor=False)
    st.markdown(
        "A fully connected auto-encoder: it squeezes a sample through its narrowest layer and rebuilds every gene.",
    )
    rows = [
        (str(i + 1), f"{a['inputs']:,} → {a['outputs']:,}", a["activation"], f"{a['parameters']:,}")
        for i, a in enumerate(about["layers"])
    ]
    table = pd.DataFrame(rows, columns=["Layer", "Units", "Activation", "Parameters"])
    st.table(table, hide_index=True, border="horizontal", alt="Layers of the network")
    st.caption(
        f"Stored as {about['dtype']}, computed on {escape_markdown(device_label(opened.device))}. Checksum of the "
        "weights: "
        f"{about['sha256'][:16]}…"
    )


def _data(record: ModelRecord) -> None:
    st.header("Data", anchor=False)
    if not record.sources:
        st.info(RANDOM_WEIGHTS, icon=":material/info:")
        return
    first, *further = record.sources
    rows = [("Cohort", first.name), ("Licence", first.licence)]
    rows += [(words, f"{first.splits[name]:,} samples") for name, words in USED.items() if name in first.splits]
    for one in further:
        rows += [("Further cohort", one.name), ("Licence", one.licence)]
        rows += [("By", one.attribution)] if one.attribution else []
        rows += [(USED["train"], f"{one.splits.get('train', 0):,} samples")]
    table = pd.DataFrame([(escape_markdown(a), escape_markdown(b, _LONG)) for a, b in rows], columns=["", "What"])
    st.table(table, hide_index=True, hide_header=True, border="horizontal", alt="Training data")
    st.caption("Split by patient: no patient is on both sides.")


def _training_run(history: pd.DataFrame, record: ModelRecord) -> None:
    if history.empty:
        return
    st.header("Training", anchor=False)
    losses = history.set_index("epoch")["validation_loss"]
    before = losses.get(0, 0.0)
    config = record.training.config if record.training else None
    if config is not None and config.network.warm_start == "pca" and before > 0:
        gained = 1 - losses.min() / before
        text = f"The weights start as PCA of the training samples; training lowered the loss by {percent(gained, 2)}."
        if gained < BARELY:
            text += " **So this network is PCA in another form**, and its answers are nearly PCA's."
        st.markdown(text, width=READABLE)
    chart(training_curve(history), key="training-curve")


def _coverage(opened: Model) -> None:
    st.header("Is my gene covered?", anchor=False)
    query = st.text_input(
        "Gene", placeholder="Any name of a gene", icon=":material/search:", live=True, key="coverage", width=360
    )
    if not query or not query.strip():
        st.caption(f"The model covers {len(opened.space):,} of {len(gene_axis()):,} protein-coding genes.")
        return
    table = coverage(query, opened)
    if table.empty:
        try:
            gene_axis().find(query)
        except GeneError as error:
            show_error(error)
        return
    st.dataframe(
        table,
        hide_index=True,
        width="content",
        placeholder="–",
        column_config={"Held-out R²": st.column_config.NumberColumn(format="%.2f")},
        key="coverage-table",
        alt="Genes that match the search, and whether the model covers them",
    )


def coverage(query: str, opened: Model, limit: int = 10) -> pd.DataFrame:
    """Return the genes that match a search, and how well the model follows each."""
    axis, rows = gene_axis(), []
    r2_of = dict(zip(opened.gene_table["ensembl_id"], opened.gene_table.get("r2_validation", ()), strict=False))
    for position, why in axis.search(query, limit=limit):
        covered = opened.space.covers(position)
        ensembl = axis.ensembl[position]
        rows.append((axis.symbol[position], why, ensembl, covered, r2_of.get(ensembl)))
    return pd.DataFrame(rows, columns=["Gene", "Found by", "Ensembl id", "Covered", "Held-out R²"])


def _training(record: ModelRecord) -> str:
    n = record.sources[0].splits.get("train") if record.sources else None
    return f"{n:,}" if n else "none"


def _card(folder: Path) -> str:
    """Return the model's card, empty where the folder has none."""
    card = folder / CARD
    return card.read_text(encoding="utf-8") if card.exists() else ""


def _demoted(card: str) -> str:
    """Return the card with its headings two levels lower, as a part of the page."""
    return "\n".join("##" + line if line.startswith("#") else line for line in card.splitlines())


def read_history(path: Path) -> pd.DataFrame:
    """Read the losses of each epoch of a finished training, in order; empty where there are none that can be read.

    Returns
    -------
    DataFrame
        Columns epoch, train_loss and validation_loss; NaN where a loss is missing or no number.
    """
    columns = ["epoch", "train_loss", "validation_loss"]
    try:
        with path.open(encoding="utf-8") as file:
            table = pd.read_json(file, lines=True, precise_float=True)
    except (OSError, ValueError):
        table = pd.DataFrame()
    losses = table.reindex(columns=columns).apply(pd.to_numeric, errors="coerce").replace([np.inf, -np.inf], np.nan)
    # A training that was continued may have written an epoch twice: the later line holds.
    losses = losses.dropna(subset="epoch").drop_duplicates("epoch", keep="last")
    return losses.astype({"epoch": int}).sort_values("epoch", ignore_index=True)
