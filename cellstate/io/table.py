"""Text tables: `read_table` parses a file into a `ParsedTable`. Shape suffixes: C columns, R rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from cellstate.errors import ReadError
from cellstate.io.arrow_table import parse_blocks
from cellstate.io.layout import Layout, find_layout
from cellstate.io.source import READING, FileContent, contains, count_lines
from cellstate.io.typed_columns import OVERFLOWING, TypedColumns, convert_mostly_numeric, to_numbers
from cellstate.samples import ReadWarning

if TYPE_CHECKING:
    import pandas as pd

_PANDAS_UNNAMED = re.compile(r"Unnamed: \d+")
#: More than the transcripts of any annotation.
_MAX_LINES = 500_000
_OVERFLOWING_BYTES = re.compile(OVERFLOWING.encode())


@dataclass(frozen=True, eq=False)
class ParsedTable:
    """A parsed text table.

    Attributes
    ----------
    columns : TypedColumns
    header : tuple of str
        Names of the columns; empty where there is none.
    format : str
    warnings : tuple of str
    """

    columns: TypedColumns
    header: tuple[str, ...]
    format: str
    warnings: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.columns.n_rows

    @property
    def numeric(self) -> tuple[int, ...]:
        """Positions of the numeric columns, ascending."""
        return self.columns.numeric

    def column(self, *names: str) -> int | None:
        """Return the position of the first column with one of these names (in any case), or None."""
        lower = [name.lower() for name in self.header]
        return next((lower.index(n.lower()) for n in names if n.lower() in lower), None)

    def numbers(self, column: int) -> np.ndarray:
        """Return a column as float64; text becomes NaN."""
        if column in self.numeric:
            return self.columns.values_CR[self.numeric.index(column)].astype(np.float64)
        return to_numbers(self.columns.texts[column].to_pylist())

    def matrix(self, columns: Sequence[int]) -> np.ndarray:
        """Return numeric columns as the rows of an array; a view, without a copy, if they are adjacent."""
        row_of = {c: row for row, c in enumerate(self.numeric)}
        rows = [row_of[c] for c in columns]
        are_adjacent = bool(rows) and rows == list(range(rows[0], rows[0] + len(rows)))
        return self.columns.values_CR[slice(rows[0], rows[-1] + 1) if are_adjacent else rows]

    def text(self, column: int) -> list[str]:
        """Return a column as text: whole numbers without a decimal point, empty cells as ``""``."""
        if column in self.columns.texts:
            return ["" if text is None else text for text in self.columns.texts[column].to_pylist()]
        values = np.clip(self.numbers(column), -1e300, 1e300).tolist()
        return ["" if v != v else str(int(v)) if v == int(v) else str(v) for v in values]


def read_table(
    content: FileContent, *, skip: int = 0, drop_lines: Sequence[int] = (), delimiter: str | None = None
) -> ParsedTable:
    """Parse a text table; `cellstate.io.layout.find_layout` describes the parameters.

    Raises
    ------
    ReadError
        When the text is not a table, is too long, or is damaged.
    """
    data = content.data
    content.report_progress(READING)
    n_lines = count_lines(data)
    if n_lines > _MAX_LINES:
        raise ReadError(
            f"The table has more than {_MAX_LINES:,} lines.",
            "Upload one line per gene or transcript.",
            code="too_large",
        )
    layout = find_layout(data, skip=skip, drop_lines=drop_lines, delimiter=delimiter)
    # A cell takes at least one byte. If the header is too wide for that, one odd row would widen all others.
    if n_lines * len(layout.header) > max(2 * len(data), 1_000_000):
        raise _uneven()
    columns = parse_blocks(content, layout, n_lines + 1)
    if columns is None:
        columns = _parse_whole(data, layout)
        content.report_progress(READING, 1.0)
    if not columns.n_rows:
        raise _no_values()
    columns, header = _drop_blank_columns(convert_mostly_numeric(columns, layout.decimal), layout.header)
    n_lost = columns.n_lost
    warnings = (
        (ReadWarning(f"{n_lost:,} cells hold text where numbers belong; they count as missing.", "text_in_numbers"),)
        if n_lost
        else ()
    )
    return ParsedTable(columns, header, layout.format, warnings)


def _parse_whole(data: bytes, layout: Layout) -> TypedColumns:
    """Parse a table of any form at once, with pandas."""
    frame = _to_frame(data, layout)
    is_numeric = [dtype.kind in "iuf" for dtype in frame.dtypes]
    numeric = tuple(int(c) for c in np.flatnonzero(is_numeric))
    values_CR = frame[list(numeric)].to_numpy(np.float64).T
    # Whole numbers in the first column may be sample names that float64 cannot represent.
    text = [c for c, dtype in enumerate(frame.dtypes) if not is_numeric[c] or (c == 0 and dtype.kind in "iu")]
    # All columns are converted together: pandas needs half a millisecond for each, and a table may have 100,000.
    texts = {c: _to_text(cells) for c, cells in zip(text, frame[text].to_numpy(object).T, strict=True)}
    return TypedColumns(frame.shape[1], len(frame), values_CR, numeric, texts)


def _to_text(cells: np.ndarray) -> pa.ChunkedArray:
    """Convert cells to text, with null for NaN (the only value that differs from itself)."""
    return pa.chunked_array([pa.array([None if cell != cell else str(cell) for cell in cells], pa.string())])


def _to_frame(data: bytes, layout: Layout) -> pd.DataFrame:
    import pandas as pd

    skip_rows = list(layout.skip_rows)
    is_contiguous = skip_rows == list(range(len(skip_rows)))
    # Python's own number parser is slower, but safe for exponents that overflow.
    precision = "round_trip" if contains(data, _OVERFLOWING_BYTES) else None
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        try:
            return pd.read_csv(
                io.BytesIO(data),
                sep=r"\s+" if layout.delimiter == " " else layout.delimiter,
                header=None,
                names=range(len(layout.header)),
                index_col=None,
                skiprows=len(skip_rows) if is_contiguous else skip_rows,
                decimal=layout.decimal,
                thousands=layout.thousands,
                quoting=quoting,
                skipinitialspace=True,
                low_memory=False,
                encoding="utf-8",
                float_precision=precision,
            )
        except pd.errors.EmptyDataError as error:
            raise _no_values() from error
        except (ValueError, OverflowError) as error:  # ParserError and UnicodeDecodeError are ValueErrors
            # A single quotation mark in a description hides line ends: parse again with quotes as plain characters.
            if quoting == csv.QUOTE_NONE:
                line = re.search(r"in line (\d+)", str(error))
                raise _uneven(f"Line {line.group(1)} has more columns than the others." if line else "") from error
    raise AssertionError("unreachable")


def _no_values() -> ReadError:
    return ReadError("The file has a header but no values.", "Check that it was exported completely.", code="no_values")


def _uneven(hint: str = "Check that it was exported completely.") -> ReadError:
    return ReadError("The table is damaged: its rows differ in width.", hint, code="damaged_table")


def _drop_blank_columns(columns: TypedColumns, header: Sequence[str]) -> tuple[TypedColumns, tuple[str, ...]]:
    """Drop columns without name and values, which come from a delimiter at the end of each line.

    A table that pandas read and wrote again calls them "Unnamed: 7".
    """
    row_of = {c: row for row, c in enumerate(columns.numeric)}

    def is_blank(column: int) -> bool:
        if column in row_of:
            return bool(np.isnan(columns.values_CR[row_of[column]]).all())
        return columns.texts[column].null_count == columns.n_rows

    unnamed = [c for c, name in enumerate(header) if not name or _PANDAS_UNNAMED.fullmatch(name)]
    blank = {c for c in unnamed if is_blank(c)}
    if not blank:
        return columns, tuple(header)
    new_position = {c: at for at, c in enumerate(c for c in range(columns.n_columns) if c not in blank)}
    kept = replace(
        columns,
        n_columns=len(new_position),
        values_CR=columns.values_CR[[row for row, c in enumerate(columns.numeric) if c in new_position]],
        numeric=tuple(new_position[c] for c in columns.numeric if c in new_position),
        texts={new_position[c]: column for c, column in columns.texts.items() if c in new_position},
    )
    return kept, tuple(header[c] for c in new_position)
