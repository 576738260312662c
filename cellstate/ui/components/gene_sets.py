"""Gene sets of the user's own GMT file: brought once, used wherever a page asks for sets."""

from __future__ import annotations

import streamlit as st

from cellstate.formatting import escape_markdown, plural
from cellstate.ui.components.file_input import file_input, loaded_file
from cellstate.ui.components.layout import READABLE
from cellstate.ui.components.load_samples import load_gene_sets
from cellstate.ui.help.glossary import tip
from cellstate.ui.state.session import GENE_SETS, GeneSets, Session

#: A list of more sets is slow in a browser.
MAX_OFFERED = 500


def own_gene_sets(state: Session, place: str) -> GeneSets | None:
    """Let the user bring gene sets, or show which are there with a way to remove them.

    Parameters
    ----------
    state : Session
    place : str
        Begins the keys of the widgets, so that a page can ask twice.
    """
    if (held := state.gene_sets) is None:
        file_input(state, GENE_SETS, "Gene sets (GMT)", load_gene_sets, place=f"{place}-", help=tip("GMT"))
        return None
    what = f"**{escape_markdown(held.name)}**: {plural(len(held.sets), 'gene set')}"
    loaded_file(what, f"{place}-{GENE_SETS}", lambda: state.load_gene_sets(None))
    return held


def choose_gene_set(state: Session, place: str) -> tuple[str, tuple[str, ...]] | None:
    """Let the user bring gene sets and choose one; returns its name and genes, None without a file."""
    held = own_gene_sets(state, place)
    if held is None:
        st.caption("A GMT file holds gene sets, for example the hallmark sets of MSigDB.")
        return None
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
