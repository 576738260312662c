"""The strip on every page: sample, model, machine, edits, a running search, and the way to forget it all."""

from __future__ import annotations

import streamlit as st

from cellstate.formatting import escape_markdown, plural
from cellstate.model.device import device_label
from cellstate.ui.runtime.resources import model, model_folder_name
from cellstate.ui.runtime.sign_in import sign_out, signed_in_as
from cellstate.ui.state.session import FORGOTTEN, Session, forget, session

SHORT = 28
#: How often a running search is looked at.
_LOOK_S = 2.0


def status_strip() -> None:
    """Draw the strip."""
    if st.session_state.pop(FORGOTTEN, False):
        # Streamlit drops what was downloaded with the run after the next.
        st.rerun()
    state, opened = session(), model()
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="status"):
        _sample(state)
        st.badge(
            f"{escape_markdown(model_folder_name(), SHORT)} · {len(opened.space):,} genes",
            icon=":material/network_node:",
            color="gray" if opened.is_trained else "red",
            help="The model." if opened.is_trained else "Random weights: this model is not trained.",
        )
        st.badge(escape_markdown(device_label(opened.device), SHORT), icon=":material/memory:", color="gray")
        _edits(state)
        if state.job is not None and not state.job.has_ended:
            with st.container(width="content"):
                _searching(state)
        if holds_data(state):
            st.button(
                "Forget my data",
                icon=":material/delete:",
                type="tertiary",
                key="forget",
                on_click=_forget,
                help="Drops your samples, edits and results from this server's memory at once. Nothing was ever "
                "written to disk.",
            )
        if name := signed_in_as():
            st.button(
                f"Sign out {escape_markdown(name, SHORT)}",
                icon=":material/logout:",
                type="tertiary",
                key="sign-out",
                on_click=sign_out,
                help="Forgets your data, too.",
            )


def holds_data(state: Session) -> bool:
    """Return whether there is anything to forget: a file of the user's, an edit, a scenario, or a search."""
    brought = (state.loaded, state.problem, state.reference, state.gene_sets, state.job)
    return any(one is not None for one in brought) or bool(state.groups or state.entries or state.scenarios)


def _sample(state: Session) -> None:
    if state.loaded is None:
        st.badge("No sample", icon=":material/person_off:", color="gray")
        return
    names = state.loaded.samples.names
    of_many = f" ({state.selected + 1:,} of {len(names):,})" if len(names) > 1 else ""
    st.badge(
        escape_markdown(names[state.selected], SHORT) + of_many,
        icon=":material/person:",
        color="blue",
        help=f"The sample, from {escape_markdown(state.loaded.name)}.",
    )


def _edits(state: Session) -> None:
    n = len(state.perturbations)
    st.badge(
        plural(n, "edit") if n else "No edits",
        icon=":material/edit:",
        color="orange" if n else "gray",
        help=escape_markdown(", ".join(edit.label for edit in state.perturbations), 400) or None,
    )


def _forget() -> None:
    forget()
    st.toast("Your samples, edits and results are gone from this server's memory.", icon=":material/delete:")


@st.fragment(run_every=_LOOK_S)
def _searching(state: Session) -> None:
    """Say how far a running search is, and lead to it; nothing once it has ended."""
    job = state.job
    if job is None or job.has_ended:
        return
    step = job.step()
    far = f" {100 * step.done // step.total} %" if step.total else " …"
    st.page_link("pages/regulators.py", label=f"Searching:{far}", icon=":material/hourglass_top:")
