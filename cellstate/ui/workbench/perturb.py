"""The answer of the workbench: headline, evidence, linked charts, and the views below them."""

from __future__ import annotations

import streamlit as st

from cellstate.evaluation.suggestion import suggest_knock_out
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.report.narrative.answer import headline, headline_help
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.evidence_card import evidence_card
from cellstate.ui.components.export_menu import export_menu
from cellstate.ui.components.exports import prediction_export
from cellstate.ui.components.layout import hypothesis_header, slot
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.prediction import PredictionResult, prediction_result
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.cohort_map import cohort_section
from cellstate.ui.workbench.combined_perturbations import combined_section
from cellstate.ui.workbench.compare_scenarios import compare_section
from cellstate.ui.workbench.gene_results import gene_charts, table_section
from cellstate.ui.workbench.methods import methods_section
from cellstate.ui.workbench.pathways import pathway_section
from cellstate.ui.workbench.rail import COMPARE, SECTION
from cellstate.ui.workbench.titration import titration_section
from cellstate.ui.workbench.top_bar import TopBar

#: Views of the prediction; only the open one is computed.
SECTIONS = {
    "Table": table_section,
    "Pathways": pathway_section,
    "Cohort": cohort_section,
    "Perturbations": combined_section,
    "Titration": titration_section,
    "Methods": methods_section,
    COMPARE: compare_section,
}


def answer(state: Session, opened: Model, bar: TopBar) -> None:
    """Draw the prediction of the present perturbations, or how to begin."""
    if not state.perturbations:
        _begin(state, opened)
        return
    with slot("prediction"):
        result = prediction_result(state, opened, bar.predictor)
    with bar.export:
        export_menu(prediction_export(state, opened, result))
    said = headline(state.perturbations, result.table)
    hypothesis_header(said, headline_help())
    genes = [one.gene for one in state.perturbations]
    evidence_card(result.evidence, opened, result.predictor, genes=genes)
    _views(state, opened, result)


def begin_with_regulator(state: Session, opened: Model) -> None:
    """Knock out a transcription factor that the model suggests for the sample."""
    with queue().turn():
        symbol = suggest_knock_out(state.prepared(opened))
    if symbol is not None:
        state.put([Perturbation(symbol, "knock-out")])


def _begin(state: Session, opened: Model) -> None:
    with st.container(border=True):
        if state.entries:
            st.subheader("Every perturbation is switched off", anchor=False)
            st.markdown("Switch one on to predict its effect.")
            return
        st.subheader("Knock out a gene", anchor=False)
        st.markdown("Type its name and press Enter. The predicted change of every other gene appears here.")
        if st.button("Knock out a regulator of this sample", icon=":material/lightbulb:", key="suggest"):
            begin_with_regulator(state, opened)
            st.rerun()


@st.fragment
def _views(state: Session, opened: Model, result: PredictionResult) -> None:
    with error_boundary("drawing the charts"):
        gene_charts(state, opened, result)
    tabs = st.tabs(list(SECTIONS), key=SECTION, on_change="rerun")
    for tab, (title, draw) in zip(tabs, SECTIONS.items(), strict=True):
        with tab, error_boundary(f"drawing {title.lower()}"):
            if tab.open:
                draw(state, opened, result)
