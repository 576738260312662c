"""Gene symbols that a spreadsheet turned into dates: ``1-Mar`` was MARCH1 or MARC1, ``4-Oct`` was OCT4."""

from __future__ import annotations

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_DAY = r"(?P<day>\d{1,2})"
_YEAR = r"(?:\d{2}){1,2}"
_TIME = r"(?:[ T]\d{2}:\d{2}(?::\d{2})?)?"
_FORMS = [
    re.compile(form + "$", re.IGNORECASE | re.ASCII)
    for form in (
        rf"{_DAY}[-/. ]{_MONTH}(?:[-/. ]{_YEAR})?",
        rf"{_MONTH}[-/. ]{_DAY}",
        rf"\d{{4}}[-/](?P<month>\d{{2}})[-/](?P<day>\d{{2}}){_TIME}",
        # 09/02/2023 is a day of September in one country and of February in another: both are read.
        rf"(?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}})[-/.]{_YEAR}{_TIME}",
        rf"(?P<day>\d{{1,2}})[-/.](?P<month>\d{{1,2}})[-/.]{_YEAR}{_TIME}",
    )
]
#: What else than its three letters a month can stand for in a gene symbol.
_LONGER_MONTHS = {3: ("MARCH", "MARC"), 9: ("SEPT",)}


def symbols_behind_date(name: str) -> list[str]:
    """Return the upper-case symbols that a spreadsheet would show as this date; none if it is no date."""
    symbols = []
    for match in filter(None, (form.match(name) for form in _FORMS)):
        shown, day = match["month"].lower(), int(match["day"])
        month = int(shown) if shown.isdigit() else _MONTHS.index(shown) + 1
        if 1 <= month <= 12 and 1 <= day <= 31:
            words = (*_LONGER_MONTHS.get(month, ()), _MONTHS[month - 1].upper())
            symbols += [f"{word}{dash}{day}" for word in words for dash in ("", "-")]
    return symbols
