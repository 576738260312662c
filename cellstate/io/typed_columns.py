"""The columns of a text table by type: numbers, and text that may yet be numbers.

Shape suffixes: C columns, R rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cellstate.io.layout import EMPTY

#: pandas crashes on numbers whose exponent overflows an integer.
OVERFLOWING = r"[eE][-+]?\d{9}"
#: A column with at least this share of numbers is numeric; its other cells count as missing.
MIN_SHARE_OF_NUMBERS = 0.8
#: Columns are looked at in groups of this many cells: one by one is slow for wide tables, all at once needs memory.
_CELLS_PER_GROUP = 2_000_000
_ROWS_LOOKED_AT = 500
#: First characters of numbers, also of "inf".
_NUMBER_STARTS = frozenset("0123456789+-.,iI")


@dataclass(frozen=True, eq=False)
class TypedColumns:
    """The columns of a table.

    Attributes
    ----------
    n_columns, n_rows : int
    values_CR : ndarray, shape (numeric columns, rows)
        NaN where a cell is empty. float32 if that holds every number exactly (as for counts), otherwise float64.
    numeric : tuple of int
        Positions of the numeric columns, ascending: the rows of ``values_CR``.
    texts : mapping of int to pyarrow string array of length R
        The other columns; null where a cell is empty. A numeric column may be here too, with its original spelling.
    n_lost : int
        Cells of numeric columns that are text and count as missing.
    """

    n_columns: int
    n_rows: int
    values_CR: np.ndarray
    numeric: tuple[int, ...]
    texts: Mapping[int, pa.ChunkedArray]
    n_lost: int = 0


def to_numbers(cells: object) -> np.ndarray:
    """Convert a sequence of cells to float64. Text and numbers whose exponent overflows become NaN."""
    import pandas as pd

    values = cells if isinstance(cells, pd.Series) else pd.Series(cells, dtype=object)
    if values.dtype == object:
        values = values.mask(values.astype(str).str.contains(OVERFLOWING), None)
    return pd.to_numeric(values, errors="coerce").to_numpy(np.float64)


def parse_numbers(cells: np.ndarray, decimal: str = ".") -> tuple[np.ndarray, np.ndarray]:
    """Convert cells of text to numbers.

    Parameters
    ----------
    cells : ndarray of object
        Text; None or NaN for an empty cell.
    decimal : str
        Decimal mark.

    Returns
    -------
    numbers : ndarray of float64
        NaN where a cell is not a number.
    is_text : ndarray of bool
        Whether a cell is neither a number nor empty.
    """
    import pandas as pd

    series = pd.Series(cells.ravel(), dtype=object)
    numbers = to_numbers(series if decimal == "." else series.str.replace(decimal, ".", regex=False))
    is_filled = series.notna() & ~series.astype(str).str.strip().str.lower().isin(EMPTY)
    return numbers.reshape(cells.shape), (is_filled.to_numpy() & np.isnan(numbers)).reshape(cells.shape)


def is_mostly_numbers(n_numbers: np.ndarray | int, n_lost: np.ndarray | int) -> np.ndarray:
    """Return whether a column is numeric, from its number of numbers and of cells with text."""
    return np.asarray(n_numbers >= MIN_SHARE_OF_NUMBERS * np.maximum(1, np.add(n_numbers, n_lost)))


def convert_mostly_numeric(columns: TypedColumns, decimal: str = ".") -> TypedColumns:
    """Convert the text columns that hold mostly numbers to numbers."""
    text = sorted(set(columns.texts) - set(columns.numeric))
    if not text or not columns.n_rows:
        return columns
    rows = range(0, columns.n_rows, max(1, columns.n_rows // _ROWS_LOOKED_AT))
    candidates: list[int] = []
    for group, some_RC in _groups(columns, text, rows):
        if not _may_be_numbers(some_RC).any():
            continue
        share_C = (~np.isnan(parse_numbers(some_RC, decimal)[0])).mean(axis=0)
        candidates += [c for c, share in zip(group, share_C, strict=True) if share >= MIN_SHARE_OF_NUMBERS / 2]
    converted: dict[int, np.ndarray] = {}
    n_lost = columns.n_lost
    for group, all_RC in _groups(columns, candidates):
        numbers_RC, is_text_RC = parse_numbers(all_RC, decimal)
        is_numeric_C = is_mostly_numbers((~np.isnan(numbers_RC)).sum(axis=0), is_text_RC.sum(axis=0))
        converted |= {c: numbers_RC[:, i] for i, c in enumerate(group) if is_numeric_C[i]}
        n_lost += int(is_text_RC[:, is_numeric_C].sum())
    if not converted:
        return columns
    values = dict(zip(columns.numeric, columns.values_CR, strict=True)) | converted
    numeric = tuple(sorted(values))
    texts = {c: column for c, column in columns.texts.items() if c not in converted}
    return TypedColumns(
        columns.n_columns, columns.n_rows, np.stack([values[c] for c in numeric]), numeric, texts, n_lost
    )


def _may_be_numbers(cells_RC: np.ndarray) -> np.ndarray:
    """Return whether enough cells of each column begin like a number; a fast test that excludes columns of names."""
    is_likely_RC = [[cell is not None and cell.strip()[:1] in _NUMBER_STARTS for cell in row] for row in cells_RC]
    return np.mean(is_likely_RC, axis=0) >= MIN_SHARE_OF_NUMBERS / 2


def _groups(
    columns: TypedColumns, positions: list[int], rows: range | None = None
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Yield groups of text columns as arrays of shape (rows, columns of the group); all rows or the given ones."""
    size = max(1, _CELLS_PER_GROUP // max(1, columns.n_rows if rows is None else len(rows)))
    for start in range(0, len(positions), size):
        group = positions[start : start + size]
        yield group, np.stack([np.array(_cells(columns.texts[c], rows), dtype=object) for c in group], axis=1)


def _cells(column: pa.ChunkedArray, rows: range | None) -> list[str | None]:
    return column.to_pylist() if rows is None else [column[row].as_py() for row in rows]
