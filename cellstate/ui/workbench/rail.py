"""The left rail of the workbench: knock out a gene, the list of perturbations, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from cellstate.errors import CellStateError
from cellstate.formatting import escape_markdown
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.perturb.perturbations import Perturbation
from cellstate.report.narrative.answer import short_action
from cellstate.report.narrative.prediction import tpm_text
from cellstate.ui.components.controls import action_button
from cellstate.ui.components.errors import error_boundary, show_error
from cellstate.ui.components.gene_search import best_match
from cellstate.ui.state.history import MAX_PERTURBATIONS, Entry
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.add_perturbations import add_perturbations
from cellstate.ui.workbench.gene_level import GeneLevel
from cellstate.ui.workbench.perturbation_form import perturbation_form
from cellstate.ui.workbench.scenarios import saved_scenarios

#: The open tab of the results, in session state; "Compare" opens its own.
SECTION, COMPARE = "prediction-section", "Compare"
_FORM_PX = 420
#: A longer list scrolls within this height in pixels.
_LONG, _HEIGHT = 6, 330


def rail(state: Session, opened: Model) -> None:
    """Draw the rail."""
    with st.container(key="rail", gap="small"):
        # What the search says stands in a container of its own: below it, nothing is drawn in the place of another.
        with st.container(gap="small"), error_boundary("knocking out a gene"):
            _knock_out(state, opened)
        with error_boundary("listing the perturbations"):
            _perturbations(state, opened)
        with st.container(horizontal=True, gap="xsmall", key="rail-tools"):
            # Not Ctrl, which undoes text while a user types.
            _tool("Undo", "undo", state.undo, shortcut="Alt+Z", disabled=not state.history.past)
            _tool("Redo", "redo", state.redo, shortcut="Alt+Y", disabled=not state.history.future)
            if len(state.entries) > 1:
                _tool("Clear", "clear", state.clear)
            with st.popover("More", type="tertiary", key="more-ways"), st.container(width=_FORM_PX):
                add_perturbations(state, opened)
            with st.popover("Scenarios", type="tertiary", key="scenarios"), st.container(width=_FORM_PX):
                saved_scenarios(state)
            _tool(COMPARE, "open-compare", _open_compare, disabled=not state.perturbations)


def _tool(label: str, key: str, call: Callable[[], None], **options: Any) -> None:
    st.button(label, key=key, on_click=call, type="tertiary", **options)


def _knock_out(state: Session, opened: Model) -> None:
    """Draw the search; Enter knocks out the best match, and the box stays ready for the next gene."""
    with (
        st.form("knock-out", clear_on_submit=True, border=False),
        st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"),
    ):
        typed = st.text_input(
            "Knock out a gene",
            placeholder="TP53, p53 …",
            icon=":material/search:",
            key="knock-out-query",
            help="Any name: approved or former symbol, alias, Ensembl or Entrez id. Enter adds the best match.",
        )
        is_sent = st.form_submit_button("Add", type="primary", key="knock-out-add")
    query = (typed or "").strip()
    if not is_sent or not query:
        return
    try:
        symbol, said = best_match(query, opened)
    except CellStateError as error:
        show_error(error)
        return
    if len(state.entries) >= MAX_PERTURBATIONS and symbol not in {one.perturbation.gene for one in state.entries}:
        st.warning(f"The list holds {MAX_PERTURBATIONS} perturbations, the maximum: remove one first.")
        return
    state.add(Perturbation(symbol, "knock-out"))
    if said:
        st.caption(f"{escape_markdown(query)} → **{escape_markdown(symbol)}**: {escape_markdown(said, 200)}")


def _perturbations(state: Session, opened: Model) -> None:
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


def _open_compare() -> None:
    st.session_state[SECTION] = COMPARE
