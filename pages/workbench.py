"""Workbench: load a sample, perturb its genes, read the predicted change of all others."""

import streamlit as st

from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.layout import heading
from cellstate.ui.state.session import session
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
    # Closed and not drawn for each newly loaded file, but open where the next file could not be read.
    details = st.expander(
        "Quality, detected settings, groups, another sample",
        icon=":material/person:",
        expanded=state.failed_upload is not None,
        key=f"sample-details-{state.round}",
        on_change="rerun",
    )
    with details:
        if details.open:
            sample_page()
    perturb_page()
