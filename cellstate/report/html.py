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
from functools import lru_cache
from html import escape

import pandas as pd
import plotly.graph_objects as go
from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs

from cellstate.report.section import Section
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
_STYLE = """
:root { color-scheme: light; --ink: #17202a; --grey: #5b6770; --line: #c9d2dc; --blue: #0072b2; --pale: #f2f5f8; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; font: 15px/1.5 system-ui, Helvetica, Arial, sans-serif; }
main { max-width: 728px; margin: 0 auto; padding: 28px 24px 48px; }
h1 { font-size: 27px; line-height: 1.2; margin: 6px 0 10px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 36px 0 8px; padding-top: 14px; border-top: 1px solid var(--line); break-after: avoid; }
p, ul { margin: 8px 0; }
ul { padding-left: 20px; }
a { color: #005a8d; }
code { font: 13px/1.4 ui-monospace, Consolas, monospace; background: var(--pale); padding: 1px 4px; }
.badge { display: inline-block; color: #8a5000; background: #fdf1de; border: 1px solid #e9c893; border-radius: 12px;
  padding: 1px 11px; font-size: 13px; font-weight: 600; }
.only { border-left: 4px solid #d55e00; background: #fdf3ec; padding: 9px 14px; margin: 14px 0; font-size: 14px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 5px 18px; margin: 16px 0; }
dt { color: var(--grey); }
dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin: 12px 0; }
table { border-collapse: collapse; width: 100%; font-size: 13px; line-height: 1.35; }
th { text-align: left; background: var(--pale); border-bottom: 2px solid var(--line); vertical-align: bottom; }
th, td { padding: 4px 7px; }
.x { overflow-wrap: anywhere; }
td { border-bottom: 1px solid #e4e9ee; vertical-align: top; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th.n { white-space: normal; }
figure { margin: 16px 0; overflow-x: auto; break-inside: avoid; }
figcaption, .note { color: var(--grey); font-size: 13px; }
footer { margin-top: 40px; padding-top: 12px; border-top: 1px solid var(--line); color: var(--grey); font-size: 13px; }
@page { size: A4; margin: 14mm 15mm 16mm; }
@media print {
  main { max-width: none; padding: 0; }
  body { font-size: 10.5pt; }
  table { font-size: 8.5pt; }
  thead { display: table-header-group; }
  tr, .only { break-inside: avoid; }
  .wide, figure { overflow: visible; }
  .modebar-container { display: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
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
    n_before, body = 0, []
    for one in report.sections:
        charts = report.charts.get(one.key, ())
        body.append(section(one, "\n".join(_figure(chart, n_before + i) for i, chart in enumerate(charts, start=1))))
        n_before += len(charts)
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>\n" for name, value in report.facts)
    scripts = (_plotly(), _DRAW) if n_before else ()
    page = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{escape(report.title)} · CellState</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        "<body>",
        "<main>",
        '<header><span class="badge">Hypothesis</span>',
        f"<h1>{escape(report.title)}</h1>",
        f"<dl>\n{facts}</dl>",
        f'<p class="only"><strong>{_RESEARCH_ONLY}</strong></p>',
        *(f'<p class="only">{escape(warning)}</p>' for warning in report.warnings),
        "</header>",
        "<noscript><p>The figures need JavaScript; the sentence below each says the same.</p></noscript>"
        * bool(n_before),
        *body,
        f"<footer>Made with CellState. {_RESEARCH_ONLY}</footer>",
        "</main>",
        *(f"<script>{script}</script>" for script in scripts),
        "</body>",
        "</html>",
        "",
    ]
    return "\n".join(page).encode()


def _figure(chart: Chart, number: int) -> str:
    """Return a figure's place, its text alternative, and its data as JSON."""
    figure = go.Figure(chart.figure)
    if figure.layout.height <= _USUAL_PX:
        figure.update_layout(height=LOW_PX)
    figure.update_layout(
        template="plotly_white", width=WIDTH_PX, dragmode=False, font={"family": "system-ui, sans-serif"}
    )
    held = _json(figure.to_dict() | {"config": PLOT_CONFIG | {"responsive": False}})
    place, alt = f"figure-{number}", escape(chart.alt)
    return (
        f'<figure><div id="{place}" role="img" aria-label="{alt}"></div><figcaption>{alt}</figcaption>\n'
        f'<script type="application/json" data-place="{place}">{held}</script></figure>'
    )


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


@lru_cache(maxsize=1)
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


def table(frame: pd.DataFrame) -> str:
    """Return a table whose cells are text; a column of numbers alone is set flush right."""
    cells = [[str(cell) for cell in row] for row in frame.itertuples(index=False)]
    right = [bool(cells) and all(_NUMBER.fullmatch(row[i]) for row in cells) for i in range(frame.shape[1])]
    head = "".join(_cell("th", str(name), flush) for name, flush in zip(frame.columns, right, strict=True))
    rows = "".join(
        f"<tr>{''.join(_cell('td', cell, flush) for cell, flush in zip(row, right, strict=True))}</tr>\n"
        for row in cells
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>'


def section(one: Section, figures: str = "") -> str:
    """Return a section with its figures between the words and the table."""
    parts = [f"<h2>{escape(one.title)}</h2>", marked(one.text), figures]
    if one.table is not None:
        parts.append(table(one.table))
    if one.absent:
        parts.append(f"<p><em>{escape(one.absent)}</em></p>")
    parts += [f'<p class="note">{escape(note)}</p>' for note in one.notes]
    return f"<section>\n{chr(10).join(filter(None, parts))}\n</section>"


def inline(text: str) -> str:
    """Return one paragraph of Markdown as HTML, without the tag of the paragraph."""
    html = _TAKEN_BACK.sub(lambda m: m[1] if len(m[1]) > 1 else f"&#{ord(m[1])};", escape(" ".join(text.split())))
    for mark, tag in _MARKS:
        html = mark.sub(tag, html)
    return html


def _cell(tag: str, text: str, flush: bool) -> str:
    # Checksums may be broken anywhere, the names of genes nowhere.
    kind = ' class="n"' if flush else ' class="x"' if max(map(len, text.split()), default=0) > _LONGEST else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"
