"""Finding one gene: a search box that understands every name, and says which gene it took it for."""

from __future__ import annotations

import streamlit as st

from cellstate.errors import GeneError
from cellstate.formatting import escape_markdown
from cellstate.genes import gene_axis
from cellstate.model import Model
from cellstate.ui.components.errors import show_error
from cellstate.ui.components.gene_names import why

#: Where the text of the search box is kept.
QUERY = "gene-query"
_MATCHES = 6


def find_gene(opened: Model, key: str = QUERY) -> int | None:
    """Let the user search by any name; returns the model position of the gene, None while there is none.

    Each search box of a page has a key of its own.
    """
    typed = st.text_input(
        "Find a gene",
        placeholder="TP53, p53, HER2, ENSG00000141510 …",
        icon=":material/search:",
        live=True,
        key=key,
        help="Any name: approved or former symbol, alias, Ensembl or Entrez id.",
    )
    query = (typed or "").strip()
    if not query:
        st.caption("Type a name to begin.")
        return None
    axis = gene_axis()
    found = axis.search(query, limit=4 * _MATCHES)
    covered = {opened.space.find(axis.ensembl[i]): match for i, match in found if opened.space.covers(i)}
    others = [axis.symbol[i] for i, _ in found if not opened.space.covers(i)][:3]
    problem = _problem(query)
    if not covered:
        if others:
            names = ", ".join(escape_markdown(name) for name in others)
            st.warning(f"{names}: not covered by this model, because too few of its training samples express it.")
        elif problem is not None:
            show_error(problem)
        return None
    whys = dict(list(covered.items())[:_MATCHES])
    gene = _choose(query, whys, opened, key)
    symbol = opened.space.symbols[gene]
    if problem is not None and axis.resolve([query]).status[0] != "unknown":
        st.markdown(f"{escape_markdown(problem.message)} **{escape_markdown(symbol)}** is taken here.")
    elif said := why(query, symbol, whys[gene]):
        st.markdown(f"**{escape_markdown(query)} → {escape_markdown(symbol)}**: {escape_markdown(said)}.")
    if others:
        st.caption(f"Not covered by this model: {', '.join(escape_markdown(name) for name in others)}.")
    return gene


def best_match(query: str, opened: Model) -> tuple[str, str]:
    """Return the symbol of the gene that a name means best, and why it is taken; empty where the name is its symbol.

    Raises
    ------
    GeneError
        A name that means no gene, or none that the model covers.
    """
    axis = gene_axis()
    for position, match in axis.search(query, limit=4 * _MATCHES):
        if opened.space.covers(position):
            symbol, problem = axis.symbol[position], _problem(query)
            is_ambiguous = problem is not None and axis.resolve([query]).status[0] != "unknown"
            return symbol, problem.message if problem and is_ambiguous else why(query, symbol, match)
    raise _problem(query) or GeneError(
        f"{query} is not covered by this model.", "Too few of its training samples express it: pick another gene."
    )


def _choose(query: str, whys: dict[int, str], opened: Model, place: str) -> int:
    """Offer the genes that may be meant, the best match first; one alone needs no choice."""
    if len(whys) == 1:
        return next(iter(whys))

    def name(gene: int) -> str:
        other = whys[gene].partition(" ")[2]
        return escape_markdown(opened.space.symbols[gene]) + (f" :gray[{escape_markdown(other)}]" if other else "")

    return st.pills(
        "Matching genes, the best match first",
        list(whys),
        format_func=name,
        default=next(iter(whys)),
        required=True,
        # A choice holds for its query only.
        key=f"match-{query[:60]}" if place == QUERY else f"{place}-match-{query[:60]}",
    )


def _problem(query: str) -> GeneError | None:
    """Return why a name means no one gene; None where it does."""
    try:
        gene_axis().find(query)
    except GeneError as error:
        return error
    return None
