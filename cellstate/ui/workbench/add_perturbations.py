"""Building edits: of one gene, of a pasted list, or of a gene set."""

from __future__ import annotations

import streamlit as st

from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.ui.components.errors import guard
from cellstate.ui.components.gene_search import QUERY, find_gene
from cellstate.ui.components.share_link import MAX_PERTURBATIONS
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.gene_list import gene_set, pasted_list
from cellstate.ui.workbench.perturbation_form import changes_nothing, edit_form

_WAYS = {"one": "One gene", "list": "A list", "set": "A gene set"}


@st.fragment
def builder(state: Session, opened: Model) -> None:
    """Draw the form of new edits; adding one redraws the page."""
    with st.container(border=True, height="stretch"), guard("preparing an edit"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader("Add an edit", anchor=False, width="content")
            way = st.segmented_control(
                "What to edit",
                list(_WAYS),
                format_func=_WAYS.__getitem__,
                default="one",
                required=True,
                key="way",
                persist_state="session",
                label_visibility="collapsed",
            )
        {"one": _one, "list": pasted_list, "set": gene_set}[way or "one"](state, opened)


def _one(state: Session, opened: Model) -> None:
    gene = find_gene(opened)
    edit = None if gene is None else edit_form(gene, state, opened)
    genes = [entry.perturbation.gene for entry in state.entries]
    replaces = edit is not None and edit.gene in genes
    full = len(genes) >= MAX_PERTURBATIONS and not replaces
    idle = edit is not None and changes_nothing(edit, state, opened)
    # Always drawn, so that the button of the gene before is gone at once and not only when the page is ready.
    st.button(
        "Replace the edit" if replaces else "Add the edit",
        type="primary",
        icon=":material/add:",
        key="add",
        disabled=edit is None or full or idle,
        on_click=_add,
        args=(state, edit),
    )
    if idle:
        st.caption("This is the present level, so nothing would change: choose another.")
    if full:
        st.caption(f"The list holds {MAX_PERTURBATIONS} edits, and no more fit: remove one first.")


def _add(state: Session, edit: Perturbation) -> None:
    """Add an edit, empty the search for the next gene, and draw the whole page anew."""
    state.add(edit)
    st.session_state[QUERY] = ""
    st.rerun()
