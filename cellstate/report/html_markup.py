"""Sections as HTML: the few marks of Markdown that they use, and tables. All else is shown as it stands."""

from __future__ import annotations

import re
from html import escape

import pandas as pd

from cellstate.report.section import Section

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


def marked(text: str) -> str:
    """Return Markdown as HTML: paragraphs, lists, bold, italic, code and links to https."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip()):
        if not block:
            continue
        head, *items = _ITEM.split(block)
        if head.strip():
            blocks.append(f"<p>{_inline(head)}</p>")
        if items:
            blocks.append("<ul>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + "</ul>")
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


def _inline(text: str) -> str:
    html = _TAKEN_BACK.sub(lambda m: m[1] if len(m[1]) > 1 else f"&#{ord(m[1])};", escape(" ".join(text.split())))
    for mark, tag in _MARKS:
        html = mark.sub(tag, html)
    return html


def _cell(tag: str, text: str, flush: bool) -> str:
    # Checksums may be broken anywhere, the names of genes nowhere.
    kind = ' class="n"' if flush else ' class="x"' if max(map(len, text.split()), default=0) > _LONGEST else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"
