"""Forms in which tables write a gene's name: ``gene:ENSG…``, ``TSPAN6_ENSG…``, ``GRCh38_TSPAN6``, ``TSPAN6_7105``.

A form belongs to a whole column: it is taken off only if the names mean far more genes without it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta

from cellstate.genes import gene_axis

#: Each form with the part that names the gene.
_FORMS = (
    re.compile(r"(?:^|.*?[^A-Za-z0-9])(ENS[GT]\d{11}(?:\.\d+)?)(?![0-9])", re.IGNORECASE),
    re.compile(r"(?:gene|transcript|symbol)s?[:\-_](.+)", re.IGNORECASE),
    re.compile(r"(?:GRCh3[78]|hg(?:19|38)|human|hsapiens|homo_sapiens|hs)[_:\-]+(.+)", re.IGNORECASE),
    re.compile(r"(?:entrez|ncbi|geneid)[_:\- ]*(?:gene)?[_:\- ]*(\d+)", re.IGNORECASE),
    re.compile(r"(.+?)[_ ]+\(?\d+\)?"),
    re.compile(r"\d+[_ |:;,]+(.+)"),
    re.compile(r"([^:;|,]+)[:;|,].+"),
    re.compile(r".+[:;|,]([^:;|,\d][^:;|,]*)"),
)
_EXAMINED = 500
#: Fewer names, such as those of a few samples, show no form.
_MIN_NAMES = 20
#: An alias may be an ordinary word, so it does not show that names are genes.
_SURE = ("ensembl", "transcript", "entrez", "symbol", "outside")
#: A column of names is left as it is if so many of them are known.
_KNOWN, _GAIN, _MIN_KNOWN = 0.5, 2.0, 0.25
#: Days since 1899-12-30 of spreadsheet dates: 1990 to 2050.
_FIRST_DAY, _LAST_DAY = 32_874, 54_789
_SERIAL = re.compile(r"\d{5}(\.0+)?")
#: A column with more numbers than this holds identifiers, not dates.
_MAX_SHARE_OF_DATES = 0.02


def readable_names(names: Sequence[str]) -> list[str]:
    """Return the names without the form of their column, as `GeneAxis.resolve` reads them.

    Serial numbers of days among symbols become dates, because a spreadsheet made them of symbols.
    """
    texts = [str(name).strip() for name in names]
    some = [text for text in texts[:: max(1, len(texts) // _EXAMINED)] if text]
    if len(texts) < _MIN_NAMES:
        return texts
    known = _known_share(some)
    if known < _KNOWN:
        shares = [(_known_share([_without(form, text) for text in some]), -at) for at, form in enumerate(_FORMS)]
        best, at = max(shares)
        if best >= max(_GAIN * known, _MIN_KNOWN):
            texts = [_without(_FORMS[-at], text) for text in texts]
    serials = [n for n, text in enumerate(texts) if _SERIAL.fullmatch(text) and _FIRST_DAY <= float(text) <= _LAST_DAY]
    n_numbers = sum(text.removesuffix(".0").isdigit() for text in texts)
    if serials and n_numbers <= max(3, _MAX_SHARE_OF_DATES * len(texts)) and n_numbers < len(texts) / 2:
        for n in serials:
            texts[n] = (date(1899, 12, 30) + timedelta(days=int(float(texts[n])))).isoformat()
    return texts


def _without(form: re.Pattern[str], text: str) -> str:
    match = form.fullmatch(text) or (form.match(text) if form is _FORMS[0] else None)
    return match.group(1).strip() if match else text


def _known_share(names: Sequence[str]) -> float:
    """Return the share of names that are genes, on the axis or outside, by more than an alias."""
    status = gene_axis().resolve(names).status
    return sum(s in _SURE for s in status) / max(1, len(status))
