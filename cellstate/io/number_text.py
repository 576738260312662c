"""Numbers as people write them: ``1.5``, ``1,5``, ``1,234``, ``1.234,5``, ``1 234``, ``1'234``, ``1.2e3``, ``<0.1``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

#: Cells without a value, in lower case.
EMPTY = ("", "na", "nan", "n/a", "null", "none", "-", "--", "---", "#n/a", "inf", "-inf")
_LIMIT = re.compile(r"[<≤]\s*")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")
_COMMA_DECIMAL = re.compile(r"[-+]?\d{1,3}(\.\d{3})*,\d+([eE][-+]?\d+)?$|[-+]?\d+,\d+([eE][-+]?\d+)?$")
_COMMA_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$")
_POINT_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+$")
#: Blanks and apostrophes that group thousands. Columns cannot be separated by them, except by the plain space.
_BLANKS = "\u00a0\u202f\u2009 '’"
_BLANK_THOUSANDS = re.compile(rf"[-+]?[1-9]\d{{0,2}}([{_BLANKS}]\d{{3}})+([.,]\d+)?$")
_BLANK_BETWEEN_DIGITS = re.compile(
    rb"(?<=\d)(?:" + b"|".join(re.escape(blank.encode()) for blank in _BLANKS) + rb")(?=\d{3}(?!\d))"
)
#: So many numbers with a point before three digits show that the point groups thousands.
_MIN_GROUPED = 10
#: pandas crashes on numbers whose exponent overflows an integer.
OVERFLOWING = r"[eE][-+]?\d{9}"


class NumberMarks(NamedTuple):
    """Decimal mark and thousands separator (``","``, ``"."``, ``" "`` for any blank or apostrophe, or None)."""

    decimal: str = "."
    thousands: str | None = None


def is_number(cell: str, delimiter: str = "") -> bool:
    """Return whether a cell is a number, a limit such as ``<0.1``, or empty.

    A decimal comma counts only if the delimiter is not a comma.
    """
    cell = _LIMIT.sub("", cell.strip(), count=1)
    return bool(
        _NUMBER.match(cell)
        or (delimiter != "," and _COMMA_DECIMAL.match(cell))
        or _COMMA_THOUSANDS.match(cell)
        or (delimiter != " " and _BLANK_THOUSANDS.match(cell))
        or cell.lower() in EMPTY
    )


def filled_numbers(cells: Iterable[str], delimiter: str = "") -> list[bool]:
    """Return which cells of a row are numbers and not empty."""
    return [bool(cell.strip()) and is_number(cell, delimiter) for cell in cells]


def is_limit(cell: str) -> bool:
    """Return whether a cell is a limit of detection, such as ``<0.1``."""
    return bool((start := _LIMIT.match(cell.strip())) and is_number(cell.strip()[start.end() :]))


def find_marks(cells: Iterable[str]) -> NumberMarks:
    """Return the marks that the cells of a table use; text among them is ignored."""
    numbers = [cell for cell in (_LIMIT.sub("", cell.strip(), count=1) for cell in cells) if is_number(cell)]
    if any(_BLANK_THOUSANDS.match(cell) for cell in numbers):
        has_comma = any("," in cell for cell in numbers)
        return NumberMarks("," if has_comma else ".", " ")
    commas = [cell for cell in numbers if "," in cell]
    if not commas:
        return NumberMarks(",", ".") if _points_group_thousands(numbers) else NumberMarks()
    dots = any(_NUMBER.match(cell) and "." in cell for cell in numbers)
    if all(_COMMA_THOUSANDS.match(cell) for cell in commas) and (dots or not any(c.startswith("0,") for c in commas)):
        return NumberMarks(".", ",")
    if dots:
        return NumberMarks(".", ",")
    return NumberMarks(",", "." if any("." in cell for cell in commas) else None)


def _points_group_thousands(numbers: list[str]) -> bool:
    """Return whether ``1.234`` means 1234: every number with a point has groups of three, and no other reaches 1000.

    Decimals rounded to three places look the same one by one, but some of them begin with ``0.`` or end in zeros that
    are not written.
    """
    dotted = [cell for cell in numbers if "." in cell]
    plain = [cell for cell in numbers if cell.isdigit()]
    are_small = all(len(cell) <= 3 for cell in plain) and bool(plain)
    return len(dotted) >= _MIN_GROUPED and are_small and all(map(_POINT_THOUSANDS.match, dotted))


def _without_groups(cell: str, decimal: str) -> str:
    """Return a number without separators of thousands, with a decimal point."""
    separators = (",", *_BLANKS) if decimal == "." else (".", *_BLANKS)
    groups = "".join(map(re.escape, separators))
    if re.fullmatch(rf"[-+]?[1-9]\d{{0,2}}([{groups}]\d{{3}})+({re.escape(decimal)}\d+)?", cell) is None:
        return cell
    return re.sub(f"[{groups}]", "", cell).replace(decimal, ".")


def without_blank_groups(data: bytes) -> bytes:
    """Return the text of a table without blanks and apostrophes that group thousands."""
    return _BLANK_BETWEEN_DIGITS.sub(b"", data)


def to_numbers(cells: object) -> np.ndarray:
    """Convert a sequence of cells to float64. Text and numbers whose exponent overflows become NaN."""
    import pandas as pd

    values = cells if isinstance(cells, pd.Series) else pd.Series(cells, dtype=object)
    if values.dtype == object:
        values = values.mask(values.astype(str).str.contains(OVERFLOWING), None)
    return pd.to_numeric(values, errors="coerce").to_numpy(np.float64)


def parse_numbers(cells: np.ndarray, marks: NumberMarks) -> tuple[np.ndarray, np.ndarray]:
    """Convert cells (text, or None or NaN for an empty one) to float64, and return which are text; any shape.

    A limit such as ``<0.1`` becomes half of it.
    """
    import pandas as pd

    series = pd.Series(cells.ravel(), dtype=object)
    filled = series.notna() & ~series.astype(str).str.strip().str.lower().isin(EMPTY)
    limits = (series.astype(str).str.strip().str.match(_LIMIT) & filled).to_numpy(bool)
    if limits.any():
        series = series.mask(limits, series.astype(str).str.strip().str.replace(_LIMIT, "", n=1, regex=True))
    if marks.thousands in (",", "."):
        series = series.where(~filled, series.astype(str).str.replace(marks.thousands, "", regex=False))
    numbers = to_numbers(series if marks.decimal == "." else series.str.replace(marks.decimal, ".", regex=False))
    is_lost = filled.to_numpy() & np.isnan(numbers)
    if is_lost.any():  # thousands are rare in decimals, so that the marks may not show them
        numbers[is_lost] = to_numbers(
            series[is_lost].map(lambda cell: _without_groups(str(cell).strip(), marks.decimal))
        )
    numbers = np.where(limits, numbers / 2, numbers)
    return numbers.reshape(cells.shape), (filled.to_numpy() & np.isnan(numbers)).reshape(cells.shape)
