"""How well the model knows samples like the selected one, and how its expression is distributed."""

from __future__ import annotations

import streamlit as st

from cellstate.evaluate import distances
from cellstate.evaluate.distance import Distance
from cellstate.evaluate.qc import badge, figures, verdicts
from cellstate.formatting import escape_markdown
from cellstate.gene_space import align
from cellstate.model import Model
from cellstate.ui.components.layout import chart
from cellstate.ui.runtime.resources import model, queue
from cellstate.ui.state.session import Session
from cellstate.viz import expression_histogram


def distance(state: Session, opened: Model) -> Distance:
    """Return how far the selected sample is from the training samples, once a sample."""

    def judge() -> Distance:
        with queue().turn():
            return distances([state.prepared(opened)])[0]

    return state.once("distance", (state.selected, opened.stamp), judge)


def fit(state: Session) -> None:
    """Say how good the selected sample is, and what follows; lead on from there."""
    opened = model()
    far = distance(state, opened)
    sentence = escape_markdown(far.sentence, 400)
    if far.is_ood:
        st.warning(sentence, title="Unlike the training samples", icon=":material/warning:")
    else:
        st.success(sentence, icon=":material/check_circle:")
    told = verdicts(figures(state.sample(), opened.space)[0], far.score)
    # Not a table: its columns would be cut off on a phone.
    lines = [f"{badge(v.grade)} **{v.what}: {v.value}.** {v.follows}" for v in told]
    st.markdown("\n\n".join(lines))
    with st.container(horizontal=True):
        if st.button("Edit genes of this sample", type="primary", icon=":material/edit:", key="to-perturb"):
            st.switch_page("pages/perturb.py")
        if st.button("How accurate is the model here?", icon=":material/target:", key="to-accuracy"):
            st.switch_page("pages/accuracy.py")


def distribution(state: Session) -> None:
    """Draw how the selected sample's expression is distributed."""
    opened, sample = model(), state.sample()
    tpm_G = align(sample, opened.space).tpm_SG[0]
    chart(expression_histogram(tpm_G, opened.space.mean_G, sample=sample.names[0]), key="expression")
