"""Saved scenarios: edits under a name, in this session's memory. A link carries edits further."""

from __future__ import annotations

import streamlit as st

from cellstate.formatting import escape_markdown, one_line, plural
from cellstate.ui.components.errors import guard
from cellstate.ui.state.session import Session

MOST_SCENARIOS, MOST_NAME_CHARS = 100, 80
_NAME = "scenario-name"


@st.fragment
def scenarios(state: Session) -> None:
    """Draw the saved scenarios, closed until they are asked for; a change draws the whole page anew."""
    # Without a count: under another title the browser would take it for a new one, and close it.
    place = st.expander("Saved scenarios", icon=":material/bookmarks:", key="scenarios", on_change="rerun")
    with place, guard("showing the scenarios"):
        if place.open:
            _save(state)
            for name in state.scenarios:
                _row(name, state)


def _save(state: Session) -> None:
    if not state.perturbations:
        st.caption("Edits in force can be saved here under a name, and compared with others side by side.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input(
            "Name for the edits in force", key=_NAME, max_chars=MOST_NAME_CHARS, live=True, placeholder="No p53"
        )
        name = usable(typed)
        full = bool(name) and len(state.scenarios | {name: state.perturbations}) > MOST_SCENARIOS
        st.button(
            "Save anew" if name in state.scenarios else "Save",
            type="primary",
            icon=":material/bookmark_add:",
            key="scenario-save",
            disabled=not name or full,
            on_click=_keep,
            args=(state, name),
        )
    if full:
        st.caption(f"{MOST_SCENARIOS} scenarios are saved, the most that are kept: delete one first.")


def _row(name: str, state: Session) -> None:
    edits = state.scenarios[name]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{escape_markdown(name)}**")
            labels = escape_markdown(", ".join(edit.label for edit in edits), 120)
            st.caption(f"{plural(len(edits), 'edit')}: {labels}")
        st.button(
            "Load",
            icon=":material/input:",
            type="tertiary",
            key=f"scenario-load-{name}",
            on_click=_load,
            args=(state, name),
            disabled=edits == state.perturbations == tuple(entry.perturbation for entry in state.entries),
            help="Puts these edits in place of the list; undo brings it back.",
        )
        with st.popover("More", type="tertiary", key=f"scenario-more-{name}"):
            new = st.text_input(
                "Rename to", value=name, key=f"scenario-rename-{name}", max_chars=MOST_NAME_CHARS, live=True
            )
            st.button(
                "Rename",
                icon=":material/edit:",
                key=f"scenario-renamed-{name}",
                disabled=not usable(new) or usable(new) in state.scenarios,
                on_click=_rename,
                args=(state, name, usable(new)),
                help="Another scenario's name cannot be taken.",
            )
            st.button(
                "Delete",
                icon=":material/delete:",
                key=f"scenario-delete-{name}",
                on_click=_delete,
                args=(state, name),
                help="This cannot be undone.",
            )


def usable(typed: str | None) -> str:
    """Return a name as it is kept; empty while it is none."""
    name = one_line(typed or "")
    return name if len(name) <= MOST_NAME_CHARS else ""


def renamed(kept: dict, name: str, new: str) -> dict:
    """Return scenarios in the same order with another name for one of them."""
    return {new if one == name else one: edits for one, edits in kept.items()}


def _keep(state: Session, name: str) -> None:
    state.scenarios[name] = state.perturbations
    st.session_state[_NAME] = ""
    st.rerun()


def _load(state: Session, name: str) -> None:
    state.put(state.scenarios[name])
    st.rerun()


def _rename(state: Session, name: str, new: str) -> None:
    state.scenarios = renamed(state.scenarios, name, new)
    st.rerun()


def _delete(state: Session, name: str) -> None:
    del state.scenarios[name]
    st.rerun()
