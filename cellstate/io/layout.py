"""Layout of a text table (delimiter, header, decimal mark), detected from a few of its lines."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cellstate.errors import ReadError
from cellstate.genes import FOUND, gene_axis

#: Name of the format of each delimiter. If several delimiters fit equally well, the first one is taken.
DELIMITERS = {"\t": "tsv", ";": "semicolon", ",": "csv", " ": "space"}
_SAMPLE_LINES = 60
_SAMPLE_BYTES = 300_000
#: Tables with more columns or longer lines are not expression tables, and would take long to read.
_MAX_COLUMNS, _MAX_LINE_BYTES = 100_000, 32_000_000
#: Cells without a value, in lower case.
EMPTY = ("", "na", "nan", "n/a", "null", "none", "-", "--", "---", "#n/a", "inf", "-inf")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")
_COMMA_DECIMAL = re.compile(r"[-+]?\d{1,3}(\.\d{3})*,\d+([eE][-+]?\d+)?$|[-+]?\d+,\d+([eE][-+]?\d+)?$")
_COMMA_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$")


def first_lines(data: bytes, limit: int = _SAMPLE_LINES, start: int = 0) -> list[str]:
    """Return the first lines of UTF-8 text from byte ``start`` on; raise ``ReadError`` for an extremely long line."""
    lines: list[str] = []
    begin = start
    while begin < len(data) and len(lines) < limit and (begin - start < _SAMPLE_BYTES or len(lines) < 3):
        end = data.find(b"\n", begin)
        end = len(data) if end < 0 else end
        if end - begin > _MAX_LINE_BYTES:
            raise _not_a_table()
        lines.append(data[begin:end].decode("utf-8", errors="replace").rstrip("\r"))
        begin = end + 1
    return lines


@dataclass(frozen=True)
class Layout:
    """Layout of a text table.

    Attributes
    ----------
    delimiter : str
        A key of `DELIMITERS`.
    header : tuple of str
        Names of the columns; empty where there is none.
    has_header : bool
        Whether the file has a line of column names.
    skip_rows : tuple of int
        Numbers of the lines that are not rows of the table: comments, header, ``drop_lines``.
    rows : tuple of tuple of str
        Cells of a few rows from the beginning and the middle.
    decimal : str
        Decimal mark.
    thousands : str or None
        Thousands separator.
    """

    delimiter: str
    header: tuple[str, ...]
    has_header: bool
    skip_rows: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    decimal: str = "."
    thousands: str | None = None

    @property
    def format(self) -> str:
        """Name of the format."""
        return DELIMITERS.get(self.delimiter, "text")


def find_layout(data: bytes, *, skip: int = 0, drop_lines: Sequence[int] = (), delimiter: str | None = None) -> Layout:
    """Detect the layout of a text table from its first lines and a few lines of its middle.

    Parameters
    ----------
    data : bytes
        UTF-8 text.
    skip : int
        Number of leading lines before the table. Blank and comment lines after them are skipped too.
    drop_lines : sequence of int
        Numbers of lines after the header without expression values.
    delimiter : str, optional
        Default: the delimiter that gives the most numbers.

    Raises
    ------
    ReadError
        When the text is not a table.
    """
    lines = first_lines(data)
    skip = _skip_comments(lines, skip)
    body = [lines[n] for n in range(skip + 1, len(lines)) if lines[n].strip() and n not in drop_lines]
    middle = first_lines(data, 30, len(data) // 2)[1:] if len(data) > _SAMPLE_BYTES else []
    if not lines[skip:] or max(line.count(d) for line in lines for d in DELIMITERS) > _MAX_COLUMNS:
        raise _not_a_table()
    delimiter = delimiter or _delimiter([*body, *middle] or lines[skip:])
    first = split([lines[skip].removeprefix("#") if body else lines[skip]], delimiter)[0]
    rows = split(body + middle, delimiter)
    n_columns = max((len(row) for row in rows), default=len(first))
    has_trailing_delimiter = bool(rows) and all(len(row) == n_columns and not row[-1].strip() for row in rows)
    has_header = bool(rows) and not _has_no_header(first, rows)
    if has_header:
        header, skip_rows = [name.strip().strip("'") for name in first], [*range(skip + 1), *drop_lines]
        # R's write.table omits the name of the column of row names.
        if len(header) == n_columns - 1 and not has_trailing_delimiter:
            header.insert(0, "")
    else:
        header, skip_rows = [""] * max(n_columns, len(first)), list(range(skip))
    header += [""] * (n_columns - len(header))
    decimal, thousands = _number_marks([cell.strip() for row in rows for cell in row])
    cells = tuple(map(tuple, rows))
    return Layout(delimiter, tuple(header), has_header, tuple(skip_rows), cells, decimal, thousands)


def _not_a_table() -> ReadError:
    return ReadError(
        "The file is not a table of expression values.",
        "It should have one row per gene and one column per sample (or the other way round), with gene names.",
        code="not_a_table",
    )


def _skip_comments(lines: list[str], skip: int) -> int:
    """Return the number of leading lines to skip. A last ``#`` line as wide as the table is its header and is kept."""
    start = skip
    while start < len(lines) and (not lines[start].strip() or lines[start].startswith("#")):
        start += 1
    if start > skip and start < len(lines) and lines[start - 1].startswith("#"):
        fields = [max(line.count(d) for d in "\t;,") for line in (lines[start - 1], lines[start])]
        if fields[0] == fields[1] > 0:
            return start - 1
    return start


def split(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """Return the cells of each line."""
    try:
        return list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error:  # a stray quote or a field of absurd length
        return [line.split(delimiter) for line in lines]


def _delimiter(lines: Sequence[str]) -> str:
    """Return the delimiter that gives the most numbers per line, then the most fields."""

    def score(delimiter: str) -> tuple[float, float]:
        rows = split(lines, delimiter)
        fields, share = Counter(len(row) for row in rows).most_common(1)[0]
        if fields < 2 or share < 0.7 * len(rows):
            return 0.0, 0.0
        return float(np.median([sum(is_number(cell, delimiter) for cell in row) for row in rows])), float(fields)

    scores = {delimiter: score(delimiter) for delimiter in DELIMITERS}
    best = max(scores, key=lambda delimiter: scores[delimiter])
    if scores[best][1] < 2:
        raise _not_a_table()
    return best


def is_number(cell: str, delimiter: str = "") -> bool:
    """Return whether a cell is a number or empty; a decimal comma counts only if the delimiter is not a comma."""
    cell = cell.strip()
    return bool(
        _NUMBER.match(cell)
        or (delimiter != "," and _COMMA_DECIMAL.match(cell))
        or _COMMA_THOUSANDS.match(cell)
        or cell.lower() in EMPTY
    )


def _has_no_header(first: list[str], rows: list[list[str]]) -> bool:
    """Return whether the first line is a row: as wide as the others, numbers in the same columns, and a gene name.

    A header of sample numbers looks the same, except that the name of its first column is not a gene.
    """
    row = rows[0]
    if len(first) != len(row) or not any(map(is_number, first[1:])):
        return False
    if any(is_number(b) and b.strip() and not is_number(a) for a, b in zip(first, row, strict=True)):
        return False
    names = gene_axis().resolve([first[0], *(cell for cell in first[1:4] if not is_number(cell))])
    return any(status in (*FOUND, "outside") for status in names.status) or first[0].startswith(("N_", "__"))


def _number_marks(cells: list[str]) -> tuple[str, str | None]:
    """Return the decimal mark and the thousands separator (or None)."""
    commas = [cell for cell in cells if "," in cell and is_number(cell)]
    if not commas:
        return ".", None
    dots = any(_NUMBER.match(cell) and "." in cell for cell in cells)
    if all(_COMMA_THOUSANDS.match(cell) for cell in commas) and (dots or not any(c.startswith("0,") for c in commas)):
        return ".", ","
    return (".", ",") if dots else (",", "." if any("." in cell for cell in commas) else None)
