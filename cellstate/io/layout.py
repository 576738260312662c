"""How a text table is laid out (delimiter, decimal mark, header), and the frame parsed accordingly."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellstate.errors import ReadError
from cellstate.genes import FOUND, gene_axis

#: Delimiter to the format's name, in order of preference where a table could be split either way.
DELIMITERS = {"\t": "tsv", ";": "semicolon", ",": "csv", " ": "space"}
_PANDAS_UNNAMED = re.compile(r"Unnamed: \d+")
_SAMPLE_LINES = 60
_SAMPLE_BYTES = 300_000
#: No gene list is as long, and each column takes time; nor is a line of this length one of an expression table.
_MAX_COLUMNS, _MAX_LINE_BYTES = 100_000, 32_000_000
#: Transcripts of all annotations are fewer.
_MAX_LINES = 500_000
_EMPTY = ("", "na", "nan", "n/a", "null", "none", "-", "--", "---", "#n/a", "inf", "-inf")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")
_COMMA_DECIMAL = re.compile(r"[-+]?\d{1,3}(\.\d{3})*,\d+([eE][-+]?\d+)?$|[-+]?\d+,\d+([eE][-+]?\d+)?$")
_COMMA_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$")
#: pandas reads beyond its table of powers, and ends the process, where an exponent overflows an integer.
_OVERFLOWING = r"[eE][-+]?\d{9}"
_OVERFLOWING_BYTES = re.compile(_OVERFLOWING.encode())
#: A column with at least this share of numbers holds numbers; what else is in it counts as missing.
_MOSTLY_NUMBERS = 0.8


@dataclass(frozen=True)
class Grid:
    """A parsed text table.

    Attributes
    ----------
    frame : DataFrame
        Columns numbered from 0; each is float, integer or text.
    header : tuple of str
        One name a column, empty where there is none.
    format : str
    warnings : tuple of str
    """

    frame: pd.DataFrame
    header: tuple[str, ...]
    format: str
    warnings: tuple[str, ...] = ()

    def column(self, *names: str) -> int | None:
        """Return the position of the first column called so, whatever the case, or None."""
        lower = [name.lower() for name in self.header]
        return next((lower.index(n.lower()) for n in names if n.lower() in lower), None)

    def numbers(self, column: int) -> np.ndarray:
        """Return a column as float64; text in it becomes NaN."""
        return to_numbers(self.frame[column])

    def text(self, column: int) -> list[str]:
        """Return a column as text, whole numbers without a decimal point, empty cells as ``""``."""
        values = self.frame[column]
        if pd.api.types.is_float_dtype(values):
            return ["" if v != v else str(int(v)) if v == int(v) else str(v) for v in values.clip(-1e300, 1e300)]
        return ["" if v is None or v != v else str(v) for v in values]


def to_numbers(values: pd.Series) -> np.ndarray:
    """Return values as float64; text becomes NaN, and so do numbers whose exponent overflows."""
    if values.dtype == object:
        values = values.mask(values.astype(str).str.contains(_OVERFLOWING), None)
    return pd.to_numeric(values, errors="coerce").to_numpy(np.float64)


def first_lines(data: bytes, limit: int = _SAMPLE_LINES, start: int = 0) -> list[str]:
    """Return the first lines of UTF-8 text, without reading the rest; ``ReadError`` where they are absurdly long."""
    lines: list[str] = []
    begin = start
    while begin < len(data) and len(lines) < limit and (begin - start < _SAMPLE_BYTES or len(lines) < 3):
        end = data.find(b"\n", begin)
        end = len(data) if end < 0 else end
        if end - begin > _MAX_LINE_BYTES:
            raise _no_table()
        lines.append(data[begin:end].decode("utf-8", errors="replace").rstrip("\r"))
        begin = end + 1
    return lines


def read_grid(data: bytes, *, skip: int = 0, drop_lines: Sequence[int] = (), delimiter: str | None = None) -> Grid:
    """Parse a text table.

    Parameters
    ----------
    data : bytes
        UTF-8 text.
    skip : int
        Leading lines that are no part of the table; further blank and comment lines are found and skipped.
    drop_lines : sequence of int
        Lines after the header, by their number in the file, that hold no expression values.
    delimiter : str, optional
        Decides the delimiter; otherwise it is the one that yields most numbers.
    """
    n_lines = data.count(b"\n")
    if n_lines > _MAX_LINES:
        raise ReadError(f"The table has more than {_MAX_LINES:,} lines.", "Upload one line per gene or transcript.")
    lines = first_lines(data)
    skip = _skip_comments(lines, skip)
    body = [lines[n] for n in range(skip + 1, len(lines)) if lines[n].strip() and n not in drop_lines]
    middle = first_lines(data, 30, len(data) // 2)[1:] if len(data) > _SAMPLE_BYTES else []
    if not lines[skip:] or max(line.count(d) for line in lines for d in DELIMITERS) > _MAX_COLUMNS:
        raise _no_table()
    delimiter = delimiter or _delimiter([*body, *middle] or lines[skip:])
    first = _split([lines[skip].removeprefix("#") if body else lines[skip]], delimiter)[0]
    rows = _split(body + middle, delimiter)
    n_columns = max((len(row) for row in rows), default=len(first))
    trailing = bool(rows) and all(len(row) == n_columns and not row[-1].strip() for row in rows)
    if not rows or _has_no_header(first, rows):
        header, skip_rows = [""] * max(n_columns, len(first)), list(range(skip))
    else:
        header, skip_rows = [name.strip().strip("'") for name in first], [*range(skip + 1), *drop_lines]
        # R's write.table leaves out the name of the row-name column.
        if len(header) == n_columns - 1 and not trailing:
            header.insert(0, "")
    n_columns = max(n_columns, len(header))
    header += [""] * (n_columns - len(header))
    decimal, thousands = _marks([cell.strip() for row in rows for cell in row])
    # Every cell takes a byte, so most rows lack most of the columns: one odd row would widen all others.
    if n_lines * n_columns > max(2 * len(data), 1_000_000):
        raise _uneven()
    frame = _parse(data, delimiter, n_columns, skip_rows, decimal, thousands)
    frame, header = _drop_blank_columns(frame, header)
    frame, n_text = _numbers_where_mostly(frame)
    warnings = [f"{n_text:,} cells hold text where numbers belong; they count as missing."] if n_text else []
    return Grid(frame, tuple(header), DELIMITERS.get(delimiter, "text"), tuple(warnings))


def _no_table() -> ReadError:
    return ReadError(
        "The file is not a table of expression values.",
        "It should have one row per gene and one column per sample (or the other way round), with gene names.",
    )


def _uneven(where: str = "Check that it was exported completely.") -> ReadError:
    return ReadError("The table is damaged: its rows differ in width.", where)


def _skip_comments(lines: list[str], skip: int) -> int:
    """Count the leading lines to leave out; a last ``#`` line as wide as the table is its header, and is kept."""
    start = skip
    while start < len(lines) and (not lines[start].strip() or lines[start].startswith("#")):
        start += 1
    if start > skip and start < len(lines) and lines[start - 1].startswith("#"):
        fields = [max(line.count(d) for d in "\t;,") for line in (lines[start - 1], lines[start])]
        if fields[0] == fields[1] > 0:
            return start - 1
    return start


def _split(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error:  # a stray quote or a field of absurd length
        return [line.split(delimiter) for line in lines]


def _delimiter(lines: Sequence[str]) -> str:
    """Choose the delimiter that yields most numbers a line, then most fields."""

    def score(delimiter: str) -> tuple[float, float]:
        rows = _split(lines, delimiter)
        fields, share = Counter(len(row) for row in rows).most_common(1)[0]
        if fields < 2 or share < 0.7 * len(rows):
            return 0.0, 0.0
        return float(np.median([sum(_is_number(cell, delimiter) for cell in row) for row in rows])), float(fields)

    best = max(DELIMITERS, key=score)
    if score(best)[1] < 2:
        raise _no_table()
    return best


def _is_number(cell: str, delimiter: str = "") -> bool:
    cell = cell.strip()
    return bool(
        _NUMBER.match(cell)
        or (delimiter != "," and _COMMA_DECIMAL.match(cell))
        or _COMMA_THOUSANDS.match(cell)
        or cell.lower() in _EMPTY
    )


def _has_no_header(first: list[str], rows: list[list[str]]) -> bool:
    """Whether the first line is already a gene: as wide as the others, numbers where they have them, and a gene name.

    A header of sample numbers looks alike but for the name of its first column, which is no gene.
    """
    row = rows[0]
    if len(first) != len(row) or not any(map(_is_number, first[1:])):
        return False
    if any(_is_number(b) and b.strip() and not _is_number(a) for a, b in zip(first, row, strict=True)):
        return False
    names = gene_axis().resolve([first[0], *(cell for cell in first[1:4] if not _is_number(cell))])
    return any(status in (*FOUND, "outside") for status in names.status) or first[0].startswith(("N_", "__"))


def _marks(cells: list[str]) -> tuple[str, str | None]:
    """Return the decimal mark and the thousands mark."""
    commas = [cell for cell in cells if "," in cell and _is_number(cell)]
    if not commas:
        return ".", None
    dots = any(_NUMBER.match(cell) and "." in cell for cell in cells)
    if all(_COMMA_THOUSANDS.match(cell) for cell in commas) and (dots or not any(c.startswith("0,") for c in commas)):
        return ".", ","
    return (".", ",") if dots else (",", "." if any("." in cell for cell in commas) else None)


def _parse(
    data: bytes, delimiter: str, n_columns: int, skip_rows: list[int], decimal: str, thousands: str | None
) -> pd.DataFrame:
    contiguous = skip_rows == list(range(len(skip_rows)))
    # Python's own reading of numbers is slower, and safe.
    precision = "round_trip" if _OVERFLOWING_BYTES.search(data) else None
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        try:
            return pd.read_csv(
                io.BytesIO(data),
                sep=r"\s+" if delimiter == " " else delimiter,
                header=None,
                names=range(n_columns),
                index_col=None,
                skiprows=len(skip_rows) if contiguous else skip_rows,
                decimal=decimal,
                thousands=thousands,
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


def _drop_blank_columns(frame: pd.DataFrame, header: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Drop unnamed columns without any value, as a delimiter at the end of each line leaves them.

    pandas, when it writes such a table again, names them "Unnamed: 7".
    """
    named = [bool(name) and not _PANDAS_UNNAMED.fullmatch(name) for name in header]
    blank = frame.isna().all().to_numpy() if not all(named) else np.zeros(len(header), bool)
    keep = [c for c in range(len(header)) if named[c] or not blank[c]]
    if len(keep) < len(header):
        frame = frame[keep].set_axis(range(len(keep)), axis="columns")
    return frame, [header[c] for c in keep]


def _numbers_where_mostly(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Turn text columns that hold mostly numbers into numbers; also say how many cells were lost."""
    text = frame.columns[[dtype.kind == "O" for dtype in frame.dtypes]]
    looked_at = _cells(frame.iloc[:: max(1, len(frame) // 500)][text])
    likely = text[(~np.isnan(looked_at)).mean(axis=0) >= _MOSTLY_NUMBERS / 2] if len(frame) else text[:0]
    if not len(likely):
        return frame, 0
    numbers, cells = _cells(frame[likely]), pd.Series(frame[likely].to_numpy(object).ravel())
    filled = cells.notna() & ~cells.astype(str).str.strip().str.lower().isin(_EMPTY)
    is_filled, is_number = filled.to_numpy().reshape(numbers.shape), ~np.isnan(numbers)
    mostly = is_number.sum(axis=0) >= _MOSTLY_NUMBERS * np.maximum(1, is_filled.sum(axis=0))
    if not mostly.any():
        return frame, 0
    converted = pd.DataFrame(numbers[:, mostly], columns=likely[mostly], index=frame.index)
    n_lost = int((is_filled & ~is_number)[:, mostly].sum())
    return pd.concat([frame.drop(columns=converted.columns), converted], axis=1)[list(frame.columns)], n_lost


def _cells(frame: pd.DataFrame) -> np.ndarray:
    """Return text columns as numbers, all at once: a wide table has thousands of them."""
    return to_numbers(pd.Series(frame.to_numpy(object).ravel(), dtype=object)).reshape(frame.shape)
