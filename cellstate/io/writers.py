"""Tables for download, safe to open in a spreadsheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

#: A spreadsheet runs text that begins with one of these as a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(value: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would run as a formula; leave numbers as they are."""
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA_STARTS) else value


def to_csv(frame: pd.DataFrame, *, index: bool = False) -> str:
    """Return a table as CSV text without formulas, also in its headings."""
    safe = frame.copy()
    for position in range(safe.shape[1]):
        if not pd.api.types.is_numeric_dtype(safe.iloc[:, position]):
            safe.isetitem(position, safe.iloc[:, position].astype(object).map(harmless))
    safe.columns = pd.Index([harmless(name) for name in safe.columns], name=harmless(safe.columns.name))
    if index:
        safe.index = pd.Index([harmless(name) for name in safe.index], name=harmless(safe.index.name))
    return safe.to_csv(index=index, lineterminator="\n")


def write_table(frame: pd.DataFrame, path: Path | str, *, index: bool = False) -> Path:
    """Write a table as CSV (UTF-8) and return its path."""
    path = Path(path)
    path.write_text(to_csv(frame, index=index), encoding="utf-8", newline="\n")
    return path
