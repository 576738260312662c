"""Workbench: load a sample, perturb its genes, read the predicted change of all others."""

import streamlit as st

from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.layout import heading
from cellstate.ui.state.session import SAMPLE, session
from cellstate.ui.workbench.perturb import perturb_page
from cellstate.ui.workbench.sample import sample_page
from cellstate.ui.workbench.sample_line import sample_line

state = session()
heading("Workbench", "Load a sample, perturb its genes, and see the predicted change of all others.")
if state.loaded is None:
    sample_page()
else:
    with error_boundary("describing the sample"):
        sample_line(state)
    # Closed for each new file, and not drawn while it is closed.
    details = st.expander(
        "Quality, detected settings, groups, another sample",
        icon=":material/person:",
        key=f"sample-details-{state.turns[SAMPLE]}",
        on_change="rerun",
    )
    with details:
        if details.open:
            sample_page()
    perturb_page()
