"""The Workbench page: add perturbations, and see the predicted expression change of every gene."""

from __future__ import annotations

import streamlit as st

from cellstate.formatting import escape_markdown, fold_change, plural
from cellstate.model import Model
from cellstate.report.narrative.prediction import RELIABLE_MEANING, agreement_sentence, distance_sentence, size_sentence
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.export_menu import export_menu
from cellstate.ui.components.exports import prediction_export
from cellstate.ui.components.layout import READABLE, hypothesis, metric_row, need_sample
from cellstate.ui.components.predictor_picker import choose_predictor, predictor_sentence
from cellstate.ui.help.glossary import tip
from cellstate.ui.runtime.resources import model
from cellstate.ui.state.session import Session, session
from cellstate.ui.workbench.add_perturbations import add_perturbations
from cellstate.ui.workbench.cohort_map import cohort_section
from cellstate.ui.workbench.combined_perturbations import combined_section
from cellstate.ui.workbench.compare_scenarios import compare_scenarios
from cellstate.ui.workbench.gene_results import genes_section
from cellstate.ui.workbench.pathways import pathway_section
from cellstate.ui.workbench.perturbation_list import perturbation_list
from cellstate.ui.workbench.prediction import PredictionResult, prediction_result
from cellstate.ui.workbench.scenarios import saved_scenarios
from cellstate.ui.workbench.titration import titration_section
from cellstate.viz.columns import CHANGE, GENE, IS_PERTURBED, IS_RELIABLE

#: Views of the prediction; only the open one is computed.
SECTIONS = {
    "Genes": genes_section,
    "Pathways": pathway_section,
    "Cohort map": cohort_section,
    "Combined perturbations": combined_section,
    "Titration": titration_section,
}


def perturb_page() -> None:
    """Draw the page."""
    state = session()
    if state.loaded is None:
        need_sample("Choose a sample first; then knock genes out, reduce or raise them, and compare the predictions.")
        return
    opened = model()
    left, right = st.columns([3, 2], gap="medium")
    with left:
        add_perturbations(state, opened)
    with right, error_boundary("listing the perturbations"):
        perturbation_list(state, opened)
        saved_scenarios(state)
    with error_boundary("predicting the expression change"):
        if state.perturbations:
            _prediction(state, opened)
            compare_scenarios(state, opened)
        elif state.entries:
            st.caption("Every perturbation is switched off. Switch one on to predict its effect.")
        else:
            st.caption("Add a perturbation, and the predicted change of every gene appears here.")


def _prediction(state: Session, opened: Model) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header("Predicted expression change", anchor=False, width="content")
        hypothesis()
        predictor = choose_predictor(opened)
        export = st.container(width="content")
    result = prediction_result(state, opened, predictor)
    with export:
        export_menu(prediction_export(state, opened, result))
    what = f"{escape_markdown(result.sample)} with {escape_markdown(result.perturbations, 400)}."
    st.markdown(f"{what} {predictor_sentence(opened, predictor)}", width=READABLE)
    if result.before.is_ood:
        st.warning(
            "This sample is out of distribution, so no gene of this prediction is reliable.", icon=":material/warning:"
        )
    if n := result.n_unmeasured_perturbed:
        what = plural(n, "perturbed gene is", "perturbed genes are")
        st.info(f"{what} not measured in this sample: the level before is imputed.", icon=":material/info:")
    _figures(result)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Size of the change**")
        st.markdown(size_sentence(result.table, result.over_error, predictor))
        st.caption(distance_sentence(result.before, result.after))
    with right:
        st.markdown("**Agreement with other methods**")
        st.markdown(agreement_sentence(result.agreement, predictor))
    _sections(state, opened, result)


def _figures(result: PredictionResult) -> None:
    rest = result.table[~result.table[IS_PERTURBED]]
    reliable = rest[rest[IS_RELIABLE]]
    gene = escape_markdown(reliable[GENE].iloc[0]) if len(reliable) else "none"
    change = fold_change(float(reliable[CHANGE].iloc[0])) if len(reliable) else "–"
    metric_row(
        [
            ("Largest change", gene, "The reliable gene with the largest predicted change."),
            ("Its change", change, tip("log2 fold change")),
            ("Reliable genes", f"{len(reliable):,} of {len(rest):,}", RELIABLE_MEANING),
        ],
        columns=3,
    )


@st.fragment
def _sections(state: Session, opened: Model, result: PredictionResult) -> None:
    tabs = st.tabs(list(SECTIONS), key="prediction-section", on_change="rerun")
    for tab, (title, draw) in zip(tabs, SECTIONS.items(), strict=True):
        with tab, error_boundary(f"drawing {title.lower()}"):
            if tab.open:
                draw(state, opened, result)
