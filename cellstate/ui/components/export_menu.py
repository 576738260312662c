"""What a page lets its user take along: tables in three forms, a report, a run bundle and a link.

Everything is made when it is asked for, in memory. Sample and file are named, and the file itself is put into a bundle,
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
from cellstate.report.provenance import Run
from cellstate.ui.components.errors import guard

#: Width of the area in pixels.
_WIDTH = 460


@dataclass(frozen=True, eq=False)
class Offer:
    """What a page offers.

    Attributes
    ----------
    what : str
        ``shift``, ``screen`` ...: part of every file's name.
    table : ExportTable
        About a sample, as the user brought it; without the tick its name is left out.
    report : callable, optional
        Receives whether the sample may be named, and returns what the report says.
    run : callable, optional
        Returns what a bundle is made of.
    no_bundle : str
        Why there is no bundle, in a sentence.
    link : str
        The query of an address; empty where there is nothing to carry.
    """

    what: str
    table: ExportTable
    report: Callable[[bool], Report] | None = None
    run: Callable[[], Run] | None = None
    no_bundle: str = ""
    link: str = ""


@st.fragment
def take_along(offer: Offer) -> None:
    """Draw the area of a page, closed until it is asked for."""
    with (
        st.popover("Take it along", icon=":material/luggage:", key=f"take-{offer.what}"),
        st.container(width=_WIDTH, gap="small"),
        guard("preparing downloads"),
    ):
        sample = offer.table.about.get("sample", "")
        named = bool(sample) and st.toggle(
            "Name the sample and its file inside",
            key=f"take-named-{offer.what}",
            help="Otherwise nothing that you take along says who it is about.",
        )
        stem = f"cellstate-{offer.table.about.get('kind', 'hypothesis')}-{offer.what}"
        stem += f"-{file_stem(sample)}" if named else ""
        _tables(offer, named, stem)
        if offer.report is not None:
            _report(offer.report, offer.what, named, stem)
        if offer.run is not None or offer.no_bundle:
            _bundle(offer, named, stem)
        if offer.link:
            _link(offer.link)


def anonymous(table: ExportTable) -> ExportTable:
    """Return a table that names no sample."""
    return replace(table, about={name: text for name, text in table.about.items() if name != "sample"})


def _tables(offer: Offer, named: bool, stem: str) -> None:
    st.markdown("**ExportTable**, every row and every number in full")
    table = offer.table if named else anonymous(offer.table)
    with st.container(horizontal=True):
        for form, (ending, mime, make) in EXPORT_FORMATS.items():
            _button(form, partial(make, table), f"{stem}.{ending}", mime, f"take-{ending}-{offer.what}")


def _report(report: Callable[[bool], Report], what: str, named: bool, stem: str) -> None:
    st.markdown("**Report**, one HTML file that needs no network")
    _button("HTML report", lambda: render(report(named)), f"{stem}.html", "text/html", f"take-html-{what}")


def _bundle(offer: Offer, named: bool, stem: str) -> None:
    st.markdown("**Run bundle**, a zip with the code that gives the same numbers again")
    run = offer.run
    if run is None:
        st.caption(offer.no_bundle)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        place = st.container(width="content")
        inside = st.toggle(
            "with the sample's file in it",
            key=f"take-input-{offer.what}",
            help="Otherwise the bundle holds the file's checksum alone, and whoever runs it brings the file.",
        )
        make = partial(_zip, run, named, inside)
        with place:
            _button("Run bundle", make, f"{stem}.zip", "application/zip", f"take-zip-{offer.what}")


def _zip(run: Callable[[], Run], named: bool, with_input: bool) -> bytes:
    return bundle(run(), named=named, with_input=with_input)


def _link(query: str) -> None:
    st.markdown("**Link** that carries the settings, and no data")
    address = (st.context.url or "").partition("?")[0]
    st.code(address + query, language=None, wrap_lines=True)
    st.caption("Whoever opens it sees these settings on their own sample, or on an example patient.")


def _button(label: str, make: Callable[[], bytes], name: str, mime: str, key: str) -> None:
    st.download_button(label, make, file_name=name, mime=mime, icon=":material/download:", key=key, on_click="ignore")
