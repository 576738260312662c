"""Gene names of a file: matched, left out, summed, and changed to dates by a spreadsheet."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from cellstate.formatting import file_stem, plural
from cellstate.io import to_csv
from cellstate.report.narrative.sample import dates_sentence, match_sentence, n_matched, names_listed
from cellstate.ui.components.layout import READABLE, download_table, metric_row
from cellstate.ui.components.load_samples import read_again
from cellstate.ui.state.session import Loaded

#: What becomes of names that match no gene: status, title and explanation.
_UNMATCHED = (
    ("outside", "Outside", "Known genes that code for no protein, as most files have; left out."),
    ("ambiguous", "Ambiguous", "Names that can mean more than one gene; left out, not guessed."),
    ("date", "Dates", "Names that a spreadsheet turned into dates; left out until repaired."),
    ("unknown", "Unknown", "Names that no gene has or had; left out."),
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
