"""Evidence: five questions about the model, the reconstruction of this sample, and the model itself."""

import streamlit as st

from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.layout import heading
from cellstate.ui.evidence.benchmarks import quality_page
from cellstate.ui.evidence.model import model_page, training_page
from cellstate.ui.evidence.questions import TAB, questions_page
from cellstate.ui.evidence.reconstruction import accuracy_page

TABS = {
    "Five questions": questions_page,
    "Reconstruction": accuracy_page,
    "Training": training_page,
    "All figures": quality_page,
    "About this model": model_page,
}

heading("Evidence", "Every prediction is a hypothesis. What was measured, and what was not.")
# An address with ``?tab=Training`` opens a tab.
tabs = st.tabs(list(TABS), key=TAB, bind="query-params", on_change="rerun")
for tab, (title, draw) in zip(tabs, TABS.items(), strict=True):
    # Only the open tab is drawn, so only that one is sent to the browser.
    if tab.open:
        with tab, error_boundary(f"drawing {title.lower()}"):
            draw()
