"""Read a sample sheet: a table with one row a sample, its name in one column and its group in another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cellstate.errors import ReadError, summarise_list
from cellstate.formatting import one_line
from cellstate.io.layout import split
from cellstate.io.source import load_content

#: As many samples as a file may hold, with long names.
MAX_BYTES, MAX_ROWS = 5_000_000, 20_001
MAX_COLUMNS = 200
#: A group's name is cut beyond this.
MAX_CHARS = 60
_HINT = "It needs one row a sample: the sample's name, then its group, with a comma or tab between."
_GROUP_TITLE = re.compile(r"group|condition|^(label|class|arm)$", re.IGNORECASE)


@dataclass(frozen=True)
class SampleSheet:
    """The groups of a sample sheet.

    Attributes
    ----------
    labels : dict of str to str
        Group of each sample that the sheet and the file share.
    unknown : tuple of str
        Names of the sheet that no sample has, in its order.
    column : str
        Title of the column that the groups were taken from; empty where the sheet has no titles.
    """

    labels: dict[str, str]
    unknown: tuple[str, ...]
    column: str


def read_sheet(data: bytes, names: Sequence[str], *, source: str = "The sheet") -> SampleSheet:
    """Read a sample sheet.

    The column of sample names is the one that holds most of them. The groups are in the only other column, or in the
    first that is titled group or condition, or in the next.

    Parameters
    ----------
    data : bytes
        Text of any encoding, with commas, tabs or semicolons; or several spaces. With or without titles.
    names : sequence of str
        The file's samples.

    Raises
    ------
    ReadError
        When it is no such table, or names none of the samples.
    """
    if len(data) > MAX_BYTES:
        raise ReadError(f"{source} is larger than {MAX_BYTES // 1_000_000} MB.", _HINT)
    content = load_content(data, source)
    if content.is_hdf5:
        raise ReadError(f"{source} is an HDF5 file.", _HINT)
    lines = [line for line in content.data.decode().splitlines() if line.strip()]
    if len(lines) > MAX_ROWS:
        raise ReadError(f"{source} has more than {MAX_ROWS - 1:,} rows.", _HINT)
    wanted = set(names)
    # Names may contain commas: the right delimiter finds the most names.
    cells = max(_split(lines), key=lambda table: (len(table[0]) > 1, max(_hits(table, wanted))))
    if len(cells[0]) < 2:
        raise ReadError(f"{source} has one column only.", _HINT)
    hits = _hits(cells, wanted)
    by = hits.index(max(hits))
    if not hits[by]:
        raise ReadError(
            f"{source} names none of the file's samples, for example {cells[-1][0]!r}.",
            f"The samples are called {summarise_list([repr(name) for name in names])}.",
        )
    has_titles = cells[0][by] not in wanted
    titles, body = (cells[0], cells[1:]) if has_titles else ([""] * len(cells[0]), cells)
    of = _group_column(titles, by)
    labels = {row[by]: row[of][:MAX_CHARS] for row in body if row[by] in wanted and row[of]}
    unknown = tuple(dict.fromkeys(row[by] for row in body if row[by] and row[by] not in wanted))
    return SampleSheet(labels, unknown, titles[of])


def annotations_in(rows: Sequence[Sequence[str]], names: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the columns about samples in a sheet of a workbook.

    Parameters
    ----------
    rows : sequence of sequence of str
    names : sequence of str
        The samples.

    Returns
    -------
    tuple of (str, tuple of str)
        Title, and the value of each sample (empty where the sheet has none); empty if no column names half of them.
    """
    width, wanted = max(map(len, rows), default=0), set(names)
    cells = [[one_line(cell) for cell in row] + [""] * (width - len(row)) for row in rows]
    hits = _hits(cells, wanted)
    if not hits or max(hits) < max(1, len(wanted) / 2):
        return ()
    by = hits.index(max(hits))
    of_name = {row[by]: row for row in reversed(cells) if row[by] in wanted}
    # The titles are in the last row above the first sample.
    first = next(number for number, row in enumerate(cells) if row[by] in wanted)
    titles = cells[first - 1] if first else [f"column {c + 1}" for c in range(width)]
    found = ((titles[c], tuple(of_name[n][c] if n in of_name else "" for n in names)) for c in range(width) if c != by)
    return tuple((title, values) for title, values in found if title and any(values))[:MAX_COLUMNS]


def _split(lines: Sequence[str]) -> Iterator[list[list[str]]]:
    """Yield the cells of each line by each delimiter, every row as wide as the widest."""
    # After a name that ends at the first blank, everything is the group.
    for rows in (*(split(lines, mark) for mark in "\t,;"), [line.split(None, 1) for line in lines]):
        width = max(map(len, rows))
        if len(rows[0]) == width - 1:  # R leaves the title of its row names out
            rows[0].insert(0, "")
        yield [[one_line(cell) for cell in row] + [""] * (width - len(row)) for row in rows]


def _hits(cells: Sequence[Sequence[str]], wanted: set[str]) -> list[int]:
    """Count the cells of each column that are a sample's name."""
    return [sum(cell in wanted for cell in column) for column in zip(*cells, strict=True)]


def _group_column(titles: Sequence[str], by: int) -> int:
    others = [c for c in range(len(titles)) if c != by]
    named = [c for c in others if _GROUP_TITLE.search(titles[c])]
    after = [c for c in others if c > by]
    return (named or after or others)[0]
