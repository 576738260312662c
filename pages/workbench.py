"""Workbench: load samples, perturb the genes of one and read what else changes, or compare all of them."""

import streamlit as st

from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.layout import START_WITH_REGULATOR, heading, slot
from cellstate.ui.runtime.resources import model
from cellstate.ui.state.session import session
from cellstate.ui.workbench.cohort import cohort_view
from cellstate.ui.workbench.perturb import answer, begin_with_regulator
from cellstate.ui.workbench.rail import rail
from cellstate.ui.workbench.sample import sample_page
from cellstate.ui.workbench.top_bar import COHORT, chosen_view, top_bar

state = session()
if state.loaded is None:
    heading("Workbench", "Load a sample, perturb its genes, and see the predicted change of all others.")
    sample_page()
elif chosen_view(state) == COHORT:
    with error_boundary("ranking the regulators of the cohort"):
        cohort_view(state, model())
else:
    opened = model()
    with slot("start"), error_boundary("choosing a first knock-out"):
        if st.session_state.pop(START_WITH_REGULATOR, False) and not state.entries:
            begin_with_regulator(state, opened)
    bar = top_bar(state, opened)
    with st.container(key="workbench"):
        left, main = st.columns([1, 3], gap="medium")
    with left:
        rail(state, opened)
    with main, error_boundary("predicting the expression change"):
        answer(state, opened, bar)
