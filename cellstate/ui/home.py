"""The home page: one screen."""

from __future__ import annotations

import streamlit as st

from cellstate.ui.parts import READABLE, start_buttons
from cellstate.ui.session import session

_STEPS = (
    (
        ":material/person: 1. Bring a sample",
        "One tumour's gene expression, as nearly any table writes it. The app says what it read and how well it fits.",
    ),
    (
        ":material/edit: 2. Edit genes",
        "Knock genes out or down, multiply them, or set them to a level. A network says which others would move. Or "
        "name a goal, and **Regulators** ranks the edits that would move the sample toward it.",
    ),
    (
        ":material/target: 3. Doubt the answer",
        "Each answer stands beside what simpler predictors say, with its error on patients that the model never saw.",
    ),
)


def home() -> None:
    """Draw the home page."""
    st.title("What else would move?", anchor=False)
    st.markdown(
        "CellState edits genes in one patient's transcriptome and predicts how all others would shift. "
        "It is a tool for **researchers in gene regulation and cancer biology** who look for hypotheses to test.",
        width=READABLE,
    )
    if session().loaded is None:
        start_buttons("home")
    else:
        with st.container(horizontal=True):
            if st.button("Edit genes", type="primary", icon=":material/edit:", key="home-perturb"):
                st.switch_page("pages/perturb.py")
            if st.button("Search for regulators", icon=":material/hub:", key="home-regulators"):
                st.switch_page("pages/regulators.py")
            if st.button("Another sample", icon=":material/person:", key="home-sample"):
                st.switch_page("pages/sample.py")
    st.space("small")
    with st.grid(3, min_column_width=250):
        for title, text in _STEPS:
            with st.container(border=True, height="stretch"):
                st.markdown(f"**{title}**")
                st.markdown(text)
    st.space("small")
    st.warning(
        "For research only. What it predicts are hypotheses for the laboratory, not advice about a patient. "
        "The model has learned how genes go together in tumours, not what causes what: a real knock-out can do the "
        "opposite.",
        title="What this is not",
        icon=":material/science:",
    )
    st.caption(
        ":material/lock: Your file is read in the memory of the machine that serves this page. It is not written to "
        "disk, nothing is sent elsewhere, and **Forget my data** drops it.",
        width=READABLE,
    )
