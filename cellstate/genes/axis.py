"""The gene axis: a fixed, versioned list of 19,383 human protein-coding genes, and which of them a name means.

Names are tried in a fixed order: Ensembl id, Entrez id, approved symbol, previous symbol, alias. A name that could mean
two genes, or a gene outside the axis, is reported and never guessed.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cellstate.errors import GeneError
from cellstate.files import resource_path

AXIS_VERSION = 1
N_AXIS = 19_383
_ENSEMBL = re.compile(r"(ENS[GT]\d{11})(?:\.\d+)?(?:_PAR_Y)?(?=$|[|_:;,\s])", re.IGNORECASE | re.ASCII)
_ENTREZ = re.compile(r"(\d{1,9})(?:\.0+)?$", re.ASCII)
_SYMBOL_WITH_ID = re.compile(r"(\S+) \((\d+|ENS[GT]\d{11})\)$", re.ASCII)
# Words that mean "no name". NaN is also an alias of SCN11A; an empty cell must not be taken for that gene.
_GAPS = frozenset({"", "na", "n/a", "nan", "none", "null", "?", "-"})
# Gene symbols write a Greek letter as a Latin one: interferon gamma is IFNG.
_GREEK = {0x3B0 + offset: letter for offset, letter in zip((1, 2, 3, 4, 5, 6, 10), "ABGDEZK", strict=True)}
_LAST = chr(0x10FFFF)  # sorts after every other character: ends the range of names with a given prefix

#: Statuses of a name that means a gene of the axis. ``repaired``: a spreadsheet date that was restored on request.
FOUND = ("ensembl", "transcript", "entrez", "symbol", "previous", "alias", "repaired")
#: Statuses of a name without a gene of the axis. ``outside``: a gene that the axis does not cover.
NOT_FOUND = ("outside", "ambiguous", "date", "unknown")


@dataclass(frozen=True)
class Resolution:
    """The gene of each name in a list.

    Attributes
    ----------
    names : tuple of str
        The names as given.
    index : ndarray of int32, shape (n_names,)
        Position on the gene axis, -1 where there is none.
    status : tuple of str
        One of ``FOUND`` or ``NOT_FOUND`` for each name.
    """

    names: tuple[str, ...]
    index: np.ndarray
    status: tuple[str, ...]

    def with_status(self, *wanted: str) -> list[str]:
        """Return the names with one of the given statuses, in order."""
        return [name for name, status in zip(self.names, self.status, strict=True) if status in wanted]

    def repaired(self, gene_of: Mapping[str, int]) -> Resolution:
        """Return a copy in which the names in ``gene_of`` mean the given axis positions (status ``repaired``)."""
        if not gene_of:
            return self
        index = np.array(
            [gene_of.get(n, i) for n, i in zip(self.names, self.index.tolist(), strict=True)], dtype=np.int32
        )
        status = (("repaired" if n in gene_of else s) for n, s in zip(self.names, self.status, strict=True))
        return Resolution(self.names, index, tuple(status))

    def counts(self) -> dict[str, int]:
        """Return how many names have each status; statuses without a name are left out."""
        counts = Counter(self.status)
        return {status: counts[status] for status in FOUND + NOT_FOUND if status in counts}


class _Name(NamedTuple):
    """A name of a gene, as `GeneAxis.search` looks it up."""

    upper: str
    name: str
    status: str
    position: int


class GeneAxis:
    """The genes of the axis with their identifiers, lengths and every name.

    Attributes
    ----------
    ensembl, symbol, entrez : tuple of str, length 19,383
        Ensembl gene id, approved symbol, Entrez id (empty where there is none).
    previous, aliases : tuple of str, length 19,383
        Older approved symbols and other names, joined by ``|``.
    length_bp : ndarray of float64, shape (19383,)
        Median exonic length of the gene's transcripts in base pairs.
    hash : str
        `gene_list_hash` of the Ensembl ids.
    """

    def __init__(self) -> None:
        columns, outside = read_columns("axis"), read_columns("outside")
        self.ensembl, self.symbol, self.entrez = columns["ensembl_id"], columns["symbol"], columns["entrez"]
        self.previous, self.aliases = columns["previous"], columns["aliases"]
        self.length_bp: np.ndarray = np.array(columns["exon_length_bp"], dtype=np.float64)
        self.hash = gene_list_hash(self.ensembl)
        self._ensembl = {e: i for i, e in enumerate(self.ensembl)}
        self._entrez = {e: i for i, e in enumerate(self.entrez) if e}
        self._outside_entrez = {e for e in outside["entrez"] if e}
        self._symbol = dict.fromkeys(outside["symbol"], -1) | {s: i for i, s in enumerate(self.symbol)}
        self._upper = tuple(s.upper() for s in self.symbol)
        self._symbol_upper = {s.upper(): i for s, i in self._symbol.items()}
        # Previous symbols are looked up before aliases: SEPT2 was the approved symbol of SEPTIN2 and is an alias of
        # SEPTIN6, so it means SEPTIN2.
        self._older_names = {
            "previous": _genes_by_name(self.previous, outside["previous"]),
            "alias": _genes_by_name(self.aliases, outside["aliases"]),
        }

    def __len__(self) -> int:
        return len(self.ensembl)

    @cached_property
    def _older_names_upper(self) -> dict[str, dict[str, tuple[int, ...]]]:
        """The genes of each upper-case previous symbol or alias."""
        return {
            status: _invert((name.upper(), gene) for name, genes in table.items() for gene in genes)
            for status, table in self._older_names.items()
        }

    def resolve(self, names: Iterable[object]) -> Resolution:
        """Return the gene of each name. The module docstring gives the order of the rules."""
        text = tuple(str(name).strip().strip("\"'").strip() for name in names)
        pairs = [self._resolve_one(name) for name in text]
        return Resolution(text, np.array([i for i, _ in pairs], dtype=np.int32), tuple(s for _, s in pairs))

    def find(self, name: str) -> int:
        """Return the axis position of the gene that a person named.

        Letter case matters less than in a file: ``her2`` is ERBB2.

        Raises
        ------
        GeneError
            When the name is unknown, ambiguous, a date, or a gene outside the axis.
        """
        resolution = self.resolve([name])
        if resolution.status[0] == "unknown":
            resolution = self.resolve([name.upper()])
        if resolution.index[0] >= 0:
            return int(resolution.index[0])
        shown, status = name.strip(), resolution.status[0]
        if status == "ambiguous":
            raise GeneError(
                f"{shown} could mean {self._describe_meanings(shown)}.", "Name the gene you mean.", code=status
            )
        if status == "date":
            hint = (
                f"It was probably {self._describe_meanings(shown)}."
                if self.candidates(shown)
                else "Restore the gene's symbol."
            )
            raise GeneError(
                f"{shown} looks like a gene symbol that a spreadsheet turned into a date.", hint, code=status
            )
        if status == "outside":
            raise GeneError(
                f"{shown} is a gene, but not one of the {len(self):,} covered.", "Choose one of those.", code=status
            )
        raise GeneError(f"No gene is called {shown!r}.", "Use an approved symbol, Ensembl or Entrez id.", code=status)

    def candidates(self, name: str) -> list[str]:
        """Return the approved symbols that an ambiguous or date-like name could mean, sorted."""
        return sorted(self.symbol[i] for i in self.meanings(name) if i >= 0)

    def search(self, query: str, limit: int = 20) -> list[tuple[int, str]]:
        """Find genes by a part of a name, for a search box.

        Order of the results: the exact name; names that differ in letter case or punctuation only; symbols and then
        other names that begin with the query; symbols that contain the query.

        Returns
        -------
        list of (int, str)
            Axis position, and the name that matched (for example ``"alias p53"``; empty for an approved symbol).
        """
        query = query.strip()
        upper = query.translate(_GREEK).upper()
        if not upper:
            return []
        found: dict[int, str] = {}
        position, status = self._resolve_one(query)
        if position >= 0:
            found[position] = "" if status == "symbol" else f"{status} {query}"
        for symbol in self.candidates(query) if status == "date" else ():
            found.setdefault(self._symbol[symbol], f"date {query}")
        start, end = (bisect_left(self._names, prefix, key=lambda n: n.upper) for prefix in (upper, upper + _LAST))
        begins = self._names[start:end]
        exact = [n for n in begins if n.upper == upper] + self._by_plain_name.get(_without_punctuation(upper), [])
        symbols = sorted((n for n in begins if n.status == "symbol"), key=lambda n: (len(n.name), n.name))
        for match in (*exact, *symbols, *begins):
            found.setdefault(match.position, "" if match.status == "symbol" else f"{match.status} {match.name}")
        if len(upper) > 2:
            found |= {i: "" for i, symbol in enumerate(self._upper) if upper in symbol and i not in found}
        return list(found.items())[:limit]

    @cached_property
    def _names(self) -> list[_Name]:
        """All names of all genes, sorted by their upper-case form; of equal names the approved symbol comes first."""
        listed = {"symbol": self.symbol, "previous": self.previous, "alias": self.aliases}
        rank = {status: i for i, status in enumerate(listed)}
        names = [
            _Name(name.upper(), name, status, position)
            for status, column in listed.items()
            for position, joined in enumerate(column)
            for name in filter(None, joined.split("|"))
        ]
        return sorted(names, key=lambda n: (n.upper, rank[n.status], n.position))

    @cached_property
    def _by_plain_name(self) -> dict[str, list[_Name]]:
        table: dict[str, list[_Name]] = {}
        for name in self._names:
            if bare := _without_punctuation(name.upper):
                table.setdefault(bare, []).append(name)
        return table

    def _resolve_one(self, name: str) -> tuple[int, str]:
        if name.lower() in _GAPS:
            return -1, "unknown"
        if "|" in name:
            return self._by_parts(name.split("|"))
        if match := _SYMBOL_WITH_ID.match(name):
            return self._by_parts(match.groups())
        if match := _ENSEMBL.match(name):
            return self._by_ensembl(match.group(1).upper())
        if match := _ENTREZ.match(name):
            return self._by_entrez(match.group(1))
        return self._by_symbol(name)

    def _by_symbol(self, name: str) -> tuple[int, str]:
        """Resolve a symbol or older name, first as written, then in another letter case."""
        if exact := self._look_up(name, self._symbol, self._older_names):
            return exact
        if symbols_behind_date(name):
            return -1, "date"
        # C8ORF33 and tp53 are accepted. Title case is not, because mouse genes are written so. An older name is
        # accepted in capitals only, because ordinary words in a header are often lower case.
        if not (name.isupper() or name.islower()):
            return -1, "unknown"
        older_names = self._older_names_upper if name.isupper() else {}
        return self._look_up(name.upper(), self._symbol_upper, older_names) or (-1, "unknown")

    def _look_up(
        self, name: str, symbols: Mapping[str, int], older_names: Mapping[str, Mapping[str, tuple[int, ...]]]
    ) -> tuple[int, str] | None:
        if name in symbols:
            return _unless_outside(symbols[name], "symbol")
        for status, table in older_names.items():
            if meant := table.get(name):
                return _unless_outside(meant[0], status) if len(meant) == 1 else (-1, "ambiguous")
        return None

    def meanings(self, name: str) -> set[int]:
        """Return all genes that an ambiguous or date-like name may mean: axis positions, negative outside the axis."""
        if spellings := symbols_behind_date(name):
            by_status = (set().union(*(t.get(s, ()) for s in spellings)) for t in self._older_names_upper.values())
            return next(filter(None, by_status), set())
        exact = set().union(*(table.get(name, ()) for table in self._older_names.values()))
        return exact or set().union(*(table.get(name.upper(), ()) for table in self._older_names_upper.values()))

    def _describe_meanings(self, name: str) -> str:
        covered = self.candidates(name)
        outside = ["a gene outside the axis"] if min(self.meanings(name), default=0) < 0 else []
        return " or ".join(covered + outside) if covered else "several genes outside the axis"

    def _by_ensembl(self, identifier: str) -> tuple[int, str]:
        if identifier[3] == "G":
            return _unless_outside(self._ensembl.get(identifier, -1), "ensembl")
        return _unless_outside(transcript_genes().get(identifier, -1), "transcript")

    def _by_entrez(self, identifier: str) -> tuple[int, str]:
        if identifier in self._entrez:
            return self._entrez[identifier], "entrez"
        return -1, "outside" if identifier in self._outside_entrez else "unknown"

    def _by_parts(self, parts: Sequence[str]) -> tuple[int, str]:
        """Resolve a name of several parts, such as ``TP53|7157`` (TCGA) or ``TP53 (7157)`` (DepMap).

        The most stable part decides: Ensembl gene, transcript, Entrez id, symbol. Names in GENCODE's FASTA files end
        with a length, which looks like an Entrez id; they begin with Ensembl ids, so these decide.
        """
        ranked = sorted(filter(None, (part.strip() for part in parts)), key=_stability)
        answers = [self._resolve_one(part) for part in ranked]
        return next((a for a in answers if a[1] != "unknown"), (-1, "unknown"))


def _unless_outside(position: int, status: str) -> tuple[int, str]:
    return (position, status) if position >= 0 else (-1, "outside")


def _stability(part: str) -> int:
    """Return the rank of a kind of name; lower is more stable."""
    if match := _ENSEMBL.match(part):
        return "GT".index(match.group(1)[3].upper())
    return 2 if _ENTREZ.match(part) else 3


def _genes_by_name(on_axis: Sequence[str], outside: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the genes that have each previous symbol or alias. Genes outside the axis get negative numbers."""
    genes = {position: joined for position, joined in enumerate(on_axis) if joined}
    genes |= {-1 - number: joined for number, joined in enumerate(outside) if joined}
    return _invert((name, position) for position, joined in genes.items() for name in joined.split("|") if name)


def _invert(pairs: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    """Return the different genes of each name."""
    table: dict[str, tuple[int, ...]] = {}
    for name, position in pairs:
        known = table.get(name)
        if known is None:
            table[name] = (position,)
        elif position not in known:
            table[name] = (*known, position)
    return table


def _without_punctuation(upper: str) -> str:
    """Return the letters and digits of a name, so that HER-2 and PD L1 are found."""
    return "".join(filter(str.isalnum, upper))


def gene_list_hash(ensembl_ids: Sequence[str]) -> str:
    """Return the SHA-256 of an ordered gene list. A checkpoint and its gene table must have the same one."""
    return hashlib.sha256("\n".join(ensembl_ids).encode()).hexdigest()


def gene_file(name: str) -> Path:
    """Return the path of a gene data file of this version of the axis, for example ``gene_file("tf-v{}.txt.gz")``."""
    return resource_path("data", "genes", name.format(AXIS_VERSION))


def read_columns(name: str) -> dict[str, tuple[str, ...]]:
    """Read a gene table: its columns by name, as text."""
    with gzip.open(gene_file(f"{name}-v{{}}.tsv.gz"), "rt", encoding="utf-8") as lines:
        header, *rows = (line.rstrip("\n").split("\t") for line in lines)
    return dict(zip(header, zip(*rows, strict=True), strict=True))


@lru_cache(maxsize=1)
def transcript_genes() -> dict[str, int]:
    """Return the axis position of the gene of each Ensembl transcript id."""
    columns = read_columns("transcripts")
    return dict(zip(columns["transcript_id"], map(int, columns["gene"]), strict=True))


@lru_cache(maxsize=1)
def gene_axis() -> GeneAxis:
    """Return the gene axis. It is read once per process."""
    return GeneAxis()


@lru_cache(maxsize=1)
def transcription_factors() -> frozenset[int]:
    """Return the axis positions of the transcription factors of Lambert et al. (Cell 2018)."""
    with gzip.open(gene_file("tf-v{}.txt.gz"), "rt", encoding="utf-8") as lines:
        return frozenset(gene_axis().resolve(lines).index.tolist())


# --- names that a spreadsheet turned into dates ---

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


def repairable_dates(resolution: Resolution) -> dict[str, int]:
    """Return the date-like names that can mean exactly one gene, with the axis position of that gene.

    Genes that the file names in another row are excluded from the meanings of a date. After such an exclusion only one
    row may carry the date: of two rows, one could be the excluded gene. A gene outside the axis is never excluded.
    """
    rows = resolution.with_status("date")
    meanings = {name: gene_axis().meanings(name) for name in dict.fromkeys(rows)}
    claims = Counter(gene for name in rows for gene in meanings[name])
    named = set(resolution.index[resolution.index >= 0].tolist())
    repairable = {}
    for name, genes in meanings.items():
        remaining = genes - named
        is_only_claim = len(genes) == 1 or all(claims[gene] == 1 for gene in genes)
        if len(remaining) == 1 and min(remaining) >= 0 and is_only_claim:
            repairable[name] = min(remaining)
    return repairable
