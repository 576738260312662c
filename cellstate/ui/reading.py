"""What was read from a file, how well the sample fits the model, and the user's own decisions about the file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from cellstate.errors import some
from cellstate.evaluate import distances
from cellstate.evaluate.distance import Distance
from cellstate.expression import align
from cellstate.io import READERS, Overrides, to_csv
from cellstate.io.table import COLUMNS, ROWS
from cellstate.model import Model
from cellstate.ui.loading import read_again
from cellstate.ui.parts import chart, tiles
from cellstate.ui.resources import model, queue
from cellstate.ui.session import Loaded, Session
from cellstate.ui.text import file_stem, literal, plural
from cellstate.viz import expression_histogram
from cellstate.viz.style import percent

_UNITS = ("counts", "TPM", "FPKM", "CPM", "coverage", "log2(TPM+1)", "log1p TPM", "log2(FPKM+1)", "log2(counts+1)")
_IDS = ("ensembl", "transcript", "entrez", "symbol")
_SHOWN = 8
#: Verdicts in words: a tumour's library detects 14,000 to 18,000 of the axis' genes.
FEW_DETECTED, FEW_MEASURED = 10_000, 0.8


def distance(state: Session, opened: Model) -> Distance:
    """Return how far the selected sample is from the training samples, once a sample."""

    def judge() -> Distance:
        with queue().turn():
            return distances(opened, state.sample())[0]

    return state.once("distance", (state.selected, str(opened.folder)), judge)


def fit(state: Session) -> None:
    """Say how well the model knows samples like the selected one."""
    opened, sample = model(), state.sample()
    far = distance(state, opened)
    aligned = align(sample, opened.space)
    detected = int(sample.detected_genes_S[0])
    share = float(aligned.measured_SG[0].mean())
    reads = float(sample.library_size_S[0])
    tiles(
        [
            ("Genes detected", f"{detected:,}", "Genes of the axis with a value above zero."),
            (
                "Genes measured",
                percent(share),
                "Share of the model's genes. The model's own predictions stand in for the others.",
            ),
            (
                "Distance",
                "unknown" if far.score is None else f"{far.score:.1f}",
                "From the training samples, in spreads of held-out patients: 0 to 2 is typical, beyond 5 is far. The "
                "farthest of five parts counts: residual, state, levels, gene lengths, genes not measured.",
            ),
            (
                "Reads",
                f"{reads / 1e6:,.1f} M" if np.isfinite(reads) else "–",
                "Millions of reads, where the file says; – where it does not.",
            ),
        ]
    )
    sentence = literal(far.sentence, 400)
    if far.flag:
        st.warning(sentence, title="Unlike the training samples", icon=":material/warning:")
    else:
        st.success(sentence, icon=":material/check_circle:")
    for doubt in doubts(detected, share):
        st.warning(doubt, icon=":material/warning:")
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


def doubts(detected: int, share: float) -> list[str]:
    """Return plain sentences about a sample's weaknesses."""
    found = []
    if detected < FEW_DETECTED:
        found.append(
            f"Only {detected:,} genes are detected; a tumour's library usually shows 14,000 or more. It may be shallow."
        )
    if share < FEW_MEASURED:
        found.append(
            f"The file measures {percent(share)} of the model's genes. The model's own predictions stand in for the "
            "others, and are not trusted."
        )
    return found


def what_was_read(loaded: Loaded) -> None:
    """Show the reader's decisions and every warning."""
    report = loaded.samples.report
    st.subheader("What was read", anchor=False)
    found = {k: n for k, n in report.status_counts.items() if k not in ("outside", "ambiguous", "date", "unknown")}
    rows = [
        ("File", literal(loaded.name)),
        ("Format", literal(report.format) + ", " + literal(report.orientation)),
        ("Unit", literal(report.unit) + ("" if report.unit == "TPM" else ", converted to TPM")),
        ("Gene names", literal(report.id_type)),
        ("Names read", f"{report.n_genes_read:,}"),
        ("Matched to a gene", f"{sum(found.values()):,} names, {_genes(loaded):,} genes"),
        ("Outside the 19,383 protein-coding genes", f"{report.status_counts.get('outside', 0):,}"),
        ("Not recognised", f"{len(report.unmatched):,}"),
        ("Names of the same gene, summed", f"{report.n_duplicates:,}"),
        ("Samples", f"{len(loaded.samples):,}"),
    ]
    st.table(pd.DataFrame(rows, columns=["", "What the reader decided"]), hide_index=True, hide_header=True,
             border="horizontal", alt="What was read from the file")  # fmt: skip
    for warning in report.warnings:
        st.markdown(f":material/info: {literal(warning, 400)}")
    if report.unmatched:
        st.markdown(f"Not recognised: {some([literal(name, 30) for name in report.unmatched], _SHOWN)}.")
        st.download_button(
            f"Download {plural(len(report.unmatched), 'name')}",
            lambda: to_csv(pd.DataFrame({"name": report.unmatched})),
            file_name=f"not-recognised-{file_stem(loaded.name)}.csv",
            mime="text/csv",
            icon=":material/download:",
            key="unmatched",
            on_click="ignore",
        )


def decisions(loaded: Loaded) -> None:
    """Let the user decide in the reader's place."""
    with (
        st.expander("Something is not right: decide yourself", icon=":material/tune:"),
        st.form(f"decide-{id(loaded)}", border=False),
    ):
        st.caption("What is left empty, the reader decides. If the file cannot be read so, nothing changes.")
        now = loaded.overrides
        with st.grid(4, min_column_width=180):
            fmt = _decide("Format", tuple(READERS), now.format)
            orientation = _decide("Orientation", (ROWS, COLUMNS), now.orientation)
            unit = _decide("Unit", _UNITS, now.unit)
            ids = _decide("Gene names from", _IDS, now.id_type, new=True)
        if st.form_submit_button("Read the file again", icon=":material/refresh:"):
            read_again(Overrides(fmt, orientation, unit, ids))
            st.rerun()


def _decide(label: str, options: tuple[str, ...], now: str | None, *, new: bool = False) -> str | None:
    every = options if now is None or now in options else (*options, now)
    return st.selectbox(
        label,
        every,
        index=every.index(now) if now else None,
        placeholder="The reader decides",
        accept_new_options=new,
        help="A kind of name, or the title of the column that holds the names." if new else None,
    )


def _genes(loaded: Loaded) -> int:
    return int(loaded.samples.measured_SA.any(axis=0).sum())
