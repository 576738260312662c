"""The model page: what the model is, what it was trained on, which genes it covers, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from cellstate.errors import GeneError
from cellstate.formatting import escape_markdown
from cellstate.genes import gene_axis
from cellstate.model import Model, ModelRecord
from cellstate.model.folder import CARD, HISTORY
from cellstate.model.network import device_label
from cellstate.report.narrative.evidence import LIMITS, RANDOM_WEIGHTS
from cellstate.report.narrative.model import network_sentence, training_sentence
from cellstate.report.sections import USED
from cellstate.ui.components.errors import error_boundary, show_error
from cellstate.ui.components.layout import READABLE, chart, metric_row
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.resources import description, model
from cellstate.viz import training_curve

#: A name, licence or attribution is cut beyond this.
_LONG = 300


def model_page() -> None:
    """Draw the model page."""
    with error_boundary("describing the model"):
        opened = model()
        about = description(opened, str(opened.folder))
        n_train = opened.record.sources[0].splits.get("train", 0) if opened.record.sources else 0
        metric_row(
            [
                (
                    "Parameters",
                    f"{about['n_parameters'] / 1e6:,.2f} M",
                    f"{about['n_parameters']:,} weights and biases.",
                ),
                ("Genes", f"{about['genes']:,}", "Protein-coding genes that the model reads and predicts."),
                ("Latent units", f"{about['n_latent']:,}", tip("Latent")),
                ("Training patients", f"{n_train:,}" if n_train else "none", "Their samples fitted the weights."),
            ]
        )
        left, right = st.columns(2, gap="large")
        with left:
            _layers(about, opened)
        with right:
            _data(opened.record)
        left, right = st.columns(2, gap="large")
        with left:
            _coverage(opened)
        with right:
            st.header("Limits", anchor=False)
            st.markdown(LIMITS, width=READABLE)
        card = opened.folder / CARD
        if card.exists():
            with st.expander("The model card", icon=":material/description:"):
                st.markdown(_demoted(card.read_text(encoding="utf-8")), anchors=False)


def _layers(about: Mapping, opened: Model) -> None:
    st.header("Architecture", anchor=False)
    st.markdown(network_sentence(opened.config))
    latent = opened.config.latent_index
    rows = [
        (
            str(i + 1),
            "Encoder" if i < latent else "Decoder",
            f"{a['inputs']:,} → {a['outputs']:,}",
            a["activation"],
            f"{a['parameters']:,}",
        )
        for i, a in enumerate(about["layers"])
    ]
    table = pd.DataFrame(rows, columns=["Layer", "Part", "Units", "Activation", "Parameters"])
    st.table(table, hide_index=True, border="horizontal", alt="Layers of the network")
    st.caption(
        f"Stored as {about['dtype']}, computed on {escape_markdown(device_label(opened.device))}. Checksum of the "
        f"weights: {about['sha256'][:16]}…"
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
        rows += [("Attribution", one.attribution)] if one.attribution else []
        rows += [(USED["train"], f"{one.splits.get('train', 0):,} samples")]
    table = pd.DataFrame([(escape_markdown(a), escape_markdown(b, _LONG)) for a, b in rows], columns=["", "What"])
    st.table(table, hide_index=True, hide_header=True, border="horizontal", alt="Training data")
    st.caption("Split by patient: no patient is on both sides.")


def training_page() -> None:
    """Draw the losses of each epoch of the training."""
    with error_boundary("showing the training"):
        opened = model()
        history, run = read_history(opened.folder / HISTORY), opened.record.training
        if history.empty:
            st.info("This model folder holds no record of its training.", icon=":material/info:")
            return
        st.header("Training", anchor=False)
        losses = history.set_index("epoch")["validation_loss"]
        if run is not None and run.config is not None:
            st.markdown(training_sentence(losses, run.config.network.warm_start), width=READABLE)
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
    """Return the genes that match a search, and how well each is predicted in held-out patients."""
    axis, rows = gene_axis(), []
    r2_of = dict(zip(opened.gene_table["ensembl_id"], opened.gene_table.get("r2_validation", ()), strict=False))
    for position, why in axis.search(query, limit=limit):
        covered = opened.space.covers(position)
        ensembl = axis.ensembl[position]
        rows.append((axis.symbol[position], why, ensembl, covered, r2_of.get(ensembl)))
    return pd.DataFrame(rows, columns=["Gene", "Found by", "Ensembl id", "Covered", "Held-out R²"])


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
