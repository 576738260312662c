"""Text tables: `read_table` parses a file, whose layout `cellstate.io.layout` detects, into a `ParsedTable`.

A regular table is parsed in blocks with Arrow: fast, in little memory, with progress, and other threads run meanwhile.
A block that Arrow refuses is parsed by pandas as text; a table that is not regular is parsed by pandas at once.
Shape suffixes: C columns, R rows.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

from cellstate.errors import ReadError, summarise_list
from cellstate.expression.gene_names import resolve_names
from cellstate.expression.reading import MAX_SAMPLES, READING, ReadWarning, check_size, cut_name
from cellstate.formatting import plural
from cellstate.io.layout import Layout, find_layout, mend_rows, uneven_rows
from cellstate.io.number_text import (
    EMPTY,
    OVERFLOWING,
    NumberMarks,
    is_number,
    parse_numbers,
    to_numbers,
    without_blank_groups,
)
from cellstate.io.source import FileContent, contains, count_lines

if TYPE_CHECKING:
    import pandas as pd

#: More than the transcripts of any annotation.
_MAX_LINES = 500_000
#: Cells that pandas reads as missing, from its documentation.
MISSING = frozenset((
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
))  # fmt: skip
#: First characters of numbers, also of "inf" and of limits.
_NUMBER_STARTS = frozenset("0123456789+-.,iI<≤")
_OVERFLOWING_BYTES = re.compile(OVERFLOWING.encode())
#: Name of a column without one in a table that pandas read and wrote again.
_PANDAS_UNNAMED = re.compile(r"Unnamed: \d+")
#: A column with at least this share of numbers is numeric; its other cells count as missing.
_MIN_SHARE_OF_NUMBERS = 0.8
#: Columns are looked at in groups of this many cells: one by one is slow for wide tables, all at once needs memory.
_CELLS_PER_GROUP, _ROWS_LOOKED_AT = 2_000_000, 500
#: A block takes about a tenth of a second. Blocks of wide tables are larger, because every block has a fixed cost.
_BLOCK_BYTES, _BLOCK_LINES, _LARGEST_BLOCK_BYTES = 4_000_000, 100, 32_000_000
#: Arrow needs kilobytes per column of a block. Tables with more columns than this per row are not parsed by it.
_COLUMNS_PER_ROW = 50
#: Larger whole numbers are not exact as float64, so that names of that kind must be read as text.
_EXACT = 2.0**53
#: A header with fewer genes names samples.
_FEW_GENES = 100
#: Lines that a sentence lists.
_LISTED_LINES = 5


@dataclass(frozen=True, eq=False)
class ParsedTable:
    """A parsed text table.

    Attributes
    ----------
    header : tuple of str
        Names of the columns; empty where there is none.
    format : str
    values_CR : ndarray, shape (numeric columns, rows)
        NaN where a cell is empty. float32 if that holds every number exactly (as for counts), otherwise float64.
    numeric : tuple of int
        Positions of the numeric columns, ascending: the rows of ``values_CR``.
    texts : mapping of int to pyarrow string array of length R
        The other columns; null where a cell is empty. A numeric column may be here too, with its original spelling.
    n_lost : int
        Cells of numeric columns that are text and count as missing.
    notes : tuple of ReadWarning
        What the user should know about the layout.
    """

    header: tuple[str, ...]
    format: str
    values_CR: np.ndarray
    numeric: tuple[int, ...]
    texts: Mapping[int, pa.ChunkedArray]
    n_lost: int = 0
    notes: tuple[ReadWarning, ...] = ()

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.values_CR.shape[1]

    @property
    def text_columns(self) -> list[int]:
        """Positions of the columns that are not numeric, ascending."""
        return sorted(set(range(len(self.header))) - set(self.numeric))

    @property
    def warnings(self) -> tuple[ReadWarning, ...]:
        """Warnings for the user."""
        text = f"{self.n_lost:,} cells hold text where numbers belong; they count as missing."
        return (*self.notes, ReadWarning(text, "text_in_numbers")) if self.n_lost else self.notes

    def column(self, *names: str) -> int | None:
        """Return the position of the first column with one of these names (in any case), or None."""
        lower = [name.lower() for name in self.header]
        return next((lower.index(n.lower()) for n in names if n.lower() in lower), None)

    def numbers(self, column: int) -> np.ndarray:
        """Return a column as float64; text becomes NaN."""
        if column in self.numeric:
            return self.values_CR[self.numeric.index(column)].astype(np.float64)
        return to_numbers(self.texts[column].to_pylist())

    def matrix(self, columns: Sequence[int]) -> np.ndarray:
        """Return numeric columns as the rows of an array; a view, without a copy, if they are adjacent."""
        row_of = {c: row for row, c in enumerate(self.numeric)}
        rows = [row_of[c] for c in columns]
        are_adjacent = bool(rows) and rows == list(range(rows[0], rows[0] + len(rows)))
        return self.values_CR[slice(rows[0], rows[-1] + 1) if are_adjacent else rows]

    def text(self, column: int) -> list[str]:
        """Return a column as text: whole numbers without a decimal point, empty cells as ``""``."""
        if column in self.texts:
            return ["" if text is None else text for text in self.texts[column].to_pylist()]
        values = np.clip(self.numbers(column), -1e300, 1e300).tolist()
        return ["" if v != v else str(int(v)) if v == int(v) else str(v) for v in values]


def read_table(
    content: FileContent, *, skip: int = 0, drop_lines: Sequence[int] = (), delimiter: str | None = None
) -> ParsedTable:
    """Parse a text table; `find_layout` describes the parameters.

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
        raise uneven_rows()
    _check_width(layout, n_lines)
    if layout.marks.thousands == " ":
        content = replace(content, data=without_blank_groups(data))
    mended: tuple[int, ...] = ()
    try:
        table = _parse(content, layout, n_lines + 1)
    except _TooWide as error:
        data, mended = mend_rows(content.data, layout)
        try:
            table = _parse(replace(content, data=data), layout, n_lines + 1)
        except _TooWide:
            raise uneven_rows(str(error)) from error
    content.report_progress(READING, 1.0)
    if not table.n_rows:
        raise _no_values()
    table = replace(table, notes=tuple(_layout_notes(layout, mended)))
    return _drop_blank_columns(_convert_mostly_numeric(table, layout.marks))


def _check_width(layout: Layout, n_lines: int) -> None:
    """Refuse a table of too many samples by its header, before its cells are parsed."""
    if len(layout.header) > MAX_SAMPLES and resolve_names("", list(layout.header)).n_genes < _FEW_GENES:
        check_size(len(layout.header), n_lines)


def _parse(content: FileContent, layout: Layout, n_lines: int) -> ParsedTable:
    return _parse_blocks(content, layout, n_lines) or _parse_whole(content.data, layout)


def _layout_notes(layout: Layout, mended: Sequence[int]) -> Iterator[ReadWarning]:
    """Warn about what was found above the rows, beside them and in them."""
    if mended:
        listed = summarise_list([f"{line:,}" for line in mended], _LISTED_LINES)
        subject = "Line" if len(mended) == 1 else "Lines"
        verb = "has" if len(mended) == 1 else "have"
        text = f"{subject} {listed} {verb} more cells than the others; the surplus text was left out."
        yield ReadWarning(text, "wide_rows")
    if layout.titles:
        text = f"The header was found below {plural(len(layout.titles), 'other line')}, which were left out."
        yield ReadWarning(text.replace("line, which were", "line, which was"), "lines_above_header")
    if layout.sample_rows:
        names = summarise_list([cut_name(name) or "without a name" for name in layout.sample_rows])
        n = len(layout.sample_rows)
        text = f"{plural(n, 'row')} below the header {'is' if n == 1 else 'are'} no gene and left out: {names}."
        yield ReadWarning(text, "rows_about_samples")
    if layout.has_limits:
        yield ReadWarning("Limits of detection such as <0.1 are read as half of the limit.", "detection_limits")


def _no_values() -> ReadError:
    return ReadError("The file has a header but no values.", "Check that it was exported completely.", code="no_values")


# --- text to numbers ---


def _is_mostly_numbers(n_numbers: np.ndarray, n_lost: np.ndarray) -> np.ndarray:
    """Return whether a column is numeric, from its number of numbers and of cells with text."""
    return n_numbers >= _MIN_SHARE_OF_NUMBERS * np.maximum(1, n_numbers + n_lost)


def _convert_mostly_numeric(table: ParsedTable, marks: NumberMarks) -> ParsedTable:
    """Convert the text columns that hold mostly numbers to numbers."""
    rows = range(0, table.n_rows, max(1, table.n_rows // _ROWS_LOOKED_AT))
    candidates: list[int] = []
    for group, some_RC in _groups(table, table.text_columns, rows):
        # A fast test excludes columns of names.
        starts_RC = [[cell is not None and cell.strip()[:1] in _NUMBER_STARTS for cell in row] for row in some_RC]
        if (np.mean(starts_RC, axis=0) < _MIN_SHARE_OF_NUMBERS / 2).all():
            continue
        share_C = (~np.isnan(parse_numbers(some_RC, marks)[0])).mean(axis=0)
        candidates += [c for c, share in zip(group, share_C, strict=True) if share >= _MIN_SHARE_OF_NUMBERS / 2]
    converted: dict[int, np.ndarray] = {}
    n_lost = table.n_lost
    for group, all_RC in _groups(table, candidates):
        numbers_RC, is_text_RC = parse_numbers(all_RC, marks)
        is_numeric_C = _is_mostly_numbers((~np.isnan(numbers_RC)).sum(axis=0), is_text_RC.sum(axis=0))
        converted |= {c: numbers_RC[:, i] for i, c in enumerate(group) if is_numeric_C[i]}
        n_lost += int(is_text_RC[:, is_numeric_C].sum())
    if not converted:
        return table
    values = dict(zip(table.numeric, table.values_CR, strict=True)) | converted
    numeric = tuple(sorted(values))
    texts = {c: column for c, column in table.texts.items() if c not in converted}
    return replace(table, values_CR=np.stack([values[c] for c in numeric]), numeric=numeric, texts=texts, n_lost=n_lost)


def _groups(
    table: ParsedTable, positions: list[int], rows: range | None = None
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Yield groups of text columns as arrays of shape (rows, columns of the group); all rows or the given ones."""

    def cells(column: pa.ChunkedArray) -> np.ndarray:
        return np.array(column.to_pylist() if rows is None else [column[row].as_py() for row in rows], dtype=object)

    size = max(1, _CELLS_PER_GROUP // (table.n_rows if rows is None else len(rows)))
    for start in range(0, len(positions), size):
        group = positions[start : start + size]
        yield group, np.stack([cells(table.texts[c]) for c in group], axis=1)


def _drop_blank_columns(table: ParsedTable) -> ParsedTable:
    """Drop columns without name and values, which come from a delimiter at the end of each line."""
    row_of = {c: row for row, c in enumerate(table.numeric)}

    def is_blank(column: int) -> bool:
        name = table.header[column]
        if name and not _PANDAS_UNNAMED.fullmatch(name):
            return False
        if column in row_of:
            return bool(np.isnan(table.values_CR[row_of[column]]).all())
        return table.texts[column].null_count == table.n_rows

    kept = [c for c in range(len(table.header)) if not is_blank(c)]
    if len(kept) == len(table.header):
        return table
    position = {c: at for at, c in enumerate(kept)}
    return replace(
        table,
        header=tuple(table.header[c] for c in kept),
        values_CR=table.values_CR[[row_of[c] for c in table.numeric if c in position]],
        numeric=tuple(position[c] for c in table.numeric if c in position),
        texts={position[c]: column for c, column in table.texts.items() if c in position},
    )


# --- parsing with pandas ---


def _parse_whole(data: bytes, layout: Layout) -> ParsedTable:
    """Parse a table of any form at once, with pandas."""
    frame = _to_frame(data, layout)
    is_numeric = [dtype.kind in "iuf" for dtype in frame.dtypes]
    numeric = tuple(int(c) for c in np.flatnonzero(is_numeric))
    values_CR = frame[list(numeric)].to_numpy(np.float64).T
    # Whole numbers in the first column may be sample names that float64 cannot represent.
    text = [c for c, dtype in enumerate(frame.dtypes) if not is_numeric[c] or (c == 0 and dtype.kind in "iu")]
    # All columns are converted together: pandas needs half a millisecond for each, and a table may have 100,000.
    texts = {c: _to_text(cells) for c, cells in zip(text, frame[text].to_numpy(object).T, strict=True)}
    return ParsedTable(layout.header, layout.format, values_CR, numeric, texts)


def _to_text(cells: np.ndarray) -> pa.ChunkedArray:
    """Convert cells to text, with null for NaN (the only value that differs from itself)."""
    return pa.chunked_array([pa.array([None if cell != cell else str(cell) for cell in cells], pa.string())])


class _TooWide(ValueError):  # noqa: N818 -- a signal, not a failure
    """Some rows have more cells than the header."""


def _to_frame(data: bytes, layout: Layout) -> pd.DataFrame:
    skip_rows = len(layout.skip_rows) if layout.skips_a_prefix else list(layout.skip_rows)
    # Python's own number parser is slower, but safe for exponents that overflow.
    precision = "round_trip" if contains(data, _OVERFLOWING_BYTES) else None
    thousands = None if layout.marks.thousands == " " else layout.marks.thousands
    numbers = {"decimal": layout.marks.decimal, "thousands": thousands, "float_precision": precision}
    try:
        return _read_csv(data, layout, skiprows=skip_rows, **numbers)
    except (ValueError, OverflowError):  # ParserError, UnicodeDecodeError and EmptyDataError are ValueErrors
        pass
    try:
        # A single quotation mark in a description hides line ends: parse again with quotes as plain characters.
        return _read_csv(data, layout, skiprows=skip_rows, quoting=csv.QUOTE_NONE, **numbers)
    except (ValueError, OverflowError) as error:
        line = re.search(r"in line (\d+)", str(error))
        raise _TooWide(f"Line {line.group(1)} has more columns than the others." if line else "") from error


def _read_csv(data: bytes, layout: Layout, **options: Any) -> pd.DataFrame:
    """Parse text with pandas; raise ``ValueError`` where a row has more cells than the header."""
    import pandas as pd

    width = len(layout.header)
    frame = pd.read_csv(
        io.BytesIO(data),
        sep=r"\s+" if layout.delimiter == " " else layout.delimiter,
        header=None,
        names=range(width + 1),  # one more, which shows the rows that are too wide
        index_col=None,
        skipinitialspace=True,
        low_memory=False,
        encoding="utf-8",
        **options,
    )
    # If the first row is wider still, pandas takes its first cells for names of rows.
    if not isinstance(frame.index, pd.RangeIndex) or frame.pop(width).notna().any():
        raise _TooWide
    return frame


# --- parsing with Arrow ---


class _Irregular(Exception):  # noqa: N818 -- a signal, not a failure
    """The table cannot be parsed in blocks."""


def _parse_blocks(content: FileContent, layout: Layout, n_lines: int) -> ParsedTable | None:
    """Parse a table of at most ``n_lines`` lines in blocks; return None where that is not possible.

    Columns with numbers in the rows of ``layout`` are parsed as numbers. If one turns out to be text, the table is
    parsed again with that column as text.
    """
    is_short = _COLUMNS_PER_ROW * n_lines < len(layout.header)
    if is_short or layout.delimiter == " " or layout.marks.thousands or not layout.skips_a_prefix:
        return None
    text = _text_columns(layout)
    try:
        while True:
            table, more_text = _parse_once(content, layout, n_lines, text)
            if not more_text:
                return table
            text |= more_text
    except _Irregular:
        return None


def _text_columns(layout: Layout) -> set[int]:
    """Return the columns that are text in the rows of the layout."""
    n_numbers_C, n_lost_C, n_odd_C = np.zeros((3, len(layout.header)), int)
    for row in layout.rows:
        for c, cell in enumerate(row[: len(layout.header)]):
            if (cell := cell.strip()) not in MISSING:
                is_dash = cell.lower() in EMPTY and not cell.lower().endswith("inf")
                is_text = not is_dash and not is_number(cell, layout.delimiter)
                n_numbers_C[c] += not is_dash and not is_text
                n_lost_C[c] += is_text
                n_odd_C[c] += is_dash or is_text
    return set(np.flatnonzero((n_odd_C > 0) & ~_is_mostly_numbers(n_numbers_C, n_lost_C)).tolist())


def _parse_once(content: FileContent, layout: Layout, n_lines: int, text: set[int]) -> tuple[ParsedTable, set[int]]:
    """Return the table, and those of its numeric columns that turned out to be text."""
    data = content.data
    numeric = [c for c in range(len(layout.header)) if c not in text]
    values_CR = np.empty((len(numeric), 0), np.float32)
    parts: dict[int, list[pa.Array]] = {c: [] for c in sorted(text)}
    (n_lost_C, n_odd_C), n_rows = np.zeros((2, len(numeric)), int), 0
    parse = _BlockParser(layout, numeric, sorted(text))
    for begin, end in _blocks(data, len(layout.skip_rows)):
        block = parse(data, begin, end)
        n = block.numbers_CR.shape[1]
        if n_rows + n > n_lines:
            raise _Irregular
        # float32 holds counts exactly, in half the memory.
        is_exact = values_CR.dtype == np.float32 and _fits_float32(block.numbers_CR)
        if not n_rows or (values_CR.dtype == np.float32 and not is_exact):
            grown_CR = np.empty((len(numeric), n_lines), np.float32 if is_exact else np.float64)
            grown_CR[:, :n_rows] = values_CR[:, :n_rows]
            values_CR = grown_CR
        values_CR[:, n_rows : n_rows + n] = block.numbers_CR
        for c, column in block.texts.items():
            parts[c].append(column)
        n_lost_C += block.n_lost_C
        n_odd_C += block.n_odd_C
        n_rows += n
        content.report_progress(READING, end / len(data))
    values_CR = values_CR[:, :n_rows]
    if numeric and numeric[0] == 0 and np.any(np.abs(values_CR[0]) >= _EXACT):
        raise _Irregular
    odd = np.flatnonzero(n_odd_C)
    n_numbers = np.array([np.count_nonzero(~np.isnan(values_CR[i])) for i in odd], int)
    more_text = {numeric[i] for i in odd[~_is_mostly_numbers(n_numbers, n_lost_C[odd])]}
    texts = {c: pa.chunked_array(columns, pa.string()) for c, columns in parts.items()}
    n_lost = int(n_lost_C.sum())
    return ParsedTable(layout.header, layout.format, values_CR, tuple(numeric), texts, n_lost), more_text


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

    For each numeric column: its numbers, its cells with text (lost), and its cells that are neither empty nor a number
    (odd): text, or a mark such as a dash.
    """

    numbers_CR: np.ndarray
    texts: dict[int, pa.Array]
    n_lost_C: np.ndarray | int = 0
    n_odd_C: np.ndarray | int = 0


class _BlockParser:
    """Parses the blocks of one table."""

    def __init__(self, layout: Layout, numeric: list[int], text: list[int]) -> None:
        self._layout, self._numeric, self._text = layout, numeric, text
        self._names = [str(c) for c in range(len(layout.header))]
        kinds = {str(c): pa.float64() for c in numeric} | {str(c): pa.string() for c in text}
        self._parse = pyarrow.csv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True)
        self._convert = pyarrow.csv.ConvertOptions(
            column_types=kinds, null_values=list(MISSING), strings_can_be_null=True, decimal_point=layout.marks.decimal
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
        texts = {c: batch.column(c) for c in self._text}
        if not self._numeric:
            return _Block(np.empty((0, batch.num_rows)), texts)
        numbers_CR = batch.select(self._numeric).to_tensor(null_to_nan=True, row_major=False).to_numpy().T
        # Infinity counts as missing, whether spelled out or from too large an exponent; pandas handles both.
        return self._as_text(data, begin, end) if np.isinf(numbers_CR).any() else _Block(numbers_CR, texts)

    def _by_arrow(self, data: bytes, begin: int, end: int) -> pa.RecordBatch:
        options = pyarrow.csv.ReadOptions(column_names=self._names, block_size=end - begin + 1, use_threads=False)
        block = pa.BufferReader(pa.py_buffer(data).slice(begin, end - begin))
        # The system pool frees the memory of each block; Arrow's own pool would keep it.
        table = pyarrow.csv.read_csv(block, options, self._parse, self._convert, pa.system_memory_pool())
        return table.combine_chunks().to_batches()[0]

    def _as_text(self, data: bytes, begin: int, end: int) -> _Block:
        import pandas as pd

        try:
            frame = _read_csv(data[begin:end], self._layout, dtype=object)
        except ValueError as error:  # rows that are too wide, unmatched quotes
            raise _Irregular from error
        cells_RC = frame[self._numeric].to_numpy(object)
        numbers_RC, lost_RC = parse_numbers(cells_RC, self._layout.marks)
        texts = {c: pa.array(frame[c], pa.string(), from_pandas=True) for c in self._text}
        odd_RC = pd.notna(cells_RC) & np.isnan(numbers_RC)
        return _Block(numbers_RC.T, texts, lost_RC.sum(axis=0), odd_RC.sum(axis=0))
