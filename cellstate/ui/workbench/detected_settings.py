"""What a file holds, beside what the reader decided about it and the user's own decisions."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cellstate.formatting import escape_markdown, plural
from cellstate.io import READERS, Preview, ReadOptions, preview_file
from cellstate.io.raw_table import COLUMNS, ROWS
from cellstate.samples import ReadReport
from cellstate.ui.components.load_samples import read_again
from cellstate.ui.state.session import Loaded, Session

_UNITS = (
    *("counts", "TPM", "FPKM", "CPM", "coverage"),
    *("log2(TPM+1)", "log2(TPM+0.001)", "log1p TPM", "log2(FPKM+1)", "log2(counts+1)"),
)
_IDS = ("ensembl", "transcript", "entrez", "symbol")
_LONG = 400


def what_was_read(state: Session, loaded: Loaded) -> None:
    """Draw the first rows of the file, beside the reader's decisions and what it warns of."""
    report = loaded.samples.report
    st.subheader("What was read", anchor=False)
    left, right = st.columns([3, 2], gap="large")
    with left:
        found = state.cached("preview", (), lambda: preview_file(loaded.source, loaded.name, loaded.overrides))
        st.markdown(
            f"**{escape_markdown(loaded.name)}**, {plural(len(loaded.samples), 'sample')} and "
            f"{plural(report.n_genes_read, 'gene name')}. The first rows, as they stand:"
        )
        preview_table(found, key="preview")
    with right:
        st.markdown("**What the reader decided**")
        wanted = choices(report, loaded.overrides, key=f"decide-{state.round}", ask="Read the file again")
        if wanted is not None:
            read_again(wanted)
            st.rerun()
        for warning in report.warnings:
            st.markdown(f":material/info: {escape_markdown(warning, _LONG)}")


def preview_table(found: Preview, key: str) -> None:
    """Draw the first cells of a file as raw text, and what there is beyond them."""
    # Titles may repeat or be empty, so columns are numbered and carry their title as a label.
    columns = [str(c) for c in range(len(found.header))]
    st.dataframe(
        pd.DataFrame(list(found.rows), columns=columns, dtype=str),
        hide_index=True,
        height="content",
        column_config={
            c: st.column_config.TextColumn(title or " ") for c, title in zip(columns, found.header, strict=True)
        },
        key=key,
        alt="The first rows and columns of the file, as they stand",
    )
    size = f"Of {plural(found.n_rows, 'row')} and {plural(found.n_columns, 'column')}."
    st.caption(" ".join([size, *(escape_markdown(note, _LONG) for note in found.notes)]))


def choices(decided: ReadReport, now: ReadOptions, *, key: str, ask: str) -> ReadOptions | None:
    """Let the user decide in the reader's place, and return that when it is asked for; the reader decides the rest."""
    st.caption("Grey is the reader's choice. Choose another where it is wrong, and the file is read again.")
    with st.form(key, border=False):
        with st.grid(2, min_column_width=150):
            fmt = _choose("Format", decided.format, tuple(READERS), now.format)
            orientation = _choose("Orientation", decided.orientation, (ROWS, COLUMNS), now.orientation)
            unit = _choose("Unit", decided.unit, _UNITS, now.unit, typed="Or type one, such as log2(TPM+0.01).")
            ids = _choose("Gene names from", decided.id_type, _IDS, now.id_type, typed="Or type a column's title.")
        asked = st.form_submit_button(ask, icon=":material/refresh:")
    return ReadOptions(fmt, orientation, unit, ids, now.repair_dates) if asked else None


def _choose(label: str, decided: str, options: tuple[str, ...], now: str | None, *, typed: str = "") -> str | None:
    every = options if now is None or now in options else (*options, now)
    return st.selectbox(
        label,
        every,
        index=every.index(now) if now else None,
        placeholder=decided or "automatic",
        accept_new_options=bool(typed),
        help=typed or None,
    )
