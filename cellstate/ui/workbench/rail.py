"""The left rail of the workbench: knock out a gene, the list of perturbations, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from cellstate.errors import CellStateError
from cellstate.formatting import escape_markdown
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.ui.components.errors import error_boundary, show_error
from cellstate.ui.components.gene_search import best_match
from cellstate.ui.components.share_link import MAX_PERTURBATIONS
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.add_perturbations import add_perturbations
from cellstate.ui.workbench.perturbation_list import perturbation_list
from cellstate.ui.workbench.scenarios import saved_scenarios

#: The open tab of the results, in session state; "Compare" opens its own.
SECTION, COMPARE = "prediction-section", "Compare"
_FORM_PX = 420


def rail(state: Session, opened: Model) -> None:
    """Draw the rail."""
    with st.container(key="rail", gap="small"):
        with error_boundary("knocking out a gene"):
            _knock_out(state, opened)
        with error_boundary("listing the perturbations"):
            perturbation_list(state, opened)
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
        st.caption(f"The list holds {MAX_PERTURBATIONS} perturbations, the maximum: remove one first.")
        return
    state.add(Perturbation(symbol, "knock-out"))
    if said:
        st.caption(f"{escape_markdown(query)} → **{escape_markdown(symbol)}**: {escape_markdown(said, 200)}")


def _open_compare() -> None:
    st.session_state[SECTION] = COMPARE
