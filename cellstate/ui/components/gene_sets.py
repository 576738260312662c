"""Gene sets: those that come with CellState, or the user's own file, used wherever a page asks for sets."""

from __future__ import annotations

import streamlit as st

from cellstate.formatting import escape_markdown, plural
from cellstate.io import hallmark_sets
from cellstate.ui.components.file_input import file_input, loaded_file
from cellstate.ui.components.layout import READABLE
from cellstate.ui.components.load_samples import load_gene_sets
from cellstate.ui.help.glossary import tip
from cellstate.ui.state.session import GENE_SETS, GeneSets, Session

SHIPPED = "MSigDB Hallmark"
#: A list of more sets is slow in a browser.
MAX_OFFERED = 500


def gene_sets(state: Session, place: str) -> GeneSets:
    """Return the gene sets in use, and let the user replace them by a file.

    Parameters
    ----------
    state : Session
    place : str
        Begins the keys of the widgets, so that a page can ask twice.
    """
    if (held := state.gene_sets) is not None:
        what = f"**{escape_markdown(held.name)}**: {plural(len(held.sets), 'gene set')}"
        loaded_file(what, f"{place}-{GENE_SETS}", lambda: state.load_gene_sets(None))
        return held
    shipped = GeneSets(SHIPPED, hallmark_sets())
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{SHIPPED}**: {plural(len(shipped.sets), 'gene set')}, CC BY 4.0", width="content")
        with st.popover("Use my own sets", type="tertiary", icon=":material/upload_file:", key=f"{place}-own-sets"):
            file_input(state, GENE_SETS, "Gene sets (GMT)", load_gene_sets, place=f"{place}-", help=tip("GMT"))
    return shipped


def choose_gene_set(state: Session, place: str) -> tuple[str, tuple[str, ...]] | None:
    """Let the user choose one gene set; returns its name and genes, None where a search finds none."""
    held = gene_sets(state, place)
    names = _found(held, place, state.turns[GENE_SETS])
    if not names:
        return None
    name = st.selectbox(
        "Gene set",
        names,
        format_func=lambda name: f"{name} ({plural(len(held.sets[name]), 'gene')})",
        key=f"{place}-set-{state.turns[GENE_SETS]}",
        persist_state="session",
        width=READABLE,
    )
    return name, held.sets[name]


def _found(held: GeneSets, place: str, turn: int) -> list[str]:
    """Return the sets to choose from; of many, those whose names have all words that the user types."""
    if len(held.sets) <= MAX_OFFERED:
        return list(held.sets)
    wanted = st.text_input(
        f"Search {len(held.sets):,} gene sets", key=f"{place}-search-{turn}", persist_state="session", width=READABLE
    )
    words = wanted.upper().split()
    names = [name for name in held.sets if all(word in name.upper() for word in words)]
    if len(names) > MAX_OFFERED:
        st.caption(f"{len(names):,} names fit; the first {MAX_OFFERED:,} are offered.")
    elif not names:
        st.caption("No name has these words.")
    return names[:MAX_OFFERED]
