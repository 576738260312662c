"""Home: what CellState answers, shown on an example patient, and what to do next."""

import streamlit as st

from cellstate.ui.components.drawings import draw_linked_chart
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.layout import READABLE, heading, hypothesis_header, start_buttons
from cellstate.ui.home import example_answer, next_steps, where_you_are
from cellstate.ui.runtime.resources import model, queue
from cellstate.ui.state.session import session

state = session()
heading(
    "Predict what a knock-out does to a tumour's transcriptome",
    "Perturb genes in one patient's profile, and see what else would change and why to believe it. For research: every "
    "prediction is a hypothesis.",
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
st.caption(":material/lock: Your file stays in this server's memory: never on a disk, never sent elsewhere.")

# What needs the model comes last: a first visitor reads while it is opened.
with error_boundary("opening the model"):
    opened = model()
    if not opened.is_trained:
        st.info("Random weights: this model was not trained on anything.", icon=":material/info:")
    elif state.loaded is None:
        with queue().turn():
            found = example_answer(opened)
        if found is not None:
            hypothesis_header(found.headline)
            st.caption(f"A colorectal tumour of The Cancer Genome Atlas, {found.patient}.")
            draw_linked_chart(found.charts, found.patient, 0)
