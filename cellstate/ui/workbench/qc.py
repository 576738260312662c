"""Quality control of the selected sample, and the distribution of its expression."""

from __future__ import annotations

import streamlit as st

from cellstate.evaluation.ood import OodScore, ood_scores
from cellstate.evaluation.qc import qc_figures, with_ood_score
from cellstate.formatting import escape_markdown
from cellstate.gene_space import align
from cellstate.model import Model
from cellstate.report.narrative.sample import qc_lines, tissue_sentence
from cellstate.ui.components.layout import chart
from cellstate.ui.runtime.resources import model, queue
from cellstate.ui.state.session import Session
from cellstate.viz import expression_histogram


def distance(state: Session, opened: Model) -> OodScore:
    """Return the distance of the selected sample from the training samples."""

    def compute() -> OodScore:
        with queue().turn():
            return ood_scores([state.prepared(opened)])[0]

    return state.cached("distance", (state.selected, opened.stamp), compute)


def sample_qc(state: Session) -> None:
    """Draw the figures of the selected sample with their grades, and lead on."""
    opened = model()
    found = distance(state, opened)
    sentence = escape_markdown(found.sentence, 400)
    if found.is_ood:
        st.warning(sentence, title="Out of distribution", icon=":material/warning:")
    else:
        st.success(sentence, icon=":material/check_circle:")
    if found.call is not None:
        st.markdown(escape_markdown(tissue_sentence(found.call), 400))
    # Not a table: its columns would be cut off on a phone.
    figures = with_ood_score(qc_figures(state.sample(), opened.space)[0], found.score)
    st.markdown("\n\n".join(qc_lines(figures)))
    if st.button("Accuracy on this sample", icon=":material/target:", key="to-evidence"):
        st.switch_page("pages/evidence.py", query_params={"tab": "Reconstruction"})


def distribution(state: Session) -> None:
    """Draw the distribution of the selected sample's expression."""
    opened, sample = model(), state.sample()
    tpm_G = align(sample, opened.space).tpm_SG[0]
    chart(expression_histogram(tpm_G, opened.space.mean_G, sample=sample.names[0]), key="expression")
