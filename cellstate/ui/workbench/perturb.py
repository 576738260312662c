"""The perturb page: the edits; what they do is shown by `shift_result`."""

from __future__ import annotations

import streamlit as st

from cellstate.ui.components.errors import guard
from cellstate.ui.components.layout import heading, need_sample
from cellstate.ui.runtime.resources import model
from cellstate.ui.state.session import session
from cellstate.ui.workbench.add_perturbations import builder
from cellstate.ui.workbench.compare_scenarios import side_by_side
from cellstate.ui.workbench.perturbation_list import in_force
from cellstate.ui.workbench.results import shift_result
from cellstate.ui.workbench.scenarios import scenarios


def perturb_page() -> None:
    """Draw the page."""
    heading("Perturb", "Edit genes of the selected sample, and see what else would move.")
    state = session()
    if state.loaded is None:
        need_sample("Choose a sample first; then knock genes out, turn them down or up, and compare the answers.")
        return
    opened = model()
    left, right = st.columns([3, 2], gap="medium")
    with left:
        builder(state, opened)
    with right, guard("listing the edits"):
        in_force(state, opened)
        scenarios(state)
    with guard("predicting the shift"):
        if state.perturbations:
            shift_result(state, opened)
            side_by_side(state, opened)
        elif state.entries:
            st.caption("Every edit is switched off. Switch one on, and the predicted shift appears here.")
        else:
            st.caption("Add an edit, and the predicted shift of every gene appears here.")
