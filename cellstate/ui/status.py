"""The strip on every page: sample, model, machine, edits, a running search, and the way to forget it all."""

from __future__ import annotations

import streamlit as st

from cellstate.model.device import device_label
from cellstate.ui.resources import model, model_folder_name
from cellstate.ui.session import Session, forget, session
from cellstate.ui.text import literal, plural

SHORT = 28
#: How often a running search is looked at.
_LOOK_S = 2.0


def status_strip() -> None:
    """Draw the strip."""
    state, opened = session(), model()
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="status"):
        if state.loaded is None:
            st.badge("No sample", icon=":material/person_off:", color="gray")
        else:
            names = state.loaded.samples.names
            told = f" (1 of {len(names):,})" if len(names) > 1 else ""
            st.badge(literal(names[state.selected], SHORT) + told, icon=":material/person:", color="blue")
        st.badge(
            f"{literal(model_folder_name(), SHORT)} · {len(opened.space):,} genes",
            icon=":material/network_node:",
            color="gray" if opened.is_trained else "red",
            help="The model." if opened.is_trained else "Random weights: this model is not trained.",
        )
        st.badge(literal(device_label(opened.device), SHORT), icon=":material/memory:", color="gray")
        n = len(state.edits)
        told = ", ".join(edit.label for edit in state.edits)
        st.badge(
            plural(n, "edit") if n else "No edits",
            icon=":material/edit:",
            color="orange" if n else "gray",
            help=literal(told, 400) or None,
        )
        if state.job is not None and not state.job.has_ended:
            with st.container(width="content"):
                _searching(state)
        if state.loaded is not None or state.groups or n:
            st.button(
                "Forget my data",
                icon=":material/delete:",
                type="tertiary",
                key="forget",
                on_click=forget,
                help="Drops your sample, edits and results from this server's memory at once. Nothing was ever "
                "written to disk.",
            )


@st.fragment(run_every=_LOOK_S)
def _searching(state: Session) -> None:
    """Say how far a running search is, and lead to it; nothing once it has ended."""
    job = state.job
    if job is None or job.has_ended:
        return
    step = job.step()
    far = f" {100 * step.done // step.total} %" if step.total else " …"
    st.page_link("pages/regulators.py", label=f"Searching:{far}", icon=":material/hourglass_top:")
