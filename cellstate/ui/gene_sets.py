"""Gene sets of the user's own GMT file: brought once, used wherever a page asks for sets."""

from __future__ import annotations

import streamlit as st

from cellstate.ui.guard import show_error
from cellstate.ui.loading import load_gene_sets
from cellstate.ui.session import GENE_SETS, GeneSets, Session
from cellstate.ui.text import literal, plural


def own_gene_sets(state: Session, place: str) -> GeneSets | None:
    """Let the user bring gene sets, or show which are there with a way to remove them.

    Parameters
    ----------
    state : Session
    place : str
        Begins the keys of the widgets, so that a page can ask twice.
    """
    if state.gene_sets is None:
        upload = st.file_uploader(
            "Gene sets (GMT)",
            key=f"{place}-{GENE_SETS}-{state.turns[GENE_SETS]}",
            help="One set a line: name, description and genes with tabs between them, as MSigDB and Enrichr offer.",
        )
        if upload is not None:
            load_gene_sets(upload)
            st.rerun()
        if GENE_SETS in state.refused:
            name, error = state.refused[GENE_SETS]
            show_error(error, title=f"{literal(name)} could not be read")
            st.caption("Nothing of that file was kept.")
        return None
    held = state.gene_sets
    with st.container(horizontal=True, vertical_alignment="center"):
        told = f":material/check_circle: **{literal(held.name)}**: {plural(len(held.sets), 'gene set')}"
        st.markdown(told, width="stretch")
        if st.button("Remove", icon=":material/close:", type="tertiary", key=f"{place}-remove-{GENE_SETS}"):
            state.load_gene_sets(None)
            st.rerun()
    return held
