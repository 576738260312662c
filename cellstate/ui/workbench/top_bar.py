"""The top bar of the workbench: the view, the sample with its tissue and quality, the method and the export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from cellstate.evaluation.qc import Grade, grades, qc_figures, with_ood_score, worst
from cellstate.model import Model
from cellstate.report.narrative.sample import grade_text, is_well_read, reading_line, tissue_label
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.layout import slot
from cellstate.ui.components.predictor_picker import choose_predictor
from cellstate.ui.state.prediction import distance
from cellstate.ui.state.session import SAMPLE, Session
from cellstate.ui.workbench.sample import sample_page

#: The two views of a file of several samples.
ONE, COHORT = "one", "cohort"
_VIEW = "workbench-view"


@dataclass(frozen=True, eq=False)
class TopBar:
    """What the rest of the page takes from the bar: the method, and the place of the export."""

    predictor: str
    export: Any


def top_bar(state: Session, opened: Model) -> TopBar:
    """Draw the bar, and below it the details of the sample while they are open."""
    key = f"sample-details-{state.turns[SAMPLE]}"
    is_open = bool(st.session_state.get(key, not is_well_read(_report(state))))
    line = ""
    with slot("sample"), error_boundary("describing the sample"):
        line = _sample_line(state, opened)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="top-bar"):
        st.title("Workbench", anchor=False, width="content")
        view_switch(state)
        st.markdown(f":small[{line}]", width="content")
        label, icon = ("Close details", "expand_less") if is_open else ("Change", "tune")
        st.button(
            label,
            type="tertiary",
            icon=f":material/{icon}:",
            key="sample-details",
            help="Quality, detected settings, groups, another sample",
            on_click=lambda: st.session_state.update({key: not is_open}),
        )
        predictor = choose_predictor(opened)
        export = st.container(width="content")
    if is_open:
        with st.container(border=True):
            sample_page()
    return TopBar(predictor, export)


def _sample_line(state: Session, opened: Model) -> str:
    """Return the sample in one line: tissue, grade and how its file was read; the strip above names it."""
    found = distance(state, opened)
    grade = state.cached("quality", (state.selected, opened.stamp), lambda: _grade(state, opened))
    parts = [
        tissue_label(found.call) if found.call is not None else "",
        f"QC {grade_text(grade)}",
        reading_line(_report(state)),
    ]
    return " · ".join(filter(None, parts))


def _report(state: Session) -> Any:
    assert state.loaded is not None
    return state.loaded.samples.report


def _grade(state: Session, opened: Model) -> Grade:
    figures = with_ood_score(qc_figures(state.sample(), opened.space)[0], distance(state, opened).score)
    return worst(grades(figures).values())


def chosen_view(state: Session) -> str:
    """Return the view that the user chose for this file; at first that of one sample."""
    many = state.loaded is not None and len(state.loaded.samples) > 1
    return COHORT if many and st.session_state.get(_key(state)) == COHORT else ONE


def view_switch(state: Session) -> None:
    """Draw the switch between both views, where the file holds several samples."""
    if state.loaded is None or len(state.loaded.samples) < 2:
        return
    labels = {ONE: "One sample", COHORT: f"All {len(state.loaded.samples):,} samples"}
    key = _key(state)
    st.session_state[key] = chosen_view(state)
    st.segmented_control(
        "View", list(labels), format_func=labels.__getitem__, required=True, key=key, label_visibility="collapsed"
    )


def show_one(state: Session) -> None:
    """Go to the view of one sample, from a callback."""
    st.session_state[_key(state)] = ONE


def _key(state: Session) -> str:
    # Another file begins with one sample; the key survives a page change only while it is drawn.
    return f"{_VIEW}-{state.round}"
