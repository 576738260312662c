"""Gene symbols that a spreadsheet turned into dates: ``1-Mar`` was MARCH1 or MARC1, ``4-Oct`` was OCT4."""

from __future__ import annotations

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_DAY = r"(?P<day>\d{1,2})"
_YEAR = r"(?:\d{2}){1,2}"
_TIME = r"(?:[ T]\d{2}:\d{2}(?::\d{2})?)?"
_DATE_PATTERNS = [
    re.compile(pattern + "$", re.IGNORECASE | re.ASCII)
    for pattern in (
        rf"{_DAY}[-/. ]{_MONTH}(?:[-/. ]{_YEAR})?",
        rf"{_MONTH}[-/. ]{_DAY}",
        rf"\d{{4}}[-/](?P<month>\d{{2}})[-/](?P<day>\d{{2}}){_TIME}",
        # 09/02/2023 is a day in September in some countries and in February in others. Both are considered.
        rf"(?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}})[-/.]{_YEAR}{_TIME}",
        rf"(?P<day>\d{{1,2}})[-/.](?P<month>\d{{1,2}})[-/.]{_YEAR}{_TIME}",
    )
]
#: Gene families whose symbols a spreadsheet reads as a month, in addition to the three-letter names.
_LONGER_MONTHS = {3: ("MARCH", "MARC"), 9: ("SEPT",)}


def symbols_behind_date(name: str) -> list[str]:
    """Return the upper-case symbols that a spreadsheet would show as this date; an empty list if it is no date."""
    symbols = []
    for match in filter(None, (pattern.match(name) for pattern in _DATE_PATTERNS)):
        month_text, day = match["month"].lower(), int(match["day"])
        month = int(month_text) if month_text.isdigit() else _MONTHS.index(month_text) + 1
        if 1 <= month <= 12 and 1 <= day <= 31:
            prefixes = (*_LONGER_MONTHS.get(month, ()), _MONTHS[month - 1].upper())
            symbols += [f"{prefix}{dash}{day}" for prefix in prefixes for dash in ("", "-")]
    return symbols
