"""The gene axis: 19,383 human protein-coding genes, and what a name in a file or a search box means.

Names are resolved in a fixed order (Ensembl id, Entrez id, approved symbol, previous symbol, alias). A name that
could mean two genes, or that belongs to a gene outside the axis, is reported and never guessed.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from cellstate.errors import GeneError
from cellstate.paths import shipped
from cellstate.sheet_dates import symbols_behind_date

AXIS_VERSION = 1
N_AXIS = 19_383

_ENSEMBL = re.compile(r"(ENS[GT]\d{11})(?:\.\d+)?(?:_PAR_Y)?(?=$|[|_:;,\s])", re.IGNORECASE | re.ASCII)
_ENTREZ = re.compile(r"(\d{1,9})(?:\.0+)?$", re.ASCII)
_SYMBOL_WITH_ID = re.compile(r"(\S+) \((\d+|ENS[GT]\d{11})\)$", re.ASCII)
# Words that stand for "no name". SCN11A's alias NaN is lost for it, and a gap in a table is never taken for a gene.
_GAPS = frozenset({"", "na", "n/a", "nan", "none", "null", "?", "-"})
# Greek letters as gene symbols write them: the last letter of interferon gamma is the G of IFNG.
_GREEK = {0x3B0 + offset: letter for offset, letter in zip((1, 2, 3, 4, 5, 6, 10), "ABGDEZK", strict=True)}
_LAST = chr(0x10FFFF)  # sorts after every character: closes the range of names that begin with a text

#: Statuses of a resolved name that carries a gene; ``repaired`` is a date that was put back on request.
FOUND = ("ensembl", "transcript", "entrez", "symbol", "previous", "alias", "repaired")
NOT_FOUND = ("outside", "ambiguous", "date", "unknown")


def gene_list_hash(ensembl_ids: Sequence[str]) -> str:
    """Return the sha256 of an ordered gene list: what a checkpoint and its gene table must share."""
    return hashlib.sha256("\n".join(ensembl_ids).encode()).hexdigest()


@dataclass(frozen=True)
class Resolution:
    """What each name of a list means.

    Attributes
    ----------
    names : tuple of str
        The names as given.
    index : ndarray of int32, shape (n_names,)
        Position on the gene axis, -1 where none.
    status : tuple of str
        One of ``FOUND`` or ``NOT_FOUND`` for each name.
    """

    names: tuple[str, ...]
    index: np.ndarray
    status: tuple[str, ...]

    def with_status(self, *wanted: str) -> list[str]:
        """Return the names that have one of the given statuses, in order."""
        return [name for name, status in zip(self.names, self.status, strict=True) if status in wanted]

    def repaired(self, gene_of: Mapping[str, int]) -> Resolution:
        """Return the same names, those of a mapping as the genes (axis positions) that they were found to mean."""
        if not gene_of:
            return self
        index = np.array(
            [gene_of.get(n, i) for n, i in zip(self.names, self.index.tolist(), strict=True)], dtype=np.int32
        )
        status = (("repaired" if n in gene_of else s) for n, s in zip(self.names, self.status, strict=True))
        return Resolution(self.names, index, tuple(status))

    def counts(self) -> dict[str, int]:
        """Return how many names have each status, without the zeros."""
        found = pd.Series(self.status, dtype=object).value_counts()
        return {status: int(found[status]) for status in FOUND + NOT_FOUND if status in found}


class _Name(NamedTuple):
    """One of the names of one gene, as the search box looks it up."""

    upper: str
    name: str
    status: str
    position: int


class GeneAxis:
    """The fixed, versioned list of genes and every name by which they are known.

    Attributes
    ----------
    ensembl, symbol, entrez : tuple of str, length 19,383
    length_bp : ndarray of float64, shape (19383,)
        Median exonic length of the gene's transcripts.
    """

    def __init__(self, table: pd.DataFrame, outside: pd.DataFrame) -> None:
        self.ensembl: tuple[str, ...] = tuple(table["ensembl_id"])
        self.symbol: tuple[str, ...] = tuple(table["symbol"])
        self.entrez: tuple[str, ...] = tuple(table["entrez"])
        self.previous: tuple[str, ...] = tuple(table["previous"])
        self.aliases: tuple[str, ...] = tuple(table["aliases"])
        self.length_bp: np.ndarray = table["exon_length_bp"].to_numpy(float)
        self.hash: str = gene_list_hash(self.ensembl)
        self._ensembl = {e: i for i, e in enumerate(self.ensembl)}
        self._entrez = {e: i for i, e in enumerate(self.entrez) if e}
        self._outside_entrez = {e for e in outside["entrez"] if e}
        self._symbol = dict.fromkeys(outside["symbol"], -1) | {s: i for i, s in enumerate(self.symbol)}
        self._upper = tuple(s.upper() for s in self.symbol)
        self._symbol_upper = {s.upper(): i for s, i in self._symbol.items()}
        # A previous symbol was once the approved one and outranks a nickname: SEPT2 is SEPTIN2, a nickname of SEPTIN6.
        former = {"previous": (self.previous, outside["previous"]), "alias": (self.aliases, outside["aliases"])}
        self._former = {status: _many(*columns) for status, columns in former.items()}
        self._former_upper = {status: _many(*columns, str.upper) for status, columns in former.items()}

    def __len__(self) -> int:
        return len(self.ensembl)

    def resolve(self, names: Iterable[object]) -> Resolution:
        """Say what each name means; see the module's text for the order of the rules."""
        text = tuple(str(name).strip().strip("\"'").strip() for name in names)
        pairs = [self._one(name) for name in text]
        return Resolution(text, np.array([i for i, _ in pairs], dtype=np.int32), tuple(s for _, s in pairs))

    def find(self, name: str) -> int:
        """Return the axis position of one gene, or raise ``GeneError`` that says why there is none.

        A person typed this name, so letter case is forgiven more freely than in a file: ``her2`` is ERBB2.
        """
        resolution = self.resolve([name])
        if resolution.status[0] == "unknown":
            resolution = self.resolve([name.upper()])
        if resolution.index[0] >= 0:
            return int(resolution.index[0])
        shown, status = name.strip(), resolution.status[0]
        if status == "ambiguous":
            raise GeneError(f"{shown} could mean {self._either(shown)}.", "Name the gene you mean.")
        if status == "date":
            hint = f"It was probably {self._either(shown)}." if self.candidates(shown) else "Restore the gene's symbol."
            raise GeneError(f"{shown} looks like a gene symbol that a spreadsheet turned into a date.", hint)
        if status == "outside":
            raise GeneError(f"{shown} is a gene, but not one of the {len(self):,} covered.", "Choose one of those.")
        raise GeneError(f"No gene is called {shown!r}.", "Use an approved symbol, Ensembl or Entrez id.")

    def candidates(self, name: str) -> list[str]:
        """Return the approved symbols that an ambiguous or date-like name could stand for."""
        return sorted(self.symbol[i] for i in self.meanings(name) if i >= 0)

    def search(self, query: str, limit: int = 20) -> list[tuple[int, str]]:
        """Find genes for a search box.

        In order: the exact name; the same but for letter case and punctuation; symbols, then other names, that begin
        with the query; symbols that contain it.

        Returns
        -------
        list of (position, why), why being for example ``"alias p53"``; empty for an empty query.
        """
        query = query.strip()
        upper = query.translate(_GREEK).upper()
        if not upper:
            return []
        found: dict[int, str] = {}
        position, status = self._one(query)
        if position >= 0:
            found[position] = "" if status == "symbol" else f"{status} {query}"
        for symbol in self.candidates(query) if status == "date" else ():
            found.setdefault(self._symbol[symbol], f"date {query}")
        start, end = (bisect_left(self._names, prefix, key=lambda n: n.upper) for prefix in (upper, upper + _LAST))
        begins = self._names[start:end]
        exact = [n for n in begins if n.upper == upper] + self._by_bare_name.get(_bare(upper), [])
        symbols = sorted((n for n in begins if n.status == "symbol"), key=lambda n: (len(n.name), n.name))
        for match in (*exact, *symbols, *begins):
            found.setdefault(match.position, "" if match.status == "symbol" else f"{match.status} {match.name}")
        if len(upper) > 2:
            found |= {i: "" for i, symbol in enumerate(self._upper) if upper in symbol and i not in found}
        return list(found.items())[:limit]

    @cached_property
    def _names(self) -> list[_Name]:
        """Every name of every gene of the axis, sorted by its upper-case form, approved symbols first."""
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
    def _by_bare_name(self) -> dict[str, list[_Name]]:
        table: dict[str, list[_Name]] = {}
        for name in self._names:
            if bare := _bare(name.upper):
                table.setdefault(bare, []).append(name)
        return table

    def _one(self, name: str) -> tuple[int, str]:
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
        if name in self._symbol:
            return self._placed(self._symbol[name], "symbol")
        for status, table in self._former.items():
            if meant := table.get(name):
                return self._only(meant, status)
        if symbols_behind_date(name):
            return -1, "date"
        # C8ORF33 and tp53 are meant; Title case is how mouse genes are written, so it is not taken. Words of a header
        # are often lower case, so a nickname is taken in capitals only.
        if name.isupper() or name.islower():
            upper = name.upper()
            if upper in self._symbol_upper:
                return self._placed(self._symbol_upper[upper], "symbol")
            for status, table in self._former_upper.items() if name.isupper() else ():
                if meant := table.get(upper):
                    return self._only(meant, status)
        return -1, "unknown"

    def meanings(self, name: str) -> set[int]:
        """Return every gene that an ambiguous or date-like name may mean: axis positions, below 0 outside the axis."""
        if spellings := symbols_behind_date(name):
            by_status = (set().union(*(t.get(s, ()) for s in spellings)) for t in self._former_upper.values())
            return next(filter(None, by_status), set())
        exact = set().union(*(table.get(name, ()) for table in self._former.values()))
        return exact or set().union(*(table.get(name.upper(), ()) for table in self._former_upper.values()))

    def _either(self, name: str) -> str:
        covered = self.candidates(name)
        outside = ["a gene outside the axis"] if min(self.meanings(name), default=0) < 0 else []
        return " or ".join(covered + outside) if covered else "several genes outside the axis"

    def _only(self, meant: set[int], status: str) -> tuple[int, str]:
        return self._placed(next(iter(meant)), status) if len(meant) == 1 else (-1, "ambiguous")

    def _placed(self, position: int, status: str) -> tuple[int, str]:
        return (position, status) if position >= 0 else (-1, "outside")

    def _by_ensembl(self, identifier: str) -> tuple[int, str]:
        if identifier[3] == "G":
            return self._placed(self._ensembl.get(identifier, -1), "ensembl")
        return self._placed(_transcripts().get(identifier, -1), "transcript")

    def _by_entrez(self, identifier: str) -> tuple[int, str]:
        if identifier in self._entrez:
            return self._entrez[identifier], "entrez"
        return -1, "outside" if identifier in self._outside_entrez else "unknown"

    def _by_parts(self, parts: Sequence[str]) -> tuple[int, str]:
        """``SYMBOL|ENTREZ`` as TCGA writes it, ``TP53 (7157)`` as DepMap does: the stablest part decides.

        The long names of GENCODE's FASTA end with a length, which is no Entrez id: their Ensembl ids come first.
        """
        ranked = sorted(filter(None, (part.strip() for part in parts)), key=_stability)
        answers = [self._one(part) for part in ranked]
        return next((a for a in answers if a[1] != "unknown"), (-1, "unknown"))


def _stability(part: str) -> int:
    if match := _ENSEMBL.match(part):
        return "GT".index(match.group(1)[3].upper())
    return 2 if _ENTREZ.match(part) else 3


def _many(listed: Sequence[str], outside: Iterable[str], form: Callable[[str], str] = str) -> dict[str, set[int]]:
    """Map each previous or alias name to the genes that claim it; a gene outside the axis counts as one below 0."""
    table: dict[str, set[int]] = {}
    for position, joined in (*enumerate(listed), *((-1 - i, joined) for i, joined in enumerate(outside))):
        for name in filter(None, joined.split("|")):
            table.setdefault(form(name), set()).add(position)
    return table


def _bare(upper: str) -> str:
    """Return a name without punctuation, so that HER-2 and PD L1 are found."""
    return "".join(filter(str.isalnum, upper))


def _read(name: str) -> pd.DataFrame:
    with gzip.open(shipped("data", "genes", f"{name}-v{AXIS_VERSION}.tsv.gz"), "rt", encoding="utf-8") as lines:
        return pd.read_csv(lines, sep="\t", keep_default_na=False, dtype={"entrez": str})


@lru_cache(maxsize=1)
def gene_axis() -> GeneAxis:
    """Return the shipped gene axis, read once."""
    return GeneAxis(_read("axis"), _read("outside"))


@lru_cache(maxsize=1)
def transcription_factors() -> frozenset[int]:
    """Return the axis positions of the transcription factors of Lambert et al. (Cell 2018)."""
    with gzip.open(shipped("data", "genes", f"tf-v{AXIS_VERSION}.txt.gz"), "rt", encoding="utf-8") as lines:
        return frozenset(gene_axis().resolve(lines).index.tolist())


@lru_cache(maxsize=1)
def _transcripts() -> dict[str, int]:
    table = _read("transcripts")
    return dict(zip(table["transcript_id"], table["gene"].tolist(), strict=True))
