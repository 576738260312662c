"""Home: what CellState does, for whom, its limits, and what to do next."""

import streamlit as st

from cellstate.report.narrative.session import measured
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.layout import READABLE, heading, metric_row, start_buttons
from cellstate.ui.home import STEPS, next_steps, where_you_are
from cellstate.ui.runtime.resources import model
from cellstate.ui.state.session import session

state = session()
heading(
    "Predict what a knock-out does to a tumour's transcriptome",
    "CellState perturbs genes in one patient's transcriptome and predicts the change of all others. "
    "It is a tool for **researchers in gene regulation and cancer biology** who look for hypotheses to test.",
)
if state.loaded is None:
    start_buttons("home")
else:
    st.markdown(f":material/play_arrow: {where_you_are(state)}", width=READABLE)
    with st.container(horizontal=True):
        for position, step in enumerate(next_steps(state)):
            is_first = position == 0
            if st.button(
                step.label, type="primary" if is_first else "secondary", icon=step.icon, key=f"home-{step.page}"
            ):
                st.switch_page(f"pages/{step.page}.py")
st.caption(
    ":material/lock: Your file stays in the memory of the machine that serves this page: not on a disk, not sent "
    "elsewhere. **Delete my data** removes it.",
    width=READABLE,
)

with st.grid(3, min_column_width=250):
    for title, text in STEPS:
        with st.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            st.markdown(text)

left, right = st.columns(2, gap="medium")
with left:
    st.warning(
        "For research only. Predictions are hypotheses for the laboratory, not advice about a patient. The model has "
        "learned how genes go together in tumours, not what causes what: a real knock-out can do the opposite.",
        title="Limits",
        icon=":material/science:",
    )
# What needs the model comes last: a first visitor reads while it is opened.
with error_boundary("opening the model"):
    rows = measured(model().record)
    with right:
        if rows:
            metric_row(rows, columns=3)
            st.caption(
                "The share of the gene means' error that the autoencoder and the much simpler PCA remove on held-out "
                "patients; and how well a regulator's own known targets are discriminated from those of others."
            )
            st.page_link("pages/evidence.py", label="Evidence", icon=":material/fact_check:")
        else:
            st.info("Random weights: this model was not trained on anything.", icon=":material/info:")
