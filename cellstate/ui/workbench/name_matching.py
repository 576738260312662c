"""Gene names of a file: how many mean a gene, which do not, which were summed, and which a spreadsheet spoilt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import floor

import pandas as pd
import streamlit as st

from cellstate.errors import summarise_list
from cellstate.formatting import escape_markdown, file_stem, percent, plural
from cellstate.genes import FOUND, N_AXIS
from cellstate.io import to_csv
from cellstate.samples import ReadReport
from cellstate.ui.components.layout import READABLE, download_table, tiles
from cellstate.ui.components.load_samples import read_again
from cellstate.ui.state.session import Loaded

#: Names that a sentence lists.
_SHOWN, _DATES_SHOWN = 8, 6
_NAME = 30


def gene_names(loaded: Loaded) -> None:
    """Draw the section."""
    report = loaded.samples.report
    st.subheader("Gene names", anchor=False)
    st.markdown(match_sentence(report, loaded.samples.n_measured), width=READABLE)
    tiles(match_tiles(report), columns=5)
    stem = file_stem(loaded.name)
    if report.dates:
        _dates(loaded)
    with st.grid(2, min_column_width=300):
        if report.unmatched:
            with st.container(border=True, height="stretch"):
                _left_out(report, stem)
        if report.duplicates:
            with st.container(border=True, height="stretch"):
                _summed(report, stem)


def match_sentence(report: ReadReport, n_genes: int) -> str:
    """Say how many names mean a gene.

    Parameters
    ----------
    report : ReadReport
    n_genes : int
        Genes of the axis that the file measures.
    """
    found = n_found(report)
    # Rounded down: what is not all is never called 100 %.
    share = floor(100 * found / max(report.n_genes_read, 1)) / 100
    return (
        f"**{found:,} of {report.n_genes_read:,} names ({percent(share)})** mean a gene that CellState knows: the file "
        f"measures {n_genes:,} of its {N_AXIS:,} protein-coding genes."
    )


def match_tiles(report: ReadReport) -> list[tuple[str, str, str]]:
    """Return what became of the names: (label, value, help)."""
    count = report.status_counts.get
    return [
        ("Matched", f"{n_found(report):,}", "Names that mean one of the genes that CellState knows."),
        ("Outside", f"{count('outside', 0):,}", "Known genes that code for no protein, as most files have; left out."),
        ("Ambiguous", f"{count('ambiguous', 0):,}", "Names that could mean more than one gene; left out, not guessed."),
        ("Dates", f"{count('date', 0):,}", "Names that a spreadsheet turned into dates; left out until repaired."),
        ("Unknown", f"{count('unknown', 0):,}", "Names that no gene has, or had; left out."),
    ]


def n_found(report: ReadReport) -> int:
    """Return how many names mean a gene."""
    return sum(report.status_counts.get(status, 0) for status in FOUND)


def dates_sentence(dates: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Say which names look like dates, and what they may have been."""
    told = [f"{escape_markdown(name, _NAME)} ({' or '.join(symbols) or 'no known gene'})" for name, symbols in dates]
    verb = "name looks like a date" if len(dates) == 1 else "names look like dates"
    return f"{len(dates):,} {verb}: {summarise_list(told, _DATES_SHOWN)}."


def repaired_sentence(report: ReadReport) -> str:
    """Say which names were repaired, and which could not be."""
    told = summarise_list(
        [f"{escape_markdown(name, _NAME)} is {symbol}" for name, symbol in report.repaired], _DATES_SHOWN
    )
    done = f"Repaired: {told}." if report.repaired else "None of them could be repaired."
    names = {name for name, _ in report.repaired}
    left = [date for date in report.dates if date[0] not in names]
    if not left:
        return done
    rest = summarise_list(
        [f"{escape_markdown(name, _NAME)} ({' or '.join(s) or 'no known gene'})" for name, s in left], _DATES_SHOWN
    )
    return f"{done} Left out, because they can mean more than one gene or none: {rest}."


def _dates(loaded: Loaded) -> None:
    report, now = loaded.samples.report, loaded.overrides
    with st.container(border=True):
        st.markdown(f":material/calendar_month: **A spreadsheet changed gene names.** {dates_sentence(report.dates)}")
        if now.repair_dates:
            st.markdown(repaired_sentence(report))
        label = "Leave them out again" if now.repair_dates else "Repair those that can mean one gene only"
        if st.button(label, icon=":material/build:", key="repair-dates"):
            read_again(replace(now, repair_dates=not now.repair_dates))
            st.rerun()


def _left_out(report: ReadReport, stem: str) -> None:
    names = report.unmatched
    st.markdown(f"**Not matched:** {summarise_list([escape_markdown(name, _NAME) for name in names], _SHOWN)}.")
    download_table(
        lambda: to_csv(pd.DataFrame({"name": names})).encode(),
        f"not-matched-{stem}.csv",
        key="unmatched",
        label=f"Download {plural(len(names), 'name')}",
    )


def _summed(report: ReadReport, stem: str) -> None:
    genes = report.duplicates
    told = summarise_list([f"{escape_markdown(symbol, _NAME)} ({n:,})" for symbol, n in genes], _SHOWN)
    st.markdown(f"**Summed from several names:** {told}.")
    download_table(
        lambda: to_csv(pd.DataFrame(genes, columns=["gene", "names"])).encode(),
        f"summed-{stem}.csv",
        key="duplicates",
        label=f"Download {plural(len(genes), 'gene')}",
    )
