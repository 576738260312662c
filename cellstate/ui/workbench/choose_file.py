"""Choose a sample: an example patient, a file or a pasted table; and what to do about a file that failed."""

from __future__ import annotations

import streamlit as st

from cellstate.expression.reading import ReadReport
from cellstate.formatting import escape_markdown
from cellstate.ui.components.errors import show_error
from cellstate.ui.components.file_input import show_doubts
from cellstate.ui.components.load_samples import (
    confirm_settings,
    examples,
    load_example,
    load_paste,
    load_uploads,
    retry,
)
from cellstate.ui.runtime.reader_process import read_apart
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.detected_settings import preview_table, settings_form

_FORMATS = (
    "CSV, TSV, Excel, GCT, h5ad, or the output of salmon, kallisto, RSEM, STAR and featureCounts, plain or packed. "
    "Counts, TPM, FPKM or their logarithms; Ensembl or Entrez ids or symbols; one sample or many. Several files of one "
    "sample each, dropped together, are read as one table."
)
_PASTE = "gene\tpatient\nTP53\t31.2\nMYC\t88.0\n…"


def choose_file(state: Session) -> None:
    """Draw the three ways to a sample; each reads it and redraws the page."""
    read_apart.warm_up()
    with st.grid(3, min_column_width=280):
        for draw in (_example, _upload, _paste):
            with st.container(border=True, height="stretch"):
                draw(state)


def _example(state: Session) -> None:
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
    st.caption("The model was trained on none of them. Illumina GA measures about 2,200 genes less than HiSeq.")


def _upload(state: Session) -> None:
    st.subheader("Upload a file", anchor=False)
    uploads = st.file_uploader(
        "Tables of gene expression",
        key=f"upload-{state.round}",
        label_visibility="collapsed",
        accept_multiple_files=True,
    )
    st.caption(_FORMATS)
    if uploads:
        load_uploads(uploads)
        st.rerun()


def _paste(state: Session) -> None:
    st.subheader("Paste a table", anchor=False)
    with st.form(f"paste-{state.round}", border=False):
        text = st.text_area(
            "One row a gene, below a row of titles", placeholder=_PASTE, height=116, key=f"pasted-{state.round}"
        )
        is_sent = st.form_submit_button("Read table", icon=":material/content_paste:")
    st.caption("Copied from a spreadsheet or a text file, and read like a file.")
    if is_sent and text.strip():
        load_paste(text)
        st.rerun()


def failed_upload(state: Session) -> None:
    """Draw the file that could not be read, or is read unsurely, with the settings that the user can override."""
    failed = state.failed_upload
    assert failed is not None
    with st.container(border=True):
        if failed.report is None:
            show_error(failed.error, title=f"{escape_markdown(failed.name)} could not be read")
        else:
            show_doubts(failed.name, failed.report, "confirm-settings", confirm_settings)
        if failed.preview is not None:
            left, right = st.columns([3, 2], gap="large")
            with left:
                st.markdown("**Contents of the file**")
                preview_table(failed.preview, key="failed-preview")
            with right:
                st.markdown("**Override settings**")
                detected = failed.report or ReadReport(format=failed.preview.format, unit="")
                wanted = settings_form(detected, failed.overrides, key=f"failed-{state.round}", submit="Try again")
                if wanted is not None:
                    retry(wanted)
                    st.rerun()
        with st.container(horizontal=True, vertical_alignment="center"):
            label = "Close" if failed.preview is None else "Discard this file"
            if st.button(label, icon=":material/close:", key="discard-failed"):
                state.failed_upload = None
                st.rerun()
            kept = "Nothing of this file is kept." if failed.preview is None else "It is kept only while it is shown."
            if state.loaded is not None:
                kept += f" {escape_markdown(state.loaded.samples.names[state.selected])} stays loaded."
            st.caption(kept)
