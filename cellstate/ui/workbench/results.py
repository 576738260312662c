"""What the edits in force do to the sample: figures, table and words of the perturb page."""

from __future__ import annotations

import streamlit as st

from cellstate.formatting import escape_markdown, plural
from cellstate.model import Model
from cellstate.ui.components.errors import guard
from cellstate.ui.components.export_menu import take_along
from cellstate.ui.components.exports import shift_offer
from cellstate.ui.components.layout import READABLE, hypothesis, tiles
from cellstate.ui.components.predictor_picker import who_predicts, who_sentence
from cellstate.ui.help.glossary import tip
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.cohort_map import cohort_section
from cellstate.ui.workbench.combined_perturbations import edits_section
from cellstate.ui.workbench.gene_results import genes_section
from cellstate.ui.workbench.pathways import pathway_section
from cellstate.ui.workbench.prediction import (
    PredictionResult,
    agreement_sentence,
    cloud_sentence,
    prediction_result,
    size_sentence,
)
from cellstate.ui.workbench.titration import dose_section

#: What is shown of the answer, one at a time: only the open one is computed.
SECTIONS = {
    "Genes": genes_section,
    "Pathways": pathway_section,
    "Cohort map": cohort_section,
    "Several edits": edits_section,
    "Doses": dose_section,
}


def shift_result(state: Session, opened: Model) -> None:
    """Show what the edits in force would do to the selected sample."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header("Predicted shift", anchor=False, width="content")
        hypothesis()
        predictor = who_predicts(opened)
        along = st.container(width="content")
    found = prediction_result(state, opened, predictor)
    with along:
        take_along(shift_offer(state, opened, found))
    st.markdown(
        f"{escape_markdown(found.sample)} with {escape_markdown(found.perturbations, 400)}. {who_sentence(opened, predictor)}",
        width=READABLE,
    )
    if found.before.is_ood:
        st.warning(
            "This sample is unlike the training samples, so no gene of this prediction is trusted.",
            icon=":material/warning:",
        )
    if found.n_unmeasured_edited:
        st.info(
            f"{plural(found.n_unmeasured_edited, 'edited gene is', 'edited genes are')} not measured in this sample: "
            "the edit starts from the model's own prediction.",
            icon=":material/info:",
        )
    _numbers(found)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**How large is it?**")
        st.markdown(size_sentence(found.table, found.over_error, predictor))
        st.caption(cloud_sentence(found.before, found.after))
    with right:
        st.markdown("**Do the others agree?**")
        st.markdown(agreement_sentence(found.agreement, predictor))
    _sections(state, opened, found)


@st.fragment
def _sections(state: Session, opened: Model, found: PredictionResult) -> None:
    tabs = st.tabs(list(SECTIONS), key="shift-section", on_change="rerun")
    for tab, (title, draw) in zip(tabs, SECTIONS.items(), strict=True):
        with tab, guard(f"drawing {title.lower()}"):
            if tab.open:
                draw(state, opened, found)


def _numbers(found: PredictionResult) -> None:
    rest = found.table[~found.table["is_perturbed"]]
    trusted = rest[rest["is_reliable"]]
    first = escape_markdown(trusted["gene"].iloc[0]) if len(trusted) else "none"
    shift = f"{trusted['log2_fold_change'].iloc[0]:+.2g}" if len(trusted) else "–"
    tiles(
        [
            ("Shifts most", first, "The gene that shifts most among those trusted."),
            ("Its shift (log2)", shift, tip("log2 fold change")),
            ("Trusted genes", f"{len(trusted):,}", f"Of {len(rest):,} that were not edited. See how to read this."),
        ],
        columns=3,
    )
