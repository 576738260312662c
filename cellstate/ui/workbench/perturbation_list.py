"""The list of perturbations: switch, change or remove each."""

from __future__ import annotations

import streamlit as st

from cellstate.errors import CellStateError
from cellstate.formatting import escape_markdown
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.perturb.perturbations import Perturbation
from cellstate.report.narrative.answer import short_action
from cellstate.report.narrative.prediction import tpm_text
from cellstate.ui.components.buttons import action_button
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.state.history import Entry
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.gene_level import GeneLevel
from cellstate.ui.workbench.perturbation_form import perturbation_form

#: A longer list scrolls within this height in pixels.
_LONG, _HEIGHT = 6, 330


def perturbation_list(state: Session, opened: Model) -> None:
    """Draw one compact row a perturbation, with the level before and after it."""
    if not state.entries:
        st.caption("No perturbations yet.")
        return
    with st.container(height=_HEIGHT if len(state.entries) > _LONG else "content", border=False, gap="xsmall"):
        for entry in state.entries:
            _row(entry, state, opened)


def _row(entry: Entry, state: Session, opened: Model) -> None:
    one, gene, key = entry.perturbation, entry.perturbation.gene, f"on-{entry.perturbation.gene}"
    name = escape_markdown(gene)
    # Undo and scenarios switch too, so the toggle follows the list.
    st.session_state[key] = entry.on
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap=None):
            st.toggle(
                f"**{name}** {escape_markdown(short_action(one))}",
                key=key,
                on_change=lambda: state.switch(gene, st.session_state[key]),
                wrap=True,
            )
            st.caption(_levels(one, state, opened))
        if st.button("Change", f"change-{gene}", f"Change {name}", type="tertiary"):
            _change(one, state, opened)
        st.button("Remove", f"remove-{gene}", f"Remove {name}", type="tertiary", on_click=state.remove, args=(gene,))


def _levels(one: Perturbation, state: Session, opened: Model) -> str:
    """Return the levels before and after a perturbation, or why it cannot be applied."""
    try:
        level = GeneLevel.of(state.prepared(opened), opened.space.find(one.gene), load_profiles(opened))
        # A knock-out is below every cohort.
        after = "0 TPM" if one.kind == "knock-out" else level.text_after(one)
        return f"{tpm_text(level.tpm)} → {after}"
    except CellStateError as error:
        return escape_markdown(error.message, 200)


@st.dialog("Change a perturbation", on_dismiss="rerun")
def _change(one: Perturbation, state: Session, opened: Model) -> None:
    with error_boundary("changing a perturbation"):
        place = f"change-{one.gene}-"
        changed = perturbation_form(opened.space.find(one.gene), state.prepared(opened), opened, place, one)
        action_button("Apply", "check", f"{place}apply", _replace, state, changed, type="primary")


def _replace(state: Session, changed: Perturbation) -> None:
    """Replace the perturbation of a gene, and redraw the whole page without the dialog."""
    state.add(changed)
    st.rerun()
