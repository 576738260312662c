"""A text table, parsed: its header, its columns of numbers and of text. Shape suffixes: C columns, R rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from cellstate.errors import ReadError
from cellstate.io.blocks import read_blocks
from cellstate.io.cells import OVERFLOWING, Cells, numbers_where_mostly, to_numbers
from cellstate.io.content import Content
from cellstate.io.layout import Layout, find_layout
from cellstate.io.pieces import count_lines, found_in
from cellstate.io.progress import READING

_PANDAS_UNNAMED = re.compile(r"Unnamed: \d+")
#: Transcripts of all annotations are fewer.
_MAX_LINES = 500_000
_OVERFLOWING_BYTES = re.compile(OVERFLOWING.encode())


@dataclass(frozen=True, eq=False)
class Grid:
    """A parsed text table.

    Attributes
    ----------
    cells : Cells
    header : tuple of str
        One name a column, empty where there is none.
    format : str
    warnings : tuple of str
    """

    cells: Cells
    header: tuple[str, ...]
    format: str
    warnings: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.cells.n_rows

    def column(self, *names: str) -> int | None:
        """Return the position of the first column called so, whatever the case, or None."""
        lower = [name.lower() for name in self.header]
        return next((lower.index(n.lower()) for n in names if n.lower() in lower), None)

    @property
    def numeric(self) -> tuple[int, ...]:
        """The columns of numbers, ascending."""
        return self.cells.numeric

    def numbers(self, column: int) -> np.ndarray:
        """Return a column as float64; text in it becomes NaN."""
        if column in self.numeric:
            return self.cells.values_CR[self.numeric.index(column)].astype(np.float64)
        return to_numbers(pd.Series(self.cells.texts[column].to_pylist(), dtype=object))

    def matrix(self, columns: Sequence[int]) -> np.ndarray:
        """Return columns of numbers, one a row of the result, as they are held: side by side they are not copied."""
        row_of = {c: row for row, c in enumerate(self.numeric)}
        rows = [row_of[c] for c in columns]
        side_by_side = bool(rows) and rows == list(range(rows[0], rows[0] + len(rows)))
        return self.cells.values_CR[slice(rows[0], rows[-1] + 1) if side_by_side else rows]

    def text(self, column: int) -> list[str]:
        """Return a column as text, whole numbers without a decimal point, empty cells as ``""``."""
        if column in self.cells.texts:
            return ["" if text is None else text for text in self.cells.texts[column].to_pylist()]
        values = np.clip(self.numbers(column), -1e300, 1e300).tolist()
        return ["" if v != v else str(int(v)) if v == int(v) else str(v) for v in values]


def read_grid(content: Content, *, skip: int = 0, drop_lines: Sequence[int] = (), delimiter: str | None = None) -> Grid:
    """Parse a text table; `find_layout` tells what the parameters are.

    Raises
    ------
    ReadError
        When the text is no table, is too long, or is damaged.
    """
    data = content.data
    content.told(READING)
    n_lines = count_lines(data)
    if n_lines > _MAX_LINES:
        raise ReadError(f"The table has more than {_MAX_LINES:,} lines.", "Upload one line per gene or transcript.")
    layout = find_layout(data, skip=skip, drop_lines=drop_lines, delimiter=delimiter)
    # Every cell takes a byte, so most rows lack most of the columns: one odd row would widen all others.
    if n_lines * len(layout.header) > max(2 * len(data), 1_000_000):
        raise _uneven()
    cells = read_blocks(content, layout, n_lines + 1)
    if cells is None:
        cells = _by_pandas(data, layout)
        content.told(READING, 1.0)
    if not cells.n_rows:
        raise ReadError("The file has a header but no values.", "Check that it was exported completely.")
    cells, header = _drop_blank_columns(numbers_where_mostly(cells, layout.decimal), layout.header)
    n_text = cells.n_lost
    warnings = (f"{n_text:,} cells hold text where numbers belong; they count as missing.",) if n_text else ()
    return Grid(cells, header, layout.format, warnings)


def _by_pandas(data: bytes, layout: Layout) -> Cells:
    """Read the table in one piece, however odd it is."""
    frame = _parse(data, layout)
    is_numeric = [kind.kind in "iuf" for kind in frame.dtypes]
    numeric = tuple(int(c) for c in np.flatnonzero(is_numeric))
    values_CR = frame[list(numeric)].to_numpy(np.float64).T
    # The names of samples may be whole numbers that float64 cannot hold.
    text = [c for c, kind in enumerate(frame.dtypes) if not is_numeric[c] or (c == 0 and kind.kind in "iu")]
    # pandas takes half a millisecond for a column, however short, and a table may have 100,000.
    texts = {c: _texts(cells) for c, cells in zip(text, frame[text].to_numpy(object).T, strict=True)}
    return Cells(frame.shape[1], len(frame), values_CR, numeric, texts)


def _texts(cells: np.ndarray) -> pa.ChunkedArray:
    """Return cells as text, null where one is empty (NaN, which alone differs from itself)."""
    return pa.chunked_array([pa.array([None if cell != cell else str(cell) for cell in cells], pa.string())])


def _parse(data: bytes, layout: Layout) -> pd.DataFrame:
    skip_rows = list(layout.skip_rows)
    contiguous = skip_rows == list(range(len(skip_rows)))
    # Python's own reading of numbers is slower, and safe.
    precision = "round_trip" if found_in(data, _OVERFLOWING_BYTES) else None
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        try:
            return pd.read_csv(
                io.BytesIO(data),
                sep=r"\s+" if layout.delimiter == " " else layout.delimiter,
                header=None,
                names=range(len(layout.header)),
                index_col=None,
                skiprows=len(skip_rows) if contiguous else skip_rows,
                decimal=layout.decimal,
                thousands=layout.thousands,
                quoting=quoting,
                skipinitialspace=True,
                low_memory=False,
                encoding="utf-8",
                float_precision=precision,
            )
        except pd.errors.EmptyDataError as error:
            raise ReadError("The file has a header but no values.", "Check that it was exported completely.") from error
        except (ValueError, OverflowError) as error:  # ParserError and UnicodeDecodeError are ValueErrors
            # A lone quotation mark in a description swallows lines: try again taking quotes as plain characters.
            if quoting == csv.QUOTE_NONE:
                line = re.search(r"in line (\d+)", str(error))
                where = f"Line {line.group(1)} has more columns than the others." if line else ""
                raise _uneven(where) from error
    raise AssertionError("unreachable")


def _uneven(where: str = "Check that it was exported completely.") -> ReadError:
    return ReadError("The table is damaged: its rows differ in width.", where)


def _drop_blank_columns(cells: Cells, header: Sequence[str]) -> tuple[Cells, tuple[str, ...]]:
    """Drop unnamed columns without any value, as a delimiter at the end of each line leaves them.

    pandas, when it writes such a table again, names them "Unnamed: 7".
    """
    row_of = {c: row for row, c in enumerate(cells.numeric)}

    def is_blank(column: int) -> bool:
        if column in row_of:
            return bool(np.isnan(cells.values_CR[row_of[column]]).all())
        return cells.texts[column].null_count == cells.n_rows

    unnamed = [c for c, name in enumerate(header) if not name or _PANDAS_UNNAMED.fullmatch(name)]
    blank = {c for c in unnamed if is_blank(c)}
    if not blank:
        return cells, tuple(header)
    keep = {c: at for at, c in enumerate(c for c in range(cells.n_columns) if c not in blank)}
    kept = replace(
        cells,
        n_columns=len(keep),
        values_CR=cells.values_CR[[row for row, c in enumerate(cells.numeric) if c in keep]],
        numeric=tuple(keep[c] for c in cells.numeric if c in keep),
        texts={keep[c]: column for c, column in cells.texts.items() if c in keep},
    )
    return kept, tuple(header[c] for c in keep)
