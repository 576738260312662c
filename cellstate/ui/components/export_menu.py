"""The export menu of a page: tables in three formats, a report, a run bundle and a link.

Everything is made in memory when it is downloaded. Sample and file are named, and the file itself is part of a bundle,
only where the user ticks that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import streamlit as st

from cellstate.formatting import file_stem
from cellstate.io.write import EXPORT_FORMATS, ExportTable
from cellstate.report.bundle import bundle
from cellstate.report.html import Report, render
from cellstate.report.one_page import OnePage, render_page
from cellstate.report.provenance import Run
from cellstate.ui.components.errors import error_boundary

_WIDTH_PX = 460


@dataclass(frozen=True, eq=False)
class Export:
    """What can be exported from a page.

    Attributes
    ----------
    kind : str
        ``shift``, ``screen`` ...: part of every file's name.
    table : ExportTable
        Names the sample as the user's file does; without the tick the name is left out.
    report : callable, optional
        Receives whether the sample may be named.
    one_page : callable, optional
        As `report`; returns a page to print.
    run : callable, optional
        Returns the run that a bundle repeats.
    no_bundle : str
        Why there is no bundle, in a sentence.
    link : str
        The query of an address; empty where there are no settings to carry.
    """

    kind: str
    table: ExportTable
    report: Callable[[bool], Report] | None = None
    one_page: Callable[[bool], OnePage] | None = None
    run: Callable[[], Run] | None = None
    no_bundle: str = ""
    link: str = ""


@st.fragment
def export_menu(export: Export) -> None:
    """Draw the menu, closed at first."""
    with (
        st.popover("Export", icon=":material/download:", key=f"export-{export.kind}"),
        st.container(width=_WIDTH_PX, gap="small"),
        error_boundary("preparing downloads"),
    ):
        sample = export.table.about.get("sample", "")
        named = bool(sample) and st.toggle(
            "Name the sample and its file inside",
            key=f"export-named-{export.kind}",
            help="Otherwise no exported file names them.",
        )
        stem = f"cellstate-{export.table.about.get('kind', 'hypothesis')}-{export.kind}"
        stem += f"-{file_stem(sample)}" if named else ""
        _tables(export, named, stem)
        if export.report is not None:
            _report(export, named, stem)
        if export.run is not None or export.no_bundle:
            _bundle(export, named, stem)
        if export.link:
            _link(export.link)


def anonymous(table: ExportTable) -> ExportTable:
    """Return a table that names no sample."""
    return replace(table, about={name: text for name, text in table.about.items() if name != "sample"})


def _tables(export: Export, named: bool, stem: str) -> None:
    st.markdown("**Table**, every row and every digit")
    table = export.table if named else anonymous(export.table)
    with st.container(horizontal=True):
        for label, (ending, mime, write) in EXPORT_FORMATS.items():
            _button(label, partial(write, table), f"{stem}.{ending}", mime, f"export-{ending}-{export.kind}")


def _report(export: Export, named: bool, stem: str) -> None:
    st.markdown("**Report**, one HTML file that needs no network")
    whole, page, kind = export.report, export.one_page, export.kind
    with st.container(horizontal=True):
        if whole is not None:
            _button("HTML report", lambda: render(whole(named)), f"{stem}.html", "text/html", f"export-html-{kind}")
        if page is not None:
            make = partial(_page, page, named)
            _button("One page", make, f"{stem}-one-page.html", "text/html", f"export-page-{kind}")


def _page(make: Callable[[bool], OnePage], named: bool) -> bytes:
    return render_page(make(named))


def _bundle(export: Export, named: bool, stem: str) -> None:
    st.markdown("**Run bundle**, a zip with the code that repeats the numbers")
    if export.run is None:
        st.caption(export.no_bundle)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        place = st.container(width="content")
        with_input = st.toggle(
            "with the sample's file",
            key=f"export-input-{export.kind}",
            help="Otherwise the bundle holds the file's checksum, and its reader needs the file.",
        )
        make = partial(_zip, export.run, named, with_input)
        with place:
            _button("Run bundle", make, f"{stem}.zip", "application/zip", f"export-zip-{export.kind}")


def _zip(run: Callable[[], Run], named: bool, with_input: bool) -> bytes:
    return bundle(run(), named=named, with_input=with_input)


def _link(query: str) -> None:
    st.markdown("**Link** that carries the settings, and no data")
    address = (st.context.url or "").partition("?")[0]
    st.code(address + query, language=None, wrap_lines=True)
    st.caption("It opens these settings on the reader's own sample, or on an example patient.")


def _button(label: str, make: Callable[[], bytes], name: str, mime: str, key: str) -> None:
    st.download_button(label, make, file_name=name, mime=mime, icon=":material/download:", key=key, on_click="ignore")
