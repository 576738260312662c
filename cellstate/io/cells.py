"""What the cells of a text table hold: columns of numbers, and columns of text that may yet be numbers.

Shape suffixes: C columns, R rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from cellstate.io.layout import EMPTY

#: pandas reads beyond its table of powers, and ends the process, where an exponent overflows an integer.
OVERFLOWING = r"[eE][-+]?\d{9}"
#: A column with at least this share of numbers holds numbers; what else is in it counts as missing.
MOSTLY_NUMBERS = 0.8
#: Cells of text that are looked at together: a wide table has thousands of columns, a long one takes memory.
_AT_ONCE = 2_000_000
_LOOKED_AT = 500


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a table.

    Attributes
    ----------
    n_columns, n_rows : int
    values_CR : ndarray, shape (numeric columns, rows)
        NaN where a cell is empty. Of float32 where that holds every number exactly, as of counts; otherwise of float64.
    numeric : tuple of int
        Which column each row of ``values_CR`` is, ascending.
    texts : mapping of int to pyarrow string array of length R
        The other columns; null where a cell is empty. A numeric column may be here too, as it is spelled.
    n_lost : int
        Cells of numeric columns that hold text, and count as missing.
    """

    n_columns: int
    n_rows: int
    values_CR: np.ndarray
    numeric: tuple[int, ...]
    texts: Mapping[int, pa.ChunkedArray]
    n_lost: int = 0


def to_numbers(values: pd.Series) -> np.ndarray:
    """Return values as float64; text becomes NaN, and so do numbers whose exponent overflows."""
    if values.dtype == object:
        values = values.mask(values.astype(str).str.contains(OVERFLOWING), None)
    return pd.to_numeric(values, errors="coerce").to_numpy(np.float64)


def loose_numbers(text: np.ndarray, decimal: str = ".") -> tuple[np.ndarray, np.ndarray]:
    """Return cells of text as numbers, and which cells hold something else than a number or a gap, both of its shape.

    Parameters
    ----------
    text : ndarray of object
        Text, or None or NaN for an empty cell.
    decimal : str
    """
    cells = pd.Series(text.ravel(), dtype=object)
    spelled = cells if decimal == "." else cells.str.replace(decimal, ".", regex=False)
    numbers = to_numbers(spelled)
    filled = cells.notna() & ~cells.astype(str).str.strip().str.lower().isin(EMPTY)
    return numbers.reshape(text.shape), (filled.to_numpy() & np.isnan(numbers)).reshape(text.shape)


def holds_numbers(n_numbers: np.ndarray | int, n_lost: np.ndarray | int) -> np.ndarray:
    """Whether a column with some cells that are no numbers holds mostly numbers."""
    return np.asarray(n_numbers >= MOSTLY_NUMBERS * np.maximum(1, np.add(n_numbers, n_lost)))


def numbers_where_mostly(cells: Cells, decimal: str = ".") -> Cells:
    """Turn the columns of text that hold mostly numbers into numbers."""
    text = sorted(set(cells.texts) - set(cells.numeric))
    if not text or not cells.n_rows:
        return cells
    look = pa.array(range(0, cells.n_rows, max(1, cells.n_rows // _LOOKED_AT)))
    found: dict[int, np.ndarray] = {}
    likely: list[int] = []
    n_lost = cells.n_lost
    for group, looked_at in _together(cells, text, look):
        share_C = (~np.isnan(loose_numbers(looked_at, decimal)[0])).mean(axis=0)
        likely += [c for c, share in zip(group, share_C, strict=True) if share >= MOSTLY_NUMBERS / 2]
    for group, every in _together(cells, likely):
        numbers_RC, lost_RC = loose_numbers(every, decimal)
        mostly_C = holds_numbers((~np.isnan(numbers_RC)).sum(axis=0), lost_RC.sum(axis=0))
        found |= {c: numbers_RC[:, i] for i, c in enumerate(group) if mostly_C[i]}
        n_lost += int(lost_RC[:, mostly_C].sum())
    if not found:
        return cells
    held = dict(zip(cells.numeric, cells.values_CR, strict=True)) | found
    numeric = tuple(sorted(held))
    texts = {c: column for c, column in cells.texts.items() if c not in found}
    return Cells(cells.n_columns, cells.n_rows, np.stack([held[c] for c in numeric]), numeric, texts, n_lost)


def _together(cells: Cells, columns: list[int], rows: pa.Array | None = None) -> Iterator[tuple[list[int], np.ndarray]]:
    """Yield columns of text, as many as may be looked at together, all rows or some."""
    size = max(1, _AT_ONCE // max(1, cells.n_rows if rows is None else len(rows)))
    for start in range(0, len(columns), size):
        group = columns[start : start + size]
        taken = [cells.texts[c] if rows is None else cells.texts[c].take(rows) for c in group]
        yield group, np.stack([np.array(column.to_pylist(), dtype=object) for column in taken], axis=1)
