"""What a command gives back, and how its numbers are written."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

#: Rows of a table that are printed for a person.
GENES_SHOWN = 20

#: The JSON document, and the same as lines for a person.
Answer = tuple[dict, list[str]]


def plain(value: Any) -> Any:
    """Return a value that JSON can hold: numpy scalars as numbers, what is not a number as null."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number(value: float | None, form: str = "+.3f") -> str:
    """Return a number as text, a dash where there is none."""
    return "-" if value is None or math.isnan(value) else format(value, form)


def records(table: pd.DataFrame, first: int | None = None) -> list[dict]:
    """Return the first rows of a table, all of them without a number."""
    return table.head(len(table) if first is None else first).to_dict("records")
