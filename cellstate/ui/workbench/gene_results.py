"""Every gene of a prediction: linked charts above the table.

A selection in the charts chooses the rows of the table; rows that are ticked in the table are named in the charts.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from cellstate.formatting import file_stem
from cellstate.labels import predictor_label
from cellstate.model import Model
from cellstate.report.narrative.figures import legend
from cellstate.report.narrative.prediction import baselines_of, table_caption
from cellstate.ui.components.controls import action_button
from cellstate.ui.components.drawings import draw_linked_chart
from cellstate.ui.components.figure_files import FRAME, figure_files
from cellstate.ui.components.layout import containing, download_table, gene_table, number_column, result_csv
from cellstate.ui.help.content import how_to_read
from cellstate.ui.help.glossary import tip
from cellstate.ui.state.prediction import PredictionResult, prediction_key
from cellstate.ui.state.session import Session
from cellstate.viz.columns import CHANGE, CHANGE_OF, GENE, IS_PERTURBED, IS_RELIABLE, REASON, TPM_AFTER, TPM_BEFORE
from cellstate.viz.linked_chart import AXES, LinkedChart, linked_chart, selected_rows

_TABLE_HEIGHT = 480


@dataclass
class Selected:
    """The user's selection in one prediction.

    Attributes
    ----------
    rows : ndarray of int or None
        Rows of the table that were selected in the charts.
    ticked : set of int
        Rows that were ticked in the table.
    turn : int
        Counts clearings: widgets that carry it start anew.
    """

    rows: np.ndarray | None = None
    ticked: set[int] = field(default_factory=set)
    turn: int = 0

    def clear(self) -> None:
        """Select nothing."""
        self.rows, self.ticked = None, set()
        self.turn += 1


def gene_charts(state: Session, opened: Model, result: PredictionResult) -> None:
    """Draw the linked charts, and keep the selection in them."""
    key, selected = _selected(state, opened, result)
    drawn = state.cached("linked-chart", (key, frozenset(selected.ticked)), lambda: _chart(result, selected))
    with st.container(key=FRAME + "linked-chart", gap="xsmall"):
        chosen = draw_linked_chart(drawn, f"{hash(key):x}", selected.turn)
        if chosen:
            selected.rows = selected_rows(result.table, chosen)
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.caption("Drag or click to select, Shift + wheel to zoom.", width="stretch")
            about = f"{result.sample}: {result.perturbations}"
            text = legend(drawn.title, drawn.alt, opened.config.name, about=about, axes=AXES)
            figure_files("linked-chart", drawn.title, "cellstate-hypothesis-genes", text)


def table_section(state: Session, opened: Model, result: PredictionResult) -> None:
    """Draw the table of all genes, or of those that are selected in the charts."""
    _, selected = _selected(state, opened, result)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search the table",
            placeholder="Search the table",
            icon=":material/search:",
            key="table-query",
            width=280,
            label_visibility="collapsed",
        )
        # Without a reliable gene the filter would hide everything; a selection in the charts overrides it.
        offers_filter = bool(result.table[IS_RELIABLE].any()) and selected.rows is None
        reliable_only = offers_filter and st.toggle(
            "Reliable only", value=True, key="reliable-only", persist_state="session"
        )
        download_table(
            lambda: prediction_csv(result),
            f"cellstate-hypothesis-{file_stem(result.sample)}.csv",
            key="download-shift",
            label="CSV",
        )
        if selected.rows is not None or selected.ticked:
            clear = _with_weak_references(Selected.clear, selected)
            action_button("Clear selection", "deselect", "clear-selection", clear)
    of = result.table if selected.rows is None else result.table.iloc[selected.rows]
    shown = filtered(of, text or "", reliable_only)
    _rows(result, shown, selected)
    st.caption(table_caption(result.table, shown, rows=selected.rows, ticked=selected.ticked))
    how_to_read("Table")


def filtered(table: pd.DataFrame, text: str, reliable_only: bool) -> pd.DataFrame:
    """Return the rows whose gene or Ensembl id contains a text; perturbed genes count as reliable here."""
    rows = table[table[IS_RELIABLE] | table[IS_PERTURBED]] if reliable_only else table
    return containing(rows, text, [GENE, "ensembl_id"])


def _selected(state: Session, opened: Model, result: PredictionResult) -> tuple[Any, Selected]:
    key = prediction_key(state, opened, result.predictor)
    return key, state.cached("selected-genes", key, Selected)


def _chart(result: PredictionResult, selected: Selected) -> LinkedChart:
    counts = result.same_sign.to_numpy()
    return linked_chart(result.table, counts, result.n_methods, predictor=result.predictor, ticked=selected.ticked)


def _with_weak_references(call: Callable[..., None], *arguments: Any) -> Callable[[], None]:
    """Return a callback that does not keep its arguments alive: Streamlit keeps callbacks of widgets that are gone."""
    references = [weakref.ref(one) for one in arguments]

    def called() -> None:
        alive = [reference() for reference in references]
        if all(one is not None for one in alive):
            call(*alive)

    return called


def _rows(result: PredictionResult, shown: pd.DataFrame, selected: Selected) -> None:
    rows = shown.index.to_numpy()
    # Ticks are positions in what is shown, so another view needs another key.
    key = f"shift-table-{selected.turn}-{hash((result.perturbations, result.predictor, rows.tobytes())):x}"

    def tick(selected: Selected) -> None:
        selected.ticked.difference_update(rows.tolist())
        selected.ticked.update(rows[st.session_state[key]["selection"]["rows"]].tolist())

    columns = _columns(result)
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


def _columns(result: PredictionResult) -> dict:
    label = predictor_label(result.predictor)
    baselines = {
        CHANGE_OF + name: number_column(f"{predictor_label(name)} (log2)", 3, f"Predicted by {predictor_label(name)}.")
        for name in baselines_of(result.table)
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


def prediction_csv(result: PredictionResult) -> bytes:
    """Return every gene as CSV; each row names the sample, the perturbations and the method."""
    return result_csv(
        result.table.round(6), result.sample, perturbations=result.perturbations, predictor=result.predictor
    )
