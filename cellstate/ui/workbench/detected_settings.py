"""How a file was read: its first rows, the settings that were detected with a form to override them, its gene names."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from cellstate.expression.reading import COLUMNS, ROWS, ReadReport
from cellstate.formatting import escape_markdown, file_stem, plural
from cellstate.io import READERS, Preview, ReadOptions, to_csv
from cellstate.report.narrative.sample import dates_sentence, match_sentence, n_matched, names_listed
from cellstate.ui.components.layout import READABLE, download_table, metric_row
from cellstate.ui.components.load_samples import preview, read_again
from cellstate.ui.state.session import Loaded, Session

_UNITS = (
    *("counts", "TPM", "FPKM", "CPM", "coverage"),
    *("counts, not length-dependent", "log2(TPM+1)", "log2(TPM+0.001)", "log1p TPM", "log2(FPKM+1)", "log2(counts+1)"),
)
_ID_TYPES = ("ensembl", "transcript", "entrez", "symbol")
_LONG = 400
#: Tables with more columns of numbers offer no list of them.
_MAX_OFFERED = 200
#: What becomes of names that match no gene: status, title and explanation.
_UNMATCHED = (
    ("outside", "Outside", "Known genes that code for no protein, as most files have; left out."),
    ("ambiguous", "Ambiguous", "Names that can mean more than one gene; left out, not guessed."),
    ("date", "Dates", "Names that a spreadsheet turned into dates; left out until repaired."),
    ("unknown", "Unknown", "Names that no gene has or had; left out."),
)


def detected_settings(state: Session, loaded: Loaded) -> None:
    """Draw the first rows of the loaded file beside its settings and the reader's warnings."""
    report = loaded.samples.report
    st.subheader("File and detected settings", anchor=False)
    left, right = st.columns([3, 2], gap="large")
    with left:
        found = state.cached("preview", (), lambda: preview(loaded))
        st.markdown(
            f"**{escape_markdown(loaded.name)}**: {plural(len(loaded.samples), 'sample')}, "
            f"{plural(report.n_genes_read, 'gene name')}. First rows:"
        )
        preview_table(found, key="preview")
    with right:
        st.markdown("**Detected settings**")
        wanted = settings_form(report, loaded.overrides, key=f"settings-{state.round}", submit="Override settings")
        if wanted is not None:
            read_again(wanted)
            st.rerun()
        for warning in report.warnings:
            st.markdown(f":material/info: {escape_markdown(warning, _LONG)}")


def preview_table(found: Preview, key: str) -> None:
    """Draw the first cells of a file as text, and the size of the whole."""
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
        alt="The first rows and columns of the file",
    )
    size = f"Of {plural(found.n_rows, 'row')} and {plural(found.n_columns, 'column')}."
    st.caption(" ".join([size, *(escape_markdown(note, _LONG) for note in found.notes)]))


def settings_form(detected: ReadReport, now: ReadOptions, *, key: str, submit: str) -> ReadOptions | None:
    """Draw the settings, and return them once the user submits the form; an empty box is detected again."""
    st.caption("Grey values were detected. Choose another where one is wrong, and the file is read again.")
    with st.form(key, border=False):
        with st.grid(2, min_column_width=150):
            fmt = _setting("Format", detected.format, tuple(READERS), now.format)
            orientation = _setting("Orientation", detected.orientation, (ROWS, COLUMNS), now.orientation)
            unit = _setting("Unit", detected.unit, _UNITS, now.unit, typed="Or type one, such as log2(TPM+0.01).")
            ids = _setting("Gene names", detected.id_type, _ID_TYPES, now.id_type, typed="Or type a column's title.")
            sheet = _setting("Sheet", detected.sheets[0], detected.sheets, now.sheet) if detected.sheets else now.sheet
        columns = _sample_columns(detected, now)
        is_sent = st.form_submit_button(submit, icon=":material/refresh:")
    return ReadOptions(fmt, orientation, unit, ids, now.repair_dates, columns, sheet) if is_sent else None


def _sample_columns(detected: ReadReport, now: ReadOptions) -> str | None:
    """Let the user tick the columns that are samples; None if those that are read already."""
    names = dict(detected.number_columns)
    if not len(detected.sample_columns) < len(names) <= _MAX_OFFERED:
        return now.columns
    chosen = st.multiselect(
        "Samples",
        list(names),
        default=list(detected.sample_columns),
        format_func=lambda column: escape_markdown(names[column]) or f"column {column}",
        help="Columns of numbers in the file. Those that are not samples describe the genes.",
    )
    is_changed = bool(chosen) and tuple(sorted(chosen)) != detected.sample_columns
    return ",".join(map(str, sorted(chosen))) if is_changed else now.columns


def _setting(label: str, detected: str, options: tuple[str, ...], now: str | None, *, typed: str = "") -> str | None:
    every = options if now is None or now in options else (*options, now)
    return st.selectbox(
        label,
        every,
        index=every.index(now) if now else None,
        placeholder=detected or "automatic",
        accept_new_options=bool(typed),
        help=typed or None,
    )


def name_matching(loaded: Loaded) -> None:
    """Draw the section."""
    report = loaded.samples.report
    st.subheader("Gene names", anchor=False)
    st.markdown(match_sentence(report, loaded.samples.n_measured), width=READABLE)
    counts = [(title, f"{report.status_counts.get(status, 0):,}", text) for status, title, text in _UNMATCHED]
    metric_row([("Matched", f"{n_matched(report):,}", "Names of genes of the axis."), *counts], columns=5)
    if report.dates:
        _dates(loaded)
    summed = pd.DataFrame(report.duplicates, columns=["gene", "names"])
    with st.grid(2, min_column_width=300):
        if report.unmatched:
            _names("Not matched", list(report.unmatched), pd.DataFrame({"name": report.unmatched}), "name", loaded.name)
        if len(summed):
            names = [f"{gene} ({n:,})" for gene, n in report.duplicates]
            _names("Summed from several names", names, summed, "gene", loaded.name)


def _dates(loaded: Loaded) -> None:
    now = loaded.overrides
    with st.container(border=True):
        st.markdown(f":material/calendar_month: {dates_sentence(loaded.samples.report)}")
        label = "Undo the repair" if now.repair_dates else "Repair dates that match one gene"
        if st.button(label, icon=":material/build:", key="repair-dates"):
            read_again(replace(now, repair_dates=not now.repair_dates))
            st.rerun()


def _names(title: str, names: list[str], table: pd.DataFrame, what: str, file: str) -> None:
    key = title.lower().replace(" ", "-")
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{title}:** {names_listed(names)}.")
        download_table(
            lambda: to_csv(table).encode(),
            f"{key}-{file_stem(file)}.csv",
            key=key,
            label=f"Download {plural(len(table), what)}",
        )
