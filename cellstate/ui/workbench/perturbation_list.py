"""The list of edits: each can be switched off and on, changed and removed; every change can be undone."""

from __future__ import annotations

import streamlit as st

from cellstate.errors import CellStateError
from cellstate.formatting import escape_markdown, plural
from cellstate.model import Model
from cellstate.model.profiles import load_profiles
from cellstate.perturb.perturbations import Perturbation
from cellstate.ui.components.errors import guard
from cellstate.ui.state.history import Entry
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.gene_level import GeneLevel, tpm_text
from cellstate.ui.workbench.perturbation_form import after_told, edit_form

#: A longer list scrolls within so many pixels.
_LONG, _HEIGHT = 7, 430
#: Without Ctrl, which takes text back while one is typed.
_UNDO, _REDO = "Alt+Z", "Alt+Y"


def in_force(state: Session, opened: Model) -> None:
    """List the edits with what each makes of its gene, and the ways to change the list."""
    with st.container(border=True, height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader("Edits in force", anchor=False, width="content")
            st.button(
                "Clear all",
                icon=":material/delete_sweep:",
                type="tertiary",
                key="clear",
                on_click=state.clear,
                disabled=not state.entries,
            )
        if not state.entries:
            st.caption("None yet. Several genes can be edited at once.")
        off = len(state.entries) - len(state.perturbations)
        if off:
            st.caption(f"{plural(off, 'edit is', 'edits are')} switched off: kept here, and left out of every result.")
        with st.container(height=_HEIGHT if len(state.entries) > _LONG else "content", border=False, gap="small"):
            for entry in state.entries:
                _row(entry, state, opened)
        with st.container(horizontal=True):
            history = state.history
            st.button(
                "Undo",
                icon=":material/undo:",
                key="undo",
                shortcut=_UNDO,
                on_click=state.undo,
                disabled=not history.past,
            )
            st.button(
                "Redo",
                icon=":material/redo:",
                key="redo",
                shortcut=_REDO,
                on_click=state.redo,
                disabled=not history.future,
            )


def _row(entry: Entry, state: Session, opened: Model) -> None:
    edit, key = entry.perturbation, f"on-{entry.perturbation.gene}"
    # Undo and scenarios switch too, so the list decides and not what the toggle was before.
    st.session_state[key] = entry.on
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap=None):
            st.toggle(
                f"**{escape_markdown(edit.gene)}** {escape_markdown(edit.label.removeprefix(edit.gene))}",
                key=key,
                on_change=lambda: state.switch(edit.gene, st.session_state[key]),
                wrap=True,
            )
            st.caption(_told(edit, state, opened))
        if st.button(
            "Change",
            icon=":material/tune:",
            type="tertiary",
            key=f"change-{edit.gene}",
            help=f"Change the edit of {escape_markdown(edit.gene)}",
        ):
            _change(edit, state, opened)
        st.button(
            "Remove",
            icon=":material/close:",
            type="tertiary",
            key=f"remove-{edit.gene}",
            on_click=state.remove,
            args=(edit.gene,),
            help=f"Remove the edit of {escape_markdown(edit.gene)}",
        )


def _told(edit: Perturbation, state: Session, opened: Model) -> str:
    """Say what an edit makes of its gene's level; why not, where it cannot be applied."""
    try:
        here = GeneLevel.of(state.prepared(opened), opened.space.find(edit.gene), load_profiles(opened))
        return f"{tpm_text(here.tpm)} → {after_told(edit, here)}"
    except CellStateError as error:
        return escape_markdown(error.message, 200)


@st.dialog("Change an edit", on_dismiss="rerun")
def _change(edit: Perturbation, state: Session, opened: Model) -> None:
    with guard("changing an edit"):
        place = f"change-{edit.gene}-"
        changed = edit_form(opened.space.find(edit.gene), state, opened, place, edit)
        st.button(
            "Keep the change",
            type="primary",
            icon=":material/check:",
            key=f"{place}keep",
            on_click=_keep,
            args=(state, changed),
        )


def _keep(state: Session, edit: Perturbation) -> None:
    """Put an edit in the place of the one before, and draw the whole page anew, without the dialog."""
    state.add(edit)
    st.rerun()
