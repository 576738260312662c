"""The sample page: choose, upload, pick; what was read and how well it fits is in `reading`."""

from __future__ import annotations

import streamlit as st

from cellstate.ui.examples import examples
from cellstate.ui.guard import guard, show_error
from cellstate.ui.loading import load_example, load_upload
from cellstate.ui.offers import sample_offer
from cellstate.ui.parts import heading
from cellstate.ui.reading import decisions, distribution, fit, what_was_read
from cellstate.ui.resources import model
from cellstate.ui.session import Loaded, Session, session
from cellstate.ui.take_along import take_along
from cellstate.ui.text import literal

_FORMATS = (
    "CSV, TSV, GCT, h5ad, or the output of salmon, kallisto, RSEM, STAR and featureCounts, plain or gzipped. Counts, "
    "TPM, FPKM or their logarithms; Ensembl, Entrez or symbols; one sample or many."
)


def sample_page() -> None:
    """Draw the sample page."""
    state = session()
    heading("Sample", "Choose one of six real tumours, or bring a table of gene expression.")
    _choose(state)
    if state.problem is not None:
        _problem(state)
    if state.loaded is None:
        st.caption(
            "Once a sample is chosen, this page shows what was read from the file and how well the model knows samples "
            "like it."
        )
        return
    _pick(state, state.loaded)
    with guard("judging the sample"):
        fit(state)
    left, right = st.columns([3, 2], gap="large")
    with left, guard("drawing the sample"):
        distribution(state)
    with right, guard("showing what was read"):
        what_was_read(state.loaded)
        take_along(sample_offer(state, model()))
    with guard("showing the reader's choices"):
        decisions(state.loaded)


def _choose(state: Session) -> None:
    left, right = st.columns(2, gap="medium")
    with left.container(border=True, height="stretch"):
        st.subheader("Example patient", anchor=False)
        shown = examples()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.selectbox(
                "Colorectal tumour of The Cancer Genome Atlas",
                range(len(shown)),
                format_func=lambda i: shown[i].label,
                key="example",
                persist_state="session",
            )
            if st.button("Load", type="primary", key="load-example") and load_example(shown[chosen or 0]):
                st.rerun()
        st.caption("The model was trained on none of them. The older sequencer measures about 2,200 genes less.")
    with right.container(border=True, height="stretch"):
        st.subheader("My file", anchor=False)
        upload = st.file_uploader(
            "A table of gene expression", key=f"upload-{state.round}", label_visibility="collapsed"
        )
        st.caption(_FORMATS)
        if upload is not None:
            load_upload(upload)
            st.rerun()


def _problem(state: Session) -> None:
    assert state.problem is not None
    name, error = state.problem
    show_error(error, title=f"{literal(name)} could not be read")
    if state.loaded is not None:
        st.caption(
            f"Nothing of that file was kept. You still work with {literal(state.loaded.samples.names[state.selected])}."
        )


def _pick(state: Session, loaded: Loaded) -> None:
    names = loaded.samples.names
    st.header(literal(names[state.selected]), anchor=False)
    if len(names) == 1:
        return
    chosen = st.selectbox(
        f"The file holds {len(names):,} samples; work with",
        range(len(names)),
        index=state.selected,
        format_func=lambda i: names[i],
        key=f"pick-{state.round}",
        width=460,
    )
    if chosen is not None and chosen != state.selected:
        state.select(chosen)
        st.rerun()
