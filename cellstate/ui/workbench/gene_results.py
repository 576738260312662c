"""Every gene of a prediction: a chart of all genes beside the table of their values, linked both ways.

A selection in the chart chooses the rows of the table; rows that are ticked in the table are named in the chart.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from cellstate.formatting import escape_markdown, file_stem, plural
from cellstate.model import Model
from cellstate.ui.components.figure_files import FRAME, figure_files
from cellstate.ui.components.layout import download_table, gene_table, number_column, result_csv
from cellstate.ui.help.glossary import tip
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.prediction import PredictionResult, baselines_of, filtered, prediction_key
from cellstate.viz.columns import CHANGE, CHANGE_OF, GENE, IS_PERTURBED, IS_RELIABLE, REASON, TPM_AFTER, TPM_BEFORE
from cellstate.viz.linked_chart import MAX_NAMED, LinkedChart, linked_chart, selected_rows
from cellstate.viz.style import look

_READING = """
- **Perturbed genes are set, not predicted.** They take the level that you gave them, and no score counts them.
- **Every other gene** changes as the chosen prediction method predicts: its change gives *TPM after*, the distance
  after the perturbation, the order of the table, the download and the titration. TPM are on the training cohort's
  scale, so they can differ from the file's by a constant factor.
- **The default method** follows from the evidence of the model. You can choose any other. All others stand beside it;
  where a simpler one predicts the same, the simpler explanation is the better one.
- **No change** leaves every gene where it is.
- **A gene that was not measured** is imputed by the network from the others; its change is shown but not reliable.
- **Reliable** means: measured here, predicted well in held-out patients (R² of the network at least 0.3), and the
  sample is not out of distribution, neither as it is nor as the prediction leaves it. It does not mean that the change
  is true.
"""
_TABLE_HEIGHT = 560
#: Ticked genes that the caption names.
_MAX_LISTED = 8


@dataclass
class Selected:
    """The user's selection in one prediction.

    Attributes
    ----------
    rows : ndarray of int or None
        Rows of the table that were selected in the chart.
    ticked : set of int
        Rows that were ticked in the table.
    turn : int
        Counts clearings: widgets that carry it in their key start anew.
    """

    rows: np.ndarray | None = None
    ticked: set[int] = field(default_factory=set)
    turn: int = 0

    def clear(self) -> None:
        """Select nothing."""
        self.rows, self.ticked = None, set()
        self.turn += 1


def genes_section(state: Session, opened: Model, found: PredictionResult) -> None:
    """Draw the linked chart and the table beside it."""
    key = prediction_key(state, opened, found.predictor)
    selected: Selected = state.once("selected-genes", key, Selected)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        drawn = state.once("linked-chart", (key, frozenset(selected.ticked)), lambda: _chart(found, selected))
        widget = f"linked-chart-{selected.turn}"
        with st.container(key=FRAME + "linked-chart", gap="xsmall"):
            st.vega_lite_chart(
                drawn.points,
                drawn.spec,
                width="stretch",
                key=widget,
                on_select=_with_weak_references(partial(_select, widget), found, selected),
                alt=drawn.title,
            )
            with st.container(horizontal=True, gap="small"):
                st.caption(escape_markdown(drawn.alt, 2_000))
                figure_files("linked-chart", drawn.title, "cellstate-hypothesis-genes")
    with right:
        _table(found, selected)
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(_READING)


def _chart(found: PredictionResult, selected: Selected) -> LinkedChart:
    table = found.table
    return linked_chart(table, baselines_of(table), predictor=found.predictor, ticked=selected.ticked)


def _with_weak_references(call: Callable[..., None], *arguments: Any) -> Callable[[], None]:
    """Return a callback that does not keep its arguments alive: Streamlit keeps callbacks of widgets that are gone."""
    references = [weakref.ref(one) for one in arguments]

    def called() -> None:
        alive = [reference() for reference in references]
        if all(one is not None for one in alive):
            call(*alive)

    return called


def _select(key: str, found: PredictionResult, selected: Selected) -> None:
    selected.rows = selected_rows(found.table, st.session_state[key]["selection"])


def _table(found: PredictionResult, selected: Selected) -> None:
    st.subheader("All genes", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search the table", placeholder="Gene or Ensembl id", icon=":material/search:", key="table-query", width=280
        )
        # Without a reliable gene the filter would hide everything; a selection in the chart overrides it.
        offers_filter = bool(found.table[IS_RELIABLE].any()) and selected.rows is None
        reliable_only = offers_filter and st.toggle(
            "Reliable only", value=True, key="reliable-only", persist_state="session"
        )
        download_table(
            lambda: prediction_csv(found), f"cellstate-hypothesis-{file_stem(found.sample)}.csv", key="download-shift"
        )
        if selected.rows is not None or selected.ticked:
            st.button(
                "Clear selection",
                icon=":material/deselect:",
                key="clear-selection",
                on_click=_with_weak_references(Selected.clear, selected),
            )
    of = found.table if selected.rows is None else found.table.iloc[selected.rows]
    shown = filtered(of, text or "", reliable_only)
    _rows(found, shown, selected)
    st.caption(table_caption(found.table, shown, selected))


def _rows(found: PredictionResult, shown: pd.DataFrame, selected: Selected) -> None:
    rows = shown.index.to_numpy()
    # Ticks are positions in what is shown, so another view needs another key.
    key = f"shift-table-{selected.turn}-{hash((found.perturbations, found.predictor, rows.tobytes())):x}"

    def tick(selected: Selected) -> None:
        selected.ticked.difference_update(rows.tolist())
        selected.ticked.update(rows[st.session_state[key]["selection"]["rows"]].tolist())

    columns = _columns(found)
    gene_table(
        # Only what is shown is sent to the browser.
        shown[list(columns)].reset_index(drop=True),
        columns,
        key=key,
        alt="Predicted change of every gene, largest first, beside the baselines",
        height=_TABLE_HEIGHT,
        on_select=_with_weak_references(tick, selected),
        selected=np.flatnonzero(np.isin(rows, list(selected.ticked))).tolist(),
    )


def table_caption(table: pd.DataFrame, shown: pd.DataFrame, selected: Selected) -> str:
    """Describe what the table shows and how chart and table are linked."""
    if selected.rows is not None:
        text = f"{len(shown):,} of {plural(len(selected.rows), 'gene')} selected in the chart."
    else:
        text = f"{len(shown):,} of {len(table):,} genes, largest change first."
        text += " Perturbed genes stand at the end." if table[IS_PERTURBED].any() else ""
        text += " Draw a box in the chart, or click points or bars, to choose rows."
    if not selected.ticked:
        return f"{text} Tick rows to name them in the chart."
    names = [escape_markdown(gene) for gene in table[GENE].iloc[sorted(selected.ticked)[:MAX_NAMED]]]
    most = f", the first {MAX_NAMED} of them" if len(selected.ticked) > MAX_NAMED else ""
    listed = ", ".join(names[:_MAX_LISTED]) + (" …" if len(names) > _MAX_LISTED else ".")
    return f"{text} {plural(len(selected.ticked), 'ticked gene is', 'ticked genes are')} named{most}: {listed}"


def _columns(found: PredictionResult) -> dict:
    label = look(found.predictor).label
    baselines = {
        CHANGE_OF + name: number_column(f"{look(name).label} (log2)", 3, f"Predicted by {look(name).label}.")
        for name in baselines_of(found.table)
    }
    return {
        GENE: st.column_config.TextColumn("Gene", pinned=True, width="small"),
        CHANGE: number_column(f"{label} (log2)", 3, tip("log2 fold change")),
        TPM_BEFORE: number_column("TPM before", 2, "Measured, on the training cohort's scale."),
        TPM_AFTER: number_column("TPM after", 2, f"Predicted by {label}; for a perturbed gene, as set."),
        IS_RELIABLE: st.column_config.CheckboxColumn("Reliable", help=tip("Reliability")),
        **baselines,
        # Mostly empty, so it comes after the numbers.
        REASON: st.column_config.TextColumn("Reason", width=250),
        "ensembl_id": st.column_config.TextColumn("Ensembl id"),
    }


def prediction_csv(found: PredictionResult) -> bytes:
    """Return every gene as CSV; each row names the sample, the perturbations and the method."""
    return result_csv(found.table.round(6), found.sample, perturbations=found.perturbations, predictor=found.predictor)
