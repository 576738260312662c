"""The two views of the workbench on a file of several samples: one sample, or all of them."""

from __future__ import annotations

import streamlit as st

from cellstate.ui.state.session import Session

ONE, COHORT = "one", "cohort"
_KEY = "workbench-view"


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
    return f"{_KEY}-{state.round}"
