"""The dossier of a gene: what is known of it as a target, from the tables of ``data/targets`` (sources in its README).

Common essential and selective are DepMap's classes (26Q1). Compounds and their actions are DrugCentral's; that table is
older and incomplete, so a gene without a compound may have one.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from cellstate.errors import GeneError
from cellstate.files import resource_path
from cellstate.genes.axis import N_AXIS, gene_axis, transcription_factors

#: Actions that lower what a gene's product does, as a knock-out or knock-down would.
LOWERING = frozenset(
    {
        *("inhibitor", "antagonist", "blocker", "inverse agonist", "allosteric antagonist"),
        *("negative modulator", "negative allosteric modulator"),
    }
)
#: Actions that raise it, as over-expression would.
RAISING = frozenset(
    {
        *("agonist", "activator", "partial agonist", "opener"),
        *("positive modulator", "positive allosteric modulator"),
    }
)
_PAGES = {
    "Ensembl": "https://www.ensembl.org/Homo_sapiens/Gene/Summary?g={ensembl_id}",
    "Open Targets": "https://platform.opentargets.org/target/{ensembl_id}",
    "DepMap": "https://depmap.org/portal/gene/{symbol}",
    "GeneCards": "https://www.genecards.org/cgi-bin/carddisp.pl?gene={symbol}",
}


@dataclass(frozen=True)
class Compound:
    """A compound known to act on a gene's product.

    Attributes
    ----------
    name : str
    action : str
        For example ``inhibitor``.
    is_mechanism : bool
        Whether the compound is said to act by it; else it is one of several targets.
    """

    name: str
    action: str
    is_mechanism: bool


@dataclass(frozen=True)
class Dossier:
    """What is known of a gene as a target.

    Attributes
    ----------
    symbol, ensembl_id : str
    is_tf : bool
        Transcription factor (Lambert et al., Cell 2018).
    essentiality : str or None
        In cancer cell lines: ``common essential``, ``selective``, ``common essential and selective``, ``neither``;
        None where DepMap did not test the gene.
    compounds : tuple of Compound
        Those that act by this gene first, then by affinity.
    """

    symbol: str
    ensembl_id: str
    is_tf: bool
    essentiality: str | None
    compounds: tuple[Compound, ...]

    def fitting(self, change: float) -> tuple[Compound, ...]:
        """Return the compounds whose action has the sign of a change of the gene; none for 0 and NaN."""
        wanted = LOWERING if change < 0 else RAISING if change > 0 else ()
        return tuple(one for one in self.compounds if one.action in wanted)

    @property
    def links(self) -> dict[str, str]:
        """Address of the gene's page, by the name of the site."""
        return {
            site: address.format(ensembl_id=self.ensembl_id, symbol=quote(self.symbol, safe=""))
            for site, address in _PAGES.items()
        }


def dossier(name: str) -> Dossier:
    """Return the dossier of a gene by any of its names; raise ``GeneError`` where it is no gene of the axis."""
    return _at(gene_axis().find(name))


def dossiers(names: Iterable[str]) -> list[Dossier]:
    """Return the dossiers of many genes of the axis, by symbol or Ensembl id.

    Raises
    ------
    GeneError
        When a name is no gene of the axis.
    """
    resolution = gene_axis().resolve(names)
    if missing := [n for n, i in zip(resolution.names, resolution.index.tolist(), strict=True) if i < 0]:
        raise GeneError(f"There is no dossier of {missing[0]}.", "Use approved symbols or Ensembl ids.")
    return [_at(position) for position in resolution.index.tolist()]


@lru_cache(maxsize=N_AXIS)
def _at(position: int) -> Dossier:
    axis = gene_axis()
    ensembl_id = axis.ensembl[position]
    return Dossier(
        axis.symbol[position],
        ensembl_id,
        position in transcription_factors(),
        _essentiality().get(ensembl_id),
        _compounds().get(ensembl_id, ()),
    )


def _rows(name: str) -> list[list[str]]:
    """Return the rows of a table of ``data/targets`` below its header."""
    with gzip.open(resource_path("data", "targets", name), "rt", encoding="utf-8") as lines:
        return [line.rstrip("\n").split("\t") for line in lines][1:]


@lru_cache(maxsize=1)
def _essentiality() -> dict[str, str]:
    return {ensembl_id: essentiality for ensembl_id, essentiality in _rows("essentiality-v1.tsv.gz")}


@lru_cache(maxsize=1)
def _compounds() -> dict[str, tuple[Compound, ...]]:
    found: dict[str, list[Compound]] = {}
    for ensembl_id, name, action, is_mechanism in _rows("compounds-v1.tsv.gz"):
        found.setdefault(ensembl_id, []).append(Compound(name, action, is_mechanism == "1"))
    return {ensembl_id: tuple(compounds) for ensembl_id, compounds in found.items()}
