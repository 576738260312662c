"""Evidence: the reconstruction of this sample, the model's benchmarks, and the model itself."""

import streamlit as st

from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.layout import heading
from cellstate.ui.evidence.benchmarks import quality_page
from cellstate.ui.evidence.model import model_page
from cellstate.ui.evidence.reconstruction import accuracy_page

TABS = {"Reconstruction": accuracy_page, "Benchmarks": quality_page, "Model": model_page}

heading("Evidence", "How well the model predicts: this sample, held-out patients, real experiments; and what it is.")
# An address with ``?tab=Model`` opens a tab.
tabs = st.tabs(list(TABS), key="tab", bind="query-params", on_change="rerun")
for tab, (title, draw) in zip(tabs, TABS.items(), strict=True):
    # Only the open tab is drawn, so only that one is sent to the browser.
    if tab.open:
        with tab, error_boundary(f"drawing {title.lower()}"):
            draw()
