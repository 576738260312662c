"""The candidates page: say what should change, search for the genes that do it, read the result."""

from __future__ import annotations

import streamlit as st

from cellstate.model import Model
from cellstate.perturb.search.goal import Goal
from cellstate.report.narrative.search import question
from cellstate.ui.candidates.drivers import drivers
from cellstate.ui.candidates.form import IS_OPEN, form, search_key, subject
from cellstate.ui.candidates.options import KINDS, Plan
from cellstate.ui.candidates.results import result
from cellstate.ui.components.controls import choose_one
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.layout import heading, need_sample
from cellstate.ui.components.searches import SEARCHES, search_progress
from cellstate.ui.runtime.jobs import Job
from cellstate.ui.runtime.resources import model
from cellstate.ui.state.prediction import distance
from cellstate.ui.state.session import DRIVERS, Session, session

#: The kind of search, in session state.
KIND = "regulators-kind"
_TABS = KINDS | {DRIVERS: SEARCHES[DRIVERS]}


def candidates_page() -> None:
    """Draw the candidates page."""
    state = session()
    if state.loaded is None:
        heading("Candidates", "Find genes whose perturbation, alone or together, would move a sample toward a goal.")
        need_sample(
            "Say what should change, for example *less proliferative*. This page then ranks single perturbations, "
            "interacting pairs or a small set by how far each would move the sample, or finds what drives it."
        )
        return
    opened = model()
    bar = st.container(horizontal=True, vertical_alignment="center", gap="small", key="candidates-bar")
    with bar:
        st.title("Candidates", anchor=False, width="content")
        with st.container(width="content"):
            kind = choose_one("Search", _TABS, KIND)
    with st.container(key="candidates", gap="small"):
        _warnings(state, opened)
        with error_boundary("following the search"):
            search_progress(state)
        key = search_key(state, opened)
        finished = state.finished(kind, key)
        if kind == DRIVERS:
            drivers(state, opened, key, finished, bar)
        else:
            _toward_goal(state, opened, kind, finished)


def _toward_goal(state: Session, opened: Model, kind: str, finished: Job | None) -> None:
    """Draw a kind of search: its form, or a line instead of it, and its result."""
    choices: tuple[Goal | None, Plan | None] | None = None
    if not state.is_searching and (finished is None or st.session_state.get(IS_OPEN)):
        choices = form(state, opened, kind)
    if finished is not None:
        with error_boundary("showing the result"):
            if choices is None:
                _line(state, opened, finished)
            result(state, opened, finished, choices)


def _line(state: Session, opened: Model, finished: Job) -> None:
    """Draw the question in one line, with a button that opens the form again."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="question"):
        st.markdown(f"**{question(finished.result, subject(state, opened))}**", width="content")
        st.button(
            "Change",
            type="tertiary",
            icon=":material/tune:",
            key="change-search",
            disabled=state.is_searching,
            on_click=st.session_state.update,
            args=({IS_OPEN: True},),
        )


def _warnings(state: Session, opened: Model) -> None:
    """Warn where predictions of this model, or for this sample, are not reliable."""
    if not opened.is_trained:
        st.warning("Random weights: this model is not trained, so its results mean nothing.", icon=":material/warning:")
    with error_boundary("checking the sample"):
        if distance(state, opened).is_ood:
            st.warning(
                "This sample is out of distribution for the model, so no result on this page is reliable.",
                icon=":material/warning:",
            )
