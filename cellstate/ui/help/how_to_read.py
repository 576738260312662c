"""The explanation below a view of the prediction, from the Markdown of the help page."""

from __future__ import annotations

import streamlit as st

from cellstate.evaluation.enrichment import LEAST_GENES, LEAST_P, MOST_GENES
from cellstate.report.narrative.prediction import RELIABLE_MEANING
from cellstate.ui.help.content import sections

#: Values of the placeholders in content/how_to_read.md.
VALUES: dict[str, object] = {
    "reliable_meaning": RELIABLE_MEANING,
    "min_p": f"{LEAST_P:g}",
    "min_genes": LEAST_GENES,
    "max_genes": MOST_GENES,
}


def how_to_read(title: str) -> None:
    """Draw an explanation, folded."""
    found = {one.title: one.text for one in sections("how_to_read", **VALUES)}
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(found[title])
