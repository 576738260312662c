"""Saved scenarios: perturbations under a name, in this session's memory. A link carries perturbations further."""

from __future__ import annotations

import streamlit as st

from cellstate.formatting import escape_markdown, one_line, plural
from cellstate.ui.components.controls import action_button
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.state.session import Session

MAX_SCENARIOS, MAX_CHARS = 100, 80
_NAME = "scenario-name"


@st.fragment
def saved_scenarios(state: Session) -> None:
    """Draw the saved scenarios; a change redraws the whole page."""
    with error_boundary("showing the scenarios"):
        _save(state)
        for name in state.scenarios:
            _row(name, state)


def _save(state: Session) -> None:
    if not state.perturbations:
        st.caption("Perturbations can be saved here under a name, and compared with others.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input("Name of the scenario", key=_NAME, max_chars=MAX_CHARS, live=True, placeholder="No p53")
        name = usable(typed)
        is_full = bool(name) and len(state.scenarios.keys() | {name}) > MAX_SCENARIOS
        label, is_disabled = "Replace" if name in state.scenarios else "Save", not name or is_full
        action_button(label, "bookmark_add", "scenario-save", _keep, state, name, type="primary", disabled=is_disabled)
    if is_full:
        st.caption(f"{MAX_SCENARIOS} scenarios are saved, the maximum: delete one first.")


def _row(name: str, state: Session) -> None:
    kept = state.scenarios[name]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{escape_markdown(name)}**")
            labels = escape_markdown(", ".join(one.label for one in kept), 120)
            st.caption(f"{plural(len(kept), 'perturbation')}: {labels}")
        is_present = kept == state.perturbations == tuple(entry.perturbation for entry in state.entries)
        text = "Replaces the present perturbations; undo restores them."
        key = f"scenario-load-{name}"
        action_button("Load", "input", key, _load, state, name, type="tertiary", disabled=is_present, help=text)
        with st.popover("Edit", type="tertiary", key=f"scenario-more-{name}"):
            key = f"scenario-rename-{name}"
            new = usable(st.text_input("Rename to", value=name, key=key, max_chars=MAX_CHARS, live=True))
            is_disabled = not new or new in state.scenarios
            action_button("Rename", "edit", f"scenario-renamed-{name}", _rename, state, name, new, disabled=is_disabled)
            text = "This cannot be undone."
            action_button("Delete", "delete", f"scenario-delete-{name}", _delete, state, name, help=text)


def usable(typed: str | None) -> str:
    """Return a name as it is kept; empty where it is not usable."""
    name = one_line(typed or "")
    return name if len(name) <= MAX_CHARS else ""


def _keep(state: Session, name: str) -> None:
    state.scenarios[name] = state.perturbations
    st.session_state[_NAME] = ""
    st.rerun()


def _load(state: Session, name: str) -> None:
    state.put(state.scenarios[name])
    st.rerun()


def _rename(state: Session, name: str, new: str) -> None:
    state.scenarios = {new if one == name else one: kept for one, kept in state.scenarios.items()}
    st.rerun()


def _delete(state: Session, name: str) -> None:
    del state.scenarios[name]
    st.rerun()
