"""Block-wise parsing of regular text tables with Arrow: fast, in little memory, with progress.

Arrow lets other threads run while it parses. A block that Arrow refuses is parsed by pandas as text. A table that is
not regular is not parsed here. Shape suffixes: C columns, R rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

from cellstate.io.layout import EMPTY, Layout, is_number
from cellstate.io.source import READING, FileContent
from cellstate.io.typed_columns import TypedColumns, is_mostly_numbers, parse_numbers

#: A block takes about a tenth of a second. Blocks of wide tables are larger, because every block has a fixed cost.
_BLOCK_BYTES, _BLOCK_LINES, _LARGEST_BLOCK_BYTES = 4_000_000, 100, 32_000_000
#: Arrow needs kilobytes per column of a block. Tables with more columns than this per row are not parsed by it.
_COLUMNS_PER_ROW = 50
#: Cells that pandas reads as missing, from its documentation.
MISSING = frozenset((
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
))  # fmt: skip
#: Larger whole numbers are not exact as float64, so that names of that kind must be read as text.
_EXACT = 2.0**53


class _Irregular(Exception):  # noqa: N818 -- a signal, not a failure
    """The table cannot be parsed in blocks."""


def parse_blocks(content: FileContent, layout: Layout, n_lines: int) -> TypedColumns | None:
    """Parse a table of at most ``n_lines`` lines in blocks; return None where that is not possible.

    Columns with numbers in the rows of ``layout`` are parsed as numbers. If one turns out to be text, the table is
    parsed again with that column as text.
    """
    is_short = _COLUMNS_PER_ROW * n_lines < len(layout.header)
    if (
        is_short
        or layout.delimiter == " "
        or layout.thousands
        or layout.skip_rows != tuple(range(len(layout.skip_rows)))
    ):
        return None
    text = _text_columns(layout)
    try:
        while True:
            columns, more_text = _parse_once(content, layout, n_lines, text)
            if not more_text:
                return columns
            text |= more_text
    except _Irregular:
        return None


def _text_columns(layout: Layout) -> set[int]:
    """Return the columns that are text in the rows of the layout."""
    n_numbers_C, n_lost_C, n_odd_C = np.zeros((3, len(layout.header)), int)
    for row in layout.rows:
        for c, cell in enumerate(row):
            if (cell := cell.strip()) not in MISSING:
                is_dash = cell.lower() in EMPTY and not cell.lower().endswith("inf")
                is_text = not is_dash and not is_number(cell, layout.delimiter)
                n_numbers_C[c] += not is_dash and not is_text
                n_lost_C[c] += is_text
                n_odd_C[c] += is_dash or is_text
    return set(np.flatnonzero((n_odd_C > 0) & ~is_mostly_numbers(n_numbers_C, n_lost_C)).tolist())


def _parse_once(content: FileContent, layout: Layout, n_lines: int, text: set[int]) -> tuple[TypedColumns, set[int]]:
    """Return the columns, and those of the numeric ones that turned out to be text."""
    data, n_columns = content.data, len(layout.header)
    numeric = [c for c in range(n_columns) if c not in text]
    values_CR = np.empty((len(numeric), 0), np.float32)
    parts: dict[int, list[pa.Array]] = {c: [] for c in sorted(text)}
    (n_lost_C, n_odd_C), n_rows = np.zeros((2, len(numeric)), int), 0
    parse = _BlockParser(layout, numeric, sorted(text))
    for begin, end in _blocks(data, len(layout.skip_rows)):
        numbers_CR, found, lost_C, odd_C = parse(data, begin, end)
        n = numbers_CR.shape[1] if numeric else len(next(iter(found.values())))
        if n_rows + n > n_lines:
            raise _Irregular
        # float32 holds counts exactly, in half the memory.
        is_exact = values_CR.dtype == np.float32 and _fits_float32(numbers_CR)
        if not n_rows or (values_CR.dtype == np.float32 and not is_exact):
            grown_CR = np.empty((len(numeric), n_lines), np.float32 if is_exact else np.float64)
            grown_CR[:, :n_rows] = values_CR[:, :n_rows]
            values_CR = grown_CR
        values_CR[:, n_rows : n_rows + n] = numbers_CR
        for c, column in found.items():
            parts[c].append(column)
        n_lost_C += lost_C
        n_odd_C += odd_C
        n_rows += n
        content.report_progress(READING, end / len(data))
    values_CR = values_CR[:, :n_rows]
    if numeric and numeric[0] == 0 and np.any(np.abs(values_CR[0]) >= _EXACT):
        raise _Irregular
    odd = np.flatnonzero(n_odd_C)
    n_numbers = np.array([np.count_nonzero(~np.isnan(values_CR[i])) for i in odd], int)
    more_text = {numeric[i] for i in odd[~is_mostly_numbers(n_numbers, n_lost_C[odd])]}
    texts = {c: pa.chunked_array(columns, pa.string()) for c, columns in parts.items()}
    return TypedColumns(n_columns, n_rows, values_CR, tuple(numeric), texts, int(n_lost_C.sum())), more_text


def _fits_float32(values: np.ndarray) -> bool:
    with np.errstate(over="ignore"):
        differ = values.astype(np.float32) != values  # NaN differs from itself
    return np.count_nonzero(differ) == np.count_nonzero(np.isnan(values))


def _blocks(data: bytes, n_skipped: int) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each block of whole lines, after ``n_skipped`` lines."""
    begin = 0
    for _ in range(n_skipped):
        begin = data.find(b"\n", begin) + 1 or len(data)
    line = (data.find(b"\n", begin) + 1 or len(data)) - begin
    size = min(max(_BLOCK_BYTES, _BLOCK_LINES * line), _LARGEST_BLOCK_BYTES)
    while begin < len(data):
        end = data.find(b"\n", begin + size) + 1 or len(data)
        yield begin, end
        begin = end


class _Block(NamedTuple):
    """A parsed block.

    Attributes
    ----------
    numbers_CR : ndarray, shape (numeric columns, rows)
    texts : dict of column to Arrow array
    n_lost_C : ndarray or int
        Cells with text, for each numeric column.
    n_odd_C : ndarray or int
        Cells that are neither empty nor a number, for each numeric column: text, or a mark such as a dash.
    """

    numbers_CR: np.ndarray
    texts: dict[int, pa.Array]
    n_lost_C: np.ndarray | int = 0
    n_odd_C: np.ndarray | int = 0


class _BlockParser:
    """Parses the blocks of one table."""

    def __init__(self, layout: Layout, numeric: Sequence[int], text: Sequence[int]) -> None:
        self._layout, self._numeric, self._text = layout, list(numeric), list(text)
        self._names = [str(c) for c in range(len(layout.header))]
        kinds = {str(c): pa.float64() for c in numeric} | {str(c): pa.string() for c in text}
        self._parse = pyarrow.csv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True)
        self._convert = pyarrow.csv.ConvertOptions(
            column_types=kinds, null_values=list(MISSING), strings_can_be_null=True, decimal_point=layout.decimal
        )

    def __call__(self, data: bytes, begin: int, end: int) -> _Block:
        if data.find(b'"', begin, end) >= 0:
            # A quoted cell of several lines may extend over blocks.
            if data.count(b'"', begin, end) % 2:
                raise _Irregular
            # For pandas, a quote after delimiter and space begins a quoted cell; for Arrow it does not.
            if data.find(f'{self._layout.delimiter} "'.encode(), begin, end) >= 0:
                return self._as_text(data, begin, end)
        try:
            batch = self._by_arrow(data, begin, end)
        except pa.ArrowInvalid:
            return self._as_text(data, begin, end)
        found = {c: batch.column(c) for c in self._text}
        if not self._numeric:
            return _Block(np.empty((0, batch.num_rows)), found)
        numbers_CR = batch.select(self._numeric).to_tensor(null_to_nan=True, row_major=False).to_numpy().T
        # Infinity counts as missing, whether spelled out or from too large an exponent; pandas handles both.
        return self._as_text(data, begin, end) if np.isinf(numbers_CR).any() else _Block(numbers_CR, found)

    def _by_arrow(self, data: bytes, begin: int, end: int) -> pa.RecordBatch:
        options = pyarrow.csv.ReadOptions(column_names=self._names, block_size=end - begin + 1, use_threads=False)
        block = pa.BufferReader(pa.py_buffer(data).slice(begin, end - begin))
        # The system pool frees the memory of each block; Arrow's own pool would keep it.
        table = pyarrow.csv.read_csv(block, options, self._parse, self._convert, pa.system_memory_pool())
        return table.combine_chunks().to_batches()[0]

    def _as_text(self, data: bytes, begin: int, end: int) -> _Block:
        import pandas as pd

        try:
            frame = pd.read_csv(
                io.BytesIO(data[begin:end]),
                sep=self._layout.delimiter,
                header=None,
                names=range(len(self._names)),
                index_col=None,
                dtype=object,
                quoting=csv.QUOTE_MINIMAL,
                skipinitialspace=True,
                low_memory=False,
                encoding="utf-8",
            )
        except ValueError as error:  # rows that are too wide, unmatched quotes
            raise _Irregular from error
        cells = frame[self._numeric].to_numpy(object)
        numbers_RC, lost_RC = parse_numbers(cells, self._layout.decimal)
        found = {c: pa.array(frame[c], pa.string(), from_pandas=True) for c in self._text}
        odd_RC = pd.notna(cells) & np.isnan(numbers_RC)
        return _Block(numbers_RC.T, found, lost_RC.sum(axis=0), odd_RC.sum(axis=0))
