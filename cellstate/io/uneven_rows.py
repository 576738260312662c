"""Rows with more cells than the others: a remark typed beside the table, or a delimiter inside a description."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from cellstate.errors import ReadError
from cellstate.io.layout import Layout, split
from cellstate.io.number_text import is_number

#: More odd rows than this share are no accident.
_MAX_SHARE = 0.05


def mend_rows(data: bytes, layout: Layout) -> tuple[bytes, tuple[int, ...]]:
    """Return the text of a table with all rows as wide as its header, and the numbers of the lines that were mended.

    Empty surplus cells are dropped, and so is surplus text at the end of a row. Text that pushes the numbers aside is
    joined to the cell before it.

    Raises
    ------
    ReadError
        When a surplus cell could be a value, or many rows are odd.
    """
    width, mended = len(layout.header), []
    numeric = _numeric_columns(layout)
    lines = data.split(b"\n")
    skipped = set(layout.skip_rows)
    for number, line in enumerate(lines):
        if number in skipped or line.count(layout.delimiter.encode()) < width:
            continue
        cells = split([line.decode("utf-8", errors="replace").rstrip("\r")], layout.delimiter)[0]
        if len(cells) <= width:
            continue
        if any(cell.strip() for cell in cells[width:]):
            mended.append(number + 1)
        row = _fit(cells, width, numeric)
        if row is None or len(mended) > max(20, _MAX_SHARE * len(lines)):
            raise uneven_rows(f"Line {number + 1} has more columns than the others.")
        text = io.StringIO()
        csv.writer(text, delimiter=layout.delimiter, lineterminator="").writerow(row)
        lines[number] = text.getvalue().encode()
    return b"\n".join(lines), tuple(mended)


def uneven_rows(hint: str = "Check that it was exported completely.") -> ReadError:
    """Return the error for a table whose rows differ in width."""
    return ReadError("The table is damaged: its rows differ in width.", hint, code="damaged_table")


def _numeric_columns(layout: Layout) -> list[int]:
    rows = [row for row in layout.rows if len(row) == len(layout.header)]
    return [
        c
        for c in range(len(layout.header))
        if rows and sum(is_number(row[c], layout.delimiter) for row in rows) > 0.8 * len(rows)
    ]


def _fit(cells: list[str], width: int, numeric: Sequence[int]) -> list[str] | None:
    """Return the cells in ``width`` columns; None if it is not clear which of them are values."""
    surplus = len(cells) - width

    def fits(row: list[str]) -> bool:
        return all(is_number(row[c]) for c in numeric)

    if fits(cells[:width]):
        is_safe = not any(cell.strip() and is_number(cell) for cell in cells[width:])
        return cells[:width] if is_safe else None
    for at in range(width):
        joined = [*cells[:at], " ".join(cells[at : at + surplus + 1]), *cells[at + surplus + 1 :]]
        if at not in numeric and fits(joined):
            return joined
    return None
