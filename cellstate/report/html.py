"""A report as one HTML file: opened without a network, printed as it stands, with nothing in it that could run but us.

The figures are those of the pages, drawn by the one copy of plotly.js that the file carries. The content security
policy lets in no request at all, and no script but the two whose checksums it names: a name from a file that looks like
markup is text, and would not run if it were not.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape

import plotly.graph_objects as go
from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs

from cellstate.report.html_markup import section
from cellstate.report.section import Section
from cellstate.viz.style import PLOT_CONFIG, Chart

#: What the policy lets in, where it is nothing.
NOTHING = "'none'"
#: Width of a figure in pixels, what A4 holds between its margins; and the height of one of usual height, so that two
#: of them share a page.
WIDTH_PX, LOW_PX = 680, 370
_USUAL_PX = 460
_RESEARCH_ONLY = (
    "For research use only. What a model predicts is a hypothesis for the laboratory, not advice about a patient: it "
    "knows how genes go together, not what causes what, and a real edit can do the opposite."
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


@dataclass(frozen=True, eq=False)
class Report:
    """What a report says.

    Attributes
    ----------
    title : str
        May hold names from a file, as ``facts``, ``warnings``, tables and notes may; a section's text may not.
    facts : sequence of (str, str)
        What the answer is about, at the top.
    warnings : sequence of str
        What must be read before anything else.
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
    """Return a figure's place, its sentence, and its data as text that no script runs."""
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
    """Return JSON without a character that HTML gives a meaning to."""
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
