"""A report as one HTML file that needs no network and can be printed.

The figures are those of the pages, drawn by the copy of plotly.js in the file. The content security policy blocks every
request, and every script but two, which it names by checksum. Text from a user's file is escaped.

Text is written in a small part of Markdown (see `marked`).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup
from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs

from cellstate.report.sections import Section
from cellstate.viz.style import PLOT_CONFIG, Chart

#: A source list of the policy that allows nothing.
NOTHING = "'none'"
#: Pixels: width of a figure between the margins of A4, and the height at which two figures share a page.
WIDTH_PX, LOW_PX = 680, 370
_USUAL_PX = 460
_RESEARCH_ONLY = (
    "For research use only. What a model predicts is a hypothesis for the laboratory, not advice about a patient: it "
    "knows how genes vary together, not what causes what, and a real perturbation can do the opposite."
)
_DRAW = """
document.querySelectorAll("script[type='application/json']").forEach(function (held) {
  var figure = JSON.parse(held.textContent), place = document.getElementById(held.dataset.place);
  Plotly.newPlot(place, figure.data, figure.layout, figure.config);
});
"""
#: Applied in turn to escaped text.
_MARKS = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\[([^\]]+)\]\((https://[^\s()\"']+)\)"), r'<a href="\2" rel="noreferrer">\1</a>'),
    (re.compile(r"\*\*(.+?)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w*])\*([^*]+)\*(?![\w*])"), r"<em>\1</em>"),
)
_ITEM = re.compile(r"^- ", re.MULTILINE)
#: Letters of a word that still fits into a column.
_LONGEST = 20
_NUMBER = re.compile(r"[+\-−]?[\d.,]+(e[+\-]\d+)?( ?[%S×]| ✓| ✗ missed)?|–")
#: A mark that stands for itself, in escaped text.
_TAKEN_BACK = re.compile(r"\\(&[a-z0-9#]+;|[!-/:-@\[-`{-~])")


@dataclass(frozen=True, eq=False)
class Report:
    """Content of a report.

    Attributes
    ----------
    title : str
        May hold names from a file, as ``facts``, ``warnings``, tables and notes may; a section's text may not.
    facts : sequence of (str, str)
        Shown at the top.
    warnings : sequence of str
        Shown above the sections.
    sections : sequence of Section
    charts : mapping of str to sequence of Chart
        Figures by the key of their section.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    warnings: Sequence[str] = ()
    charts: Mapping[str, Sequence[Chart]] = field(default_factory=dict)


def render(report: Report) -> bytes:
    """Return the report as HTML in UTF-8: about 5 MB with figures, nearly all of it plotly.js."""
    number = count(1)
    figures = {
        one.key: [_figure(chart, next(number)) for chart in report.charts.get(one.key, ())] for one in report.sections
    }
    scripts = (_plotly(), _DRAW) if any(figures.values()) else ()
    page = template("report.html.j2").render(
        report=report,
        figures=figures,
        policy=Markup(_policy(scripts)),
        scripts=[Markup(script) for script in scripts],
        research_only=_RESEARCH_ONLY,
    )
    return page.encode()


@cache
def template(name: str) -> Template:
    """Return a template of this folder; what it is given is escaped, and words in Markdown are ``marked``."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.globals |= {"marked": lambda text: Markup(marked(text)), "cells": _cells}
    environment.globals["inline"] = lambda text: Markup(inline(text))
    return environment.from_string(Path(__file__).with_name(name).read_text(encoding="utf-8"))


class _Figure(NamedTuple):
    """A figure's place in the file, its text alternative, and its data as JSON."""

    place: str
    alt: str
    data: Markup


def _figure(chart: Chart, number: int) -> _Figure:
    figure = go.Figure(chart.figure)
    if figure.layout.height <= _USUAL_PX:
        figure.update_layout(height=LOW_PX)
    figure.update_layout(
        template="plotly_white", width=WIDTH_PX, dragmode=False, font={"family": "system-ui, sans-serif"}
    )
    data = _json(figure.to_dict() | {"config": PLOT_CONFIG | {"responsive": False}})
    return _Figure(f"figure-{number}", chart.alt, Markup(data))


def _json(part: object) -> str:
    """Return JSON in which every character that has a meaning in HTML is escaped."""
    text = to_json_plotly(part)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _policy(scripts: Sequence[str]) -> str:
    sums = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; script-src {sums or NOTHING}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _plotly() -> str:
    # A carriage return would be read as a line feed by a browser, and the checksum would not fit.
    return str(get_plotlyjs()).replace("\r\n", "\n").replace("\r", "\n")


def marked(text: str) -> str:
    """Return Markdown as HTML: paragraphs, lists, bold, italic, code and links to https."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip()):
        if not block:
            continue
        head, *items = _ITEM.split(block)
        if head.strip():
            blocks.append(f"<p>{inline(head)}</p>")
        if items:
            blocks.append("<ul>" + "".join(f"<li>{inline(item)}</li>" for item in items) + "</ul>")
    return "\n".join(blocks)


def _cells(frame: pd.DataFrame) -> list[list[tuple[str, str]]]:
    """Return class and text of each cell, the titles first; a column of numbers alone is set flush right."""
    rows = [[str(cell) for cell in row] for row in frame.itertuples(index=False)]
    right = [bool(rows) and all(_NUMBER.fullmatch(row[i]) for row in rows) for i in range(frame.shape[1])]
    return [
        [("n" if flush else _kind(text), text) for text, flush in zip(row, right, strict=True)]
        for row in [list(map(str, frame.columns)), *rows]
    ]


def _kind(text: str) -> str:
    # Checksums may be broken anywhere, the names of genes nowhere.
    return "x" if max(map(len, text.split()), default=0) > _LONGEST else ""


def inline(text: str) -> str:
    """Return one paragraph of Markdown as HTML, without the tag of the paragraph."""
    html = _TAKEN_BACK.sub(lambda m: m[1] if len(m[1]) > 1 else f"&#{ord(m[1])};", escape(" ".join(text.split())))
    for mark, tag in _MARKS:
        html = mark.sub(tag, html)
    return html
