"""The sample page: bring a file, see what was read and how well it fits, and choose among several samples."""

from __future__ import annotations

import streamlit as st

from cellstate.formatting import escape_markdown
from cellstate.ui.components.errors import guard
from cellstate.ui.components.export_menu import take_along
from cellstate.ui.components.exports import sample_offer
from cellstate.ui.components.layout import heading
from cellstate.ui.runtime.resources import model
from cellstate.ui.state.session import Loaded, Session, session
from cellstate.ui.workbench.choose_file import ways_in
from cellstate.ui.workbench.detected_settings import what_was_read
from cellstate.ui.workbench.failed_upload import refused_file
from cellstate.ui.workbench.name_matching import gene_names
from cellstate.ui.workbench.qc import distribution, fit
from cellstate.ui.workbench.sample_groups import group_editor
from cellstate.ui.workbench.sample_table import picker_key, sample_table


def sample_page() -> None:
    """Draw the sample page."""
    state = session()
    heading("Sample", "Choose one of six real tumours, or bring a table of gene expression.")
    # Its place is always there: a file that is on its way into the box below must not be lost when this comes or goes.
    with st.container(), guard("showing what could not be read"):
        if state.problem is not None:
            refused_file(state)
    with guard("reading the file"):
        if state.loaded is None:
            ways_in(state)
        else:
            with st.expander("Another sample", icon=":material/swap_horiz:", key=f"another-{state.round}"):
                ways_in(state)
    if state.loaded is None:
        st.caption(
            "Once a sample is chosen, this page shows what was read from the file and how well the model knows samples "
            "like it."
        )
        return
    _pick(state, state.loaded)
    left, right = st.columns([3, 2], gap="large")
    with left, guard("judging the sample"):
        fit(state)
    with right, guard("drawing the sample"):
        distribution(state)
        take_along(sample_offer(state, model()))
    if len(state.loaded.samples) > 1:
        _several(state, state.loaded)
    with guard("showing what was read"):
        what_was_read(state, state.loaded)
    with guard("showing the gene names"):
        gene_names(state.loaded)


def _pick(state: Session, loaded: Loaded) -> None:
    names = loaded.samples.names
    st.header(escape_markdown(names[state.selected]), anchor=False)
    if len(names) == 1:
        return
    key = picker_key(state)
    # A row of the table below chooses a sample too, so the box shows what was chosen and not what it held.
    st.session_state[key] = state.selected
    st.selectbox(
        f"The file holds {len(names):,} samples; work with",
        range(len(names)),
        format_func=lambda i: names[i],
        key=key,
        on_change=lambda: state.select(st.session_state[key]),
        width=460,
    )


def _several(state: Session, loaded: Loaded) -> None:
    left, right = st.columns([3, 2], gap="large")
    with left, guard("listing the samples"):
        st.subheader("All samples", anchor=False)
        sample_table(state, loaded, model())
    with right:
        st.subheader("Groups", anchor=False)
        group_editor(state, loaded)
