"""Three ways to a sample: an example patient, a file, a pasted table."""

from __future__ import annotations

import streamlit as st

from cellstate.ui.components.examples import examples
from cellstate.ui.components.load_samples import load_example, load_paste, load_upload
from cellstate.ui.state.session import Session

_FORMATS = (
    "CSV, TSV, GCT, h5ad, or the output of salmon, kallisto, RSEM, STAR and featureCounts, plain or gzipped. Counts, "
    "TPM, FPKM or their logarithms; Ensembl, Entrez or symbols; one sample or many."
)
_PASTE = "gene\tpatient\nTP53\t31.2\nMYC\t88.0\n…"


def ways_in(state: Session) -> None:
    """Draw the three ways; each reads at once and draws the page anew."""
    with st.grid(3, min_column_width=280):
        with st.container(border=True, height="stretch"):
            _example()
        with st.container(border=True, height="stretch"):
            _file(state)
        with st.container(border=True, height="stretch"):
            _paste(state)


def _example() -> None:
    st.subheader("Example patient", anchor=False)
    shown = examples()
    chosen = st.selectbox(
        "Colorectal tumour of The Cancer Genome Atlas",
        range(len(shown)),
        format_func=lambda i: shown[i].label,
        key="example",
        persist_state="session",
    )
    if st.button("Load", type="primary", icon=":material/person:", key="load-example") and load_example(
        shown[chosen or 0]
    ):
        st.rerun()
    st.caption("The model was trained on none of them. The older sequencer measures about 2,200 genes less.")


def _file(state: Session) -> None:
    st.subheader("My file", anchor=False)
    upload = st.file_uploader("A table of gene expression", key=f"upload-{state.round}", label_visibility="collapsed")
    st.caption(_FORMATS)
    if upload is not None:
        load_upload(upload)
        st.rerun()


def _paste(state: Session) -> None:
    st.subheader("Paste a table", anchor=False)
    with st.form(f"paste-{state.round}", border=False):
        text = st.text_area(
            "Rows of genes, with a title above",
            placeholder=_PASTE,
            height=116,
            key=f"pasted-{state.round}",
        )
        asked = st.form_submit_button("Read it", icon=":material/content_paste:")
    st.caption("Copied from a spreadsheet or a text file. It is read like a file.")
    if asked and text.strip():
        load_paste(text)
        st.rerun()
