"""Enrichment of gene sets in a prediction."""

from __future__ import annotations

import streamlit as st

from cellstate.evaluation.enrichment import Enrichment, enrichment
from cellstate.formatting import file_stem
from cellstate.labels import predictor_label
from cellstate.model import Model
from cellstate.report.narrative.prediction import pathway_sentence
from cellstate.ui.components.gene_sets import gene_sets
from cellstate.ui.components.layout import READABLE, chart, download_table, number_column, result_csv
from cellstate.ui.help.content import how_to_read
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.prediction import PredictionResult, prediction_key
from cellstate.ui.state.session import GENE_SETS, Session
from cellstate.viz import pathway_bars
from cellstate.viz.enrichment import short_names

#: Characters of a name in the table.
_MAX_NAME = 80


def pathway_section(state: Session, opened: Model, result: PredictionResult) -> None:
    """Draw which gene sets change together."""
    sets = gene_sets(state, "pathways")

    def compute() -> Enrichment:
        with queue().turn(), st.spinner("Testing the gene sets …"):
            return enrichment(opened.space, result.table, sets.sets)

    key = (prediction_key(state, opened, result.predictor), state.turns[GENE_SETS])
    found: Enrichment = state.cached("pathways", key, compute)
    st.markdown(pathway_sentence(found, result.predictor), width=READABLE)
    left, right = st.columns(2, gap="medium")
    with left:
        chart(pathway_bars(found.table, predictor=result.predictor, sample=result.sample), key="pathway-bars")
    with right:
        _table(found, result)
    how_to_read("Pathways")


def _table(found: Enrichment, result: PredictionResult) -> None:
    others = {c: predictor_label(c.removeprefix("nes_")) for c in found.table if c.startswith("nes_")}
    columns = {
        "set": st.column_config.TextColumn("Gene set", pinned=True, width="medium"),
        "nes": number_column(f"{predictor_label(result.predictor)} NES", 2, tip("NES")),
        "p": st.column_config.NumberColumn("p", format="%.2g", help="Against random sets of the same size."),
        "fdr": number_column("FDR", 3, "p corrected for the number of sets tested."),
        **{c: number_column(f"{label} NES", 2, f"By {label}.") for c, label in others.items()},
        "n_genes": st.column_config.NumberColumn("Genes", help="Genes of the set in the ranking."),
        "leading": st.column_config.TextColumn("Leading edge", width="large", help=tip("Leading edge")),
    }
    st.dataframe(
        found.table.assign(set=short_names(found.table["set"], _MAX_NAME)),
        hide_index=True,
        column_order=list(columns),
        column_config=columns,
        height=480,
        placeholder="–",
        key="pathway-table",
        alt="Enrichment of every gene set, largest first, beside the other methods",
    )
    file = f"cellstate-hypothesis-pathways-{file_stem(result.sample)}.csv"
    download_table(lambda: csv(found, result), file, key="download-pathways", label="Download all gene sets as CSV")


def csv(found: Enrichment, result: PredictionResult) -> bytes:
    """Return every set as CSV."""
    return result_csv(found.table, result.sample, perturbations=result.perturbations, predictor=result.predictor)
