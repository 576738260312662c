"""The strip above every page: sample, model, device, perturbations, a running search, and "Delete my data"."""

from __future__ import annotations

import streamlit as st

from cellstate.formatting import escape_markdown, percent, plural
from cellstate.model.network import device_label
from cellstate.ui.components.model_choice import model_picker
from cellstate.ui.runtime.resources import is_chosen_by_server, model, model_folder_name
from cellstate.ui.runtime.sign_in import sign_out, signed_in_as
from cellstate.ui.state.session import DELETED, Session, delete_my_data, session

MAX_CHARS = 28
#: Polling interval of a running search, in seconds.
_POLL_S = 2.0


def status_strip() -> None:
    """Draw the strip."""
    if st.session_state.pop(DELETED, False):
        # Streamlit drops downloads with the run after the next.
        st.rerun()
    state, opened = session(), model()
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="status"):
        _sample(state)
        label = f"{escape_markdown(model_folder_name(), MAX_CHARS)} · {len(opened.space):,} genes"
        if is_chosen_by_server():
            st.badge(
                label,
                icon=":material/network_node:",
                color="gray" if opened.is_trained else "red",
                help="The model." if opened.is_trained else "Random weights: this model is not trained.",
            )
        else:
            model_picker(state, opened, label)
        # Not on a phone, where the answer needs the room.
        with st.container(horizontal=True, width="content", gap="xsmall", key="status-more"):
            st.badge(escape_markdown(device_label(opened.device), MAX_CHARS), icon=":material/memory:", color="gray")
            _perturbations(state)
        if state.is_searching:
            with st.container(width="content"):
                _search(state)
        if state.has_data:
            st.button(
                "Delete my data",
                icon=":material/delete:",
                type="tertiary",
                key="delete-data",
                on_click=_delete,
                help="Deletes your samples, perturbations and results from this server's memory at once. Nothing was "
                "ever written to disk.",
            )
        if name := signed_in_as():
            st.button(
                f"Sign out {escape_markdown(name, MAX_CHARS)}",
                icon=":material/logout:",
                type="tertiary",
                key="sign-out",
                on_click=sign_out,
                help="Deletes your data, too.",
            )


def _sample(state: Session) -> None:
    if state.loaded is None:
        st.badge("No sample", icon=":material/person_off:", color="gray")
        return
    names = state.loaded.samples.names
    of_many = f" ({state.selected + 1:,} of {len(names):,})" if len(names) > 1 else ""
    st.badge(
        escape_markdown(names[state.selected], MAX_CHARS) + of_many,
        icon=":material/person:",
        color="blue",
        help=f"The sample, from {escape_markdown(state.loaded.name)}.",
    )


def _perturbations(state: Session) -> None:
    n = len(state.perturbations)
    st.badge(
        plural(n, "perturbation") if n else "No perturbations",
        icon=":material/edit:",
        color="orange" if n else "gray",
        help=escape_markdown(", ".join(item.label for item in state.perturbations), 400) or None,
    )


def _delete() -> None:
    delete_my_data()
    st.toast("Your samples, perturbations and results are deleted from this server's memory.", icon=":material/delete:")


@st.fragment(run_every=_POLL_S)
def _search(state: Session) -> None:
    """Draw the progress of a running search as a link to it; nothing once it has ended."""
    job = state.job
    if job is None or job.has_ended:
        return
    step = job.step()
    progress = percent(step.done / step.total) if step.total else "…"
    st.page_link("pages/candidates.py", label=f"Searching: {progress}", icon=":material/hourglass_top:")
