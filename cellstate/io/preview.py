"""The first cells of a file as they stand in it, before anything is decided: also of a file that is then refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cellstate.errors import ReadError
from cellstate.io import gct, h5ad
from cellstate.io.content import Content, load
from cellstate.io.layout import DELIMITERS, Layout, find_layout, first_lines, split
from cellstate.io.pieces import count_lines
from cellstate.io.sniff import choose_reader, sniff
from cellstate.io.table import Overrides

#: What is shown at most.
ROWS, COLUMNS, LETTERS = 12, 8, 200
_DECIDE = Overrides()
_SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", " ": "spaces"}
_MARKS = {",": "commas", ".": "points"}


@dataclass(frozen=True)
class Preview:
    """The first rows and columns of a file.

    Attributes
    ----------
    header : tuple of str
        Names of the columns shown, at most 8, empty where the file has none; of h5ad the first samples.
    rows : tuple of tuple of str
        At most 12 rows, each as wide as the header: text as the file holds it, without quotation marks, cut after 200
        letters.
    n_rows, n_columns : int
        Of the whole table without its header; of text, lines are counted and not parsed, so a row that the reader
        leaves out later is among them. The column of gene names counts as a column.
    format : str
    delimiter : str or None
        None where there is none.
    notes : tuple of str
        What is worth knowing about how the file is laid out, in plain words.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_rows: int
    n_columns: int
    format: str
    delimiter: str | None = None
    notes: tuple[str, ...] = ()


def preview(source: str | Path | bytes, name: str | None = None, overrides: Overrides = _DECIDE) -> Preview:
    """Show how a file begins, without reading the whole table.

    Parameters
    ----------
    source : path or bytes
        A file, or its contents. Plain or packed with gzip.
    name : str, optional
        File name of an upload.
    overrides : Overrides
        Only the format matters here.

    Raises
    ------
    ReadError
        When the file is missing, damaged, plainly no table, or not of the format that is asked for. A table that
        `read_samples` refuses for what it holds has a preview all the same.
    """
    content = load(source, name)
    choose_reader(content, overrides)  # refuses a format that the file cannot have
    if content.is_hdf5:
        return _of_h5ad(content)
    wanted = (overrides.format or "").strip().lower().split(" ")[0]
    return _of_text(content.data, wanted or sniff(content), is_asked=bool(wanted))


def _of_text(data: bytes, wanted: str, *, is_asked: bool) -> Preview:
    delimiter = next((d for d, name in DELIMITERS.items() if name == wanted), "\t")
    decided = delimiter if is_asked or wanted != "tsv" else None  # any delimited text is sniffed as TSV
    lines = first_lines(data)
    n_lines = count_lines(data) + (not data.endswith(b"\n"))
    try:
        layout = find_layout(data, skip=gct.LINES_BEFORE if wanted == "gct" else 0, delimiter=decided)
    except ReadError:
        shown = tuple((line[:LETTERS],) for line in lines[:ROWS])
        return Preview(("",), shown, n_lines, 1, "text", None, ("No delimiter makes a table of these lines.",))
    n_columns = len(layout.header)
    width = min(n_columns, COLUMNS)
    body = [line for n, line in enumerate(lines) if n not in layout.skip_rows and line.strip()][:ROWS]
    return Preview(
        header=_row(layout.header, width),
        rows=tuple(_row(row, width) for row in split(body, layout.delimiter)),
        n_rows=max(n_lines - len(layout.skip_rows), len(body)),
        n_columns=n_columns,
        format=layout.format if wanted in DELIMITERS.values() else wanted,
        delimiter=layout.delimiter,
        notes=tuple(_notes(layout)),
    )


def _notes(layout: Layout) -> list[str]:
    notes = [f"Columns are separated by {_SEPARATORS[layout.delimiter]}."]
    before = len(layout.skip_rows) - layout.has_header
    if before:
        notes.append(f"The table begins at line {before + 1}.")
    if not layout.has_header:
        notes.append("There is no line of column names.")
    if layout.decimal == ",":
        notes.append("Numbers have a decimal comma.")
    if layout.thousands:
        notes.append(f"Thousands are grouped by {_MARKS[layout.thousands]}.")
    if len({len(row) for row in layout.rows}) > 1:
        notes.append("Rows differ in width.")
    return notes


def _of_h5ad(content: Content) -> Preview:
    """Show genes in rows, as most tables have them, whichever way they lie in the file."""
    begin = h5ad.begin(content, n_samples=COLUMNS - 1, n_genes=ROWS)
    n_samples, n_genes = begin.shape
    rows = (
        (gene, *(f"{value:.6g}" for value in column_S))
        for gene, column_S in zip(begin.genes, begin.values_SF.T.tolist(), strict=True)
    )
    return Preview(
        header=_row(("", *begin.samples), len(begin.samples) + 1),
        rows=tuple(_row(row, len(row)) for row in rows),
        n_rows=n_genes,
        n_columns=n_samples + 1,
        format="h5ad",
        notes=(f"Values are those of {begin.path!r} in the file.",),
    )


def _row(cells: Sequence[str], width: int) -> tuple[str, ...]:
    """Return so many cells, empty where the row has fewer."""
    return tuple(cell[:LETTERS] for cell in (*cells[:width], *[""] * (width - len(cells))))
