"""The sample page: choose a file, check its quality and its settings, and select one of several samples."""

from __future__ import annotations

import streamlit as st

from cellstate.evaluation.qc import qc_figures, with_ood_score
from cellstate.formatting import escape_markdown
from cellstate.gene_space import align
from cellstate.report.narrative.sample import qc_lines, tissue_sentence
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.export_menu import export_menu
from cellstate.ui.components.exports import sample_export
from cellstate.ui.components.layout import chart
from cellstate.ui.runtime.resources import model
from cellstate.ui.state.prediction import distance
from cellstate.ui.state.session import Loaded, Session, session
from cellstate.ui.workbench.choose_file import choose_file, failed_upload
from cellstate.ui.workbench.detected_settings import detected_settings, name_matching
from cellstate.ui.workbench.sample_groups import sample_groups
from cellstate.ui.workbench.sample_table import picker_key, sample_table
from cellstate.viz import expression_histogram


def sample_page() -> None:
    """Draw the sample page."""
    state = session()
    # Always drawn: the file box below keeps its place, and a file on its way into it is not lost.
    with st.container(), error_boundary("showing the file that could not be read"):
        if state.failed_upload is not None:
            failed_upload(state)
    with error_boundary("reading the file"):
        if state.loaded is None:
            choose_file(state)
        else:
            with st.expander("Choose another sample", icon=":material/swap_horiz:", key=f"another-{state.round}"):
                choose_file(state)
    if state.loaded is None:
        st.caption("The quality of the sample and its distance from the training samples appear here.")
        return
    _picker(state, state.loaded)
    left, right = st.columns([3, 2], gap="large")
    with left, error_boundary("checking the quality"):
        _quality(state)
    with right, error_boundary("drawing the sample"):
        _distribution(state)
        export_menu(sample_export(state, model()))
    if len(state.loaded.samples) > 1:
        all_samples(state, state.loaded)
    with error_boundary("showing the file"):
        detected_settings(state, state.loaded)
    with error_boundary("showing the gene names"):
        name_matching(state.loaded)


def _picker(state: Session, loaded: Loaded) -> None:
    names = loaded.samples.names
    st.header(escape_markdown(names[state.selected]), anchor=False)
    if len(names) == 1:
        return
    key = picker_key(state)
    # A row of the table below selects a sample too, so the box follows the session.
    st.session_state[key] = state.selected
    st.selectbox(
        f"Sample, of {len(names):,} in the file",
        range(len(names)),
        format_func=lambda i: names[i],
        key=key,
        on_change=lambda: state.select(st.session_state[key]),
        width=460,
    )


def _quality(state: Session) -> None:
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


def _distribution(state: Session) -> None:
    """Draw the distribution of the selected sample's expression."""
    opened, sample = model(), state.sample()
    tpm_G = align(sample, opened.space).tpm_SG[0]
    chart(expression_histogram(tpm_G, opened.space.mean_G, sample=sample.names[0]), key="expression")


def all_samples(state: Session, loaded: Loaded, drawn: int | None = None) -> None:
    """Draw the table of all samples, and their groups; ``drawn`` is that of `sample_groups`."""
    left, right = st.columns([3, 2], gap="large")
    with left, error_boundary("listing the samples"):
        st.subheader("All samples", anchor=False)
        sample_table(state, loaded, model())
    with right:
        st.subheader("Groups", anchor=False)
        sample_groups(state, loaded, drawn)
