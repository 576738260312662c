"""Every gene of a predicted shift, as figures and as a table that are linked.

Points that are selected in the figure choose the table's rows; rows that are ticked are ringed and named in the figure.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from cellstate.model import Model
from cellstate.ui.help_glossary import tip
from cellstate.ui.parts import chart, download_table, gene_table, number_column, result_csv
from cellstate.ui.session import Session
from cellstate.ui.shifts import Answer, about, filtered, rivals_of
from cellstate.ui.text import file_stem, literal, plural
from cellstate.viz import Chart, shift_scatter, top_genes
from cellstate.viz.shift import MOST_NAMED, place
from cellstate.viz.style import look

_READING = """
- **Edited genes are set, not predicted.** They take the level that you gave them, and every score leaves them out.
- **Every other gene** moves as the predictor says that stands first: its shift gives *TPM after*, the distance after
  the edit, the order of the table, the download and the dose curve. TPM are on the training cohort's scale, so they can
  differ from the file's by a constant factor.
- **Who stands first** follows from what was measured of the model, on the page *How good is this?*; you can put any
  other first. All others stand beside it. Where a simpler one says the same, the simple reason is the better one.
- **No change** leaves every gene where it is.
- **A gene that was not measured** enters as the network predicts it from the others; its shift is shown but not
  trusted.
- **Trusted** means: measured here, followed on held-out patients (the network's R² is 0.3 or more, whoever stands
  first), and the sample is not unlike the training samples, neither as it is nor as the prediction leaves it. It does
  not mean that the shift is true.
"""


@dataclass
class Picked:
    """What the user selected, of one answer.

    Attributes
    ----------
    points : ndarray of int or None
        Rows of the answer's table that were selected in the figure.
    ticked : set of int
        Rows that were ticked in the table.
    turn : int
        Counts clearings: widgets that carry it start anew.
    """

    points: np.ndarray | None = None
    ticked: set[int] = field(default_factory=set)
    turn: int = 0

    def clear(self) -> None:
        """Select nothing."""
        self.points, self.ticked = None, set()
        self.turn += 1


def genes_section(state: Session, opened: Model, found: Answer) -> None:
    """Draw the genes that move most, every gene against its expression, and the table."""
    key = about(state, opened, found.predictor)
    picked: Picked = state.once("picked", key, Picked)
    left, right = st.columns(2, gap="medium")
    with left:
        bars = state.once("top-genes", key, lambda: _bars(found))
        chart(bars, key="top-genes")
    with right:
        drawn = state.once("shift-scatter", (key, frozenset(picked.ticked)), lambda: _scatter(found, picked))
        widget = f"shift-scatter-{picked.turn}"
        chart(drawn, key=widget, name="shift-scatter", on_select=_loosely(partial(_pick, widget), drawn, found, picked))
    _table(found, picked)
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(_READING)


def _bars(found: Answer) -> Chart:
    return top_genes(found.table, rivals_of(found.table), predictor=found.predictor)


def _scatter(found: Answer, picked: Picked) -> Chart:
    return shift_scatter(found.table, predictor=found.predictor, sample=found.sample, named=picked.ticked)


def _loosely(call: Callable[..., None], *held: Any) -> Callable[[], None]:
    """Return a callback that keeps none of its arguments: Streamlit keeps those of widgets that are gone."""
    references = [weakref.ref(one) for one in held]

    def called() -> None:
        there = [reference() for reference in references]
        if all(one is not None for one in there):
            call(*there)

    return called


def _pick(key: str, drawn: Chart, found: Answer, picked: Picked) -> None:
    rows = selected_rows(found.table, drawn, st.session_state[key]["selection"])
    picked.points = rows if len(rows) else None


def selected_rows(table: pd.DataFrame, drawn: Chart, selection: Mapping[str, Any]) -> np.ndarray:
    """Return the rows of a table that a selection in `shift_scatter` means, rising.

    Inside a box or a lasso that is every gene that was not edited, also those that share a point with another one.

    Parameters
    ----------
    table : DataFrame
    drawn : Chart
    selection : mapping
        ``points``, ``box`` and ``lasso`` as Streamlit reports them.
    """
    x, y = place(table)
    inside = np.zeros(len(table), bool)
    for box in selection["box"]:
        (x0, x1), (y0, y1) = sorted(box["x"]), sorted(box["y"])
        inside |= (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
    for lasso in selection["lasso"]:
        inside |= _within(x, y, np.asarray(lasso["x"], float), np.asarray(lasso["y"], float))
    if selection["box"] or selection["lasso"]:
        return np.flatnonzero(inside & ~table["is_perturbed"].to_numpy())
    traces = drawn.figure.data
    points = [traces[point["curve_number"]].customdata[point["point_index"]] for point in selection["points"]]
    return np.unique([int(row) for _, row in points]).astype(int)


def _within(x: np.ndarray, y: np.ndarray, corner_x: np.ndarray, corner_y: np.ndarray) -> np.ndarray:
    """Whether each point lies inside a polygon: a ray to its right crosses the edge an odd number of times."""
    odd = np.zeros(len(x), bool)
    for x0, y0, x1, y1 in zip(corner_x, corner_y, np.roll(corner_x, -1), np.roll(corner_y, -1), strict=True):
        if y0 != y1:
            odd ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return odd


def _table(found: Answer, picked: Picked) -> None:
    st.subheader("Every gene", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search the table", placeholder="Gene or Ensembl id", icon=":material/search:", key="table-query", width=280
        )
        # Where nothing is trusted, the filter would only hide the answer; a selection in the figure decides alone.
        some = bool(found.table["is_reliable"].any()) and picked.points is None
        trusted_only = some and st.toggle("Trusted only", value=True, key="trusted-only", persist_state="session")
        download_table(
            lambda: shift_csv(found), f"cellstate-hypothesis-{file_stem(found.sample)}.csv", key="download-shift"
        )
        if picked.points is not None or picked.ticked:
            st.button(
                "Clear selection",
                icon=":material/deselect:",
                key="clear-selection",
                on_click=_loosely(Picked.clear, picked),
            )
    of = found.table if picked.points is None else found.table.iloc[picked.points]
    shown = filtered(of, text or "", trusted_only)
    _rows(found, shown, picked)
    st.caption(told(found.table, shown, picked))


def _rows(found: Answer, shown: pd.DataFrame, picked: Picked) -> None:
    rows = shown.index.to_numpy()
    # Ticks are positions in what is shown: another view is another table.
    key = f"shift-table-{picked.turn}-{hash((found.edits, found.predictor, rows.tobytes())):x}"

    def tick(picked: Picked) -> None:
        picked.ticked.difference_update(rows.tolist())
        picked.ticked.update(rows[st.session_state[key]["selection"]["rows"]].tolist())

    columns = _columns(found)
    gene_table(
        # What is not shown, the row numbers too, need not travel to the browser.
        shown[list(columns)].reset_index(drop=True),
        columns,
        key=key,
        alt="Predicted shift of every gene, largest first, beside its rivals",
        on_select=_loosely(tick, picked),
        selected=np.flatnonzero(np.isin(rows, list(picked.ticked))).tolist(),
    )


def told(table: pd.DataFrame, shown: pd.DataFrame, picked: Picked) -> str:
    """Say what the table shows and how figure and table are linked."""
    if picked.points is not None:
        text = f"{len(shown):,} of {plural(len(picked.points), 'gene')} selected in the figure."
    else:
        text = f"{len(shown):,} of {len(table):,} genes, largest shift first; click a heading to sort."
        text += " Edited genes stand at the end." if table["is_perturbed"].any() else ""
        text += (
            " To choose rows, click a point of the figure, or draw around points with its *Box Select* or *Lasso "
            "Select*."
        )
    if picked.ticked:
        names = [literal(gene) for gene in table["gene"].iloc[sorted(picked.ticked)[:MOST_NAMED]]]
        most = f", the first {MOST_NAMED} of them" if len(picked.ticked) > MOST_NAMED else ""
        return (
            f"{text} {plural(len(picked.ticked), 'ticked gene is', 'ticked genes are')} named in the figure{most}: "
            + (", ".join(names[:8]) + (" …" if len(names) > 8 else "."))
        )
    return f"{text} Tick rows to see them named in the figure."


def _columns(found: Answer) -> dict:
    first = look(found.predictor).label
    rivals = {
        f"log2_fold_change_{rival}": number_column(
            f"{look(rival).label} (log2)", 3, f"What {look(rival).label} predicts."
        )
        for rival in rivals_of(found.table)
    }
    return {
        "gene": st.column_config.TextColumn("Gene", pinned=True, width="small"),
        "tpm_before": number_column("TPM before", 2, "Measured, on the training cohort's scale."),
        "tpm_after": number_column("TPM after", 2, f"Predicted by {first}; for an edited gene, as set."),
        "log2_fold_change": number_column(f"{first} (log2)", 3, tip("log2 fold change")),
        "is_reliable": st.column_config.CheckboxColumn("Trusted", help=tip("Trusted")),
        **rivals,
        # Mostly empty, so that it comes after the figures.
        "reason": st.column_config.TextColumn("Why not trusted", width=250),
        "ensembl_id": st.column_config.TextColumn("Ensembl id"),
    }


def shift_csv(found: Answer) -> bytes:
    """Return every gene, with what it is about in each row."""
    return result_csv(found.table.round(6), found.sample, edits=found.edits, predictor=found.predictor)
