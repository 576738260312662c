"""What every page is made of: heading, hypothesis label, empty state, chart, row of metrics, gene table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from cellstate.formatting import escape_markdown, file_stem
from cellstate.io import to_csv
from cellstate.report.narrative.figures import chart_legend
from cellstate.ui.components.figure_files import FRAME, figure_files
from cellstate.ui.components.load_samples import examples, load_example
from cellstate.ui.runtime.resources import model_folder_name
from cellstate.viz import PLOT_CONFIG, Chart

#: In session state until the workbench has knocked out a first gene of an example patient.
START_WITH_REGULATOR = "start-with-regulator"
#: The label of a prediction inside a line of Markdown, and what it means.
HYPOTHESIS_BADGE = ":orange-badge[:material/science: Hypothesis]"
HYPOTHESIS_MEANING = (
    "How genes go together in the training samples, with no claim of cause. A real perturbation can do the opposite: "
    "test it in the laboratory."
)
#: Lines of text longer than this many pixels are hard to read.
READABLE = 760
#: A figure's sentence is cut beyond this.
_LONGEST_ALT = 2_000


def heading(title: str, what: str) -> None:
    """Draw a page's title and one sentence."""
    st.title(title, anchor=False)
    st.markdown(what, width=READABLE)


def hypothesis_header(text: str, more_help: str = "") -> None:
    """Draw the headline of an answer, with the label of a prediction; the text is Markdown."""
    st.header(f"{text} {HYPOTHESIS_BADGE}", anchor=False, help=f"{HYPOTHESIS_MEANING} {more_help}".strip())


def slot(key: str) -> Any:
    """Return a place for a computation: a message about its turn appears in it, and nothing around it moves."""
    return st.container(key=f"slot-{key}")


def chart(drawn: Chart, key: str, *, has_caption: bool = True) -> None:
    """Draw a figure with its text alternative and the buttons that save it; files are named after the key.

    Without a caption, the text alternative is for screen readers alone.
    """
    stem = f"cellstate-{'hypothesis-' if drawn.is_hypothesis else ''}{file_stem(key)}"
    config = PLOT_CONFIG | {"toImageButtonOptions": PLOT_CONFIG["toImageButtonOptions"] | {"filename": stem}}
    with st.container(key=FRAME + key, gap="xsmall"):
        st.plotly_chart(drawn.figure, width="stretch", config=config, key=key, alt=drawn.alt)
        with st.container(horizontal=True, gap="small"):
            if has_caption:
                # It may hold names from a file.
                st.caption(escape_markdown(drawn.caption or drawn.alt, _LONGEST_ALT))
            figure_files(key, drawn.title, stem, chart_legend(drawn, model_folder_name()))


def need_sample(what: str) -> None:
    """Draw what the page would show with a sample, and the ways to load one."""
    with st.container(border=True):
        st.subheader("No sample yet", anchor=False)
        st.markdown(what, width=READABLE)
        start_buttons("empty")


def start_buttons(key: str) -> None:
    """Draw the two ways to load a sample."""
    with st.container(horizontal=True):
        if st.button(
            "Try an example patient", type="primary", icon=":material/person:", key=f"{key}-example", width=240
        ) and load_example(examples()[0]):
            if key == "home":
                st.session_state[START_WITH_REGULATOR] = True
                st.switch_page("pages/workbench.py")
            st.rerun()
        if st.button("Use my own file", icon=":material/upload_file:", key=f"{key}-upload", width=240):
            st.switch_page("pages/workbench.py")


def metric_row(values: list[tuple[str, str, str]], columns: int = 4) -> None:
    """Draw metrics side by side: (label, value, help)."""
    with st.grid(columns, min_column_width=150):
        for label, value, help in values:
            st.metric(label, value, help=help or None, border=True, height="stretch")


def download_table(
    make: Callable[[], bytes], file_name: str, key: str, label: str = "Download all genes as CSV"
) -> None:
    """Draw a download button for a table as CSV, made on click."""
    st.download_button(
        label,
        make,
        file_name=file_name,
        mime="text/csv",
        icon=":material/download:",
        key=key,
        on_click="ignore",
    )


def result_csv(table: pd.DataFrame, sample: str = "", **about: str) -> bytes:
    """Return a result as CSV; each row names the sample first, and the other facts at the end."""
    table = table.assign(**about, kind="hypothesis")
    if sample:
        table.insert(0, "sample", sample)
    return to_csv(table).encode()


def gene_table(
    shown: pd.DataFrame,
    columns: dict[str, Any],
    key: str,
    alt: str,
    *,
    on_select: Callable[[], None] | None = None,
    selected: list[int] | None = None,
    height: int = 420,
) -> None:
    """Draw a table of genes.

    Parameters
    ----------
    shown : DataFrame
    columns : dict of str to column configuration
        In the order of the table; other columns are left out.
    key, alt : str
    on_select : callable, optional
        Called when rows are selected; `st.session_state` holds their positions under the key.
    selected : list of int, optional
        Positions that are selected at first.
    height : int, optional
        Pixels.
    """
    select: Any = on_select or "ignore"
    st.dataframe(
        shown,
        hide_index=True,
        column_order=list(columns),
        height=height,
        column_config=columns,
        placeholder="–",
        key=key,
        alt=alt,
        on_select=select,
        selection_mode="multi-row",
        selection_default={"selection": {"rows": selected}} if selected else None,
    )


def containing(table: pd.DataFrame, text: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows of which a column contains the first word of a text."""
    words = text.upper().split()[:1]
    if not words:
        return table
    names = table[list(columns)].agg(" ".join, axis=1).str.upper()
    return table[names.str.contains(words[0], regex=False)]


def number_column(label: str, digits: int, help: str, **more: Any) -> Any:
    """Return a table column of numbers."""
    return st.column_config.NumberColumn(label, format=f"%.{digits}f", help=help, **more)
