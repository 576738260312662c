"""What is known of a gene as a target: columns of a table, entries of a document, and sentences in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from cellstate.formatting import escape_markdown, join_with_and
from cellstate.genes.dossier import Dossier, dossier, dossiers

#: What parts of a list are joined by.
APART = "; "
#: Compounds that a sentence names.
NAMED = 3


def with_dossiers(
    table: pd.DataFrame, change: Iterable[float], high_in: Mapping[str, tuple[str, ...]] | None = None
) -> pd.DataFrame:
    """Add what is known of the gene of each row.

    The columns are ``essential`` (None where not tested), ``drugs`` (compounds whose action fits, joined by semicolons)
    and, where profiles are known, ``normal_tissues`` (in which the gene is high; None where the profiles lack it).

    Parameters
    ----------
    table : DataFrame
        With a column ensembl_id, of genes of the axis.
    change : iterable of float
        Of each row's gene: negative where it is lowered, positive where it is raised, NaN where neither.
    high_in : mapping of str to tuple of str, optional
        Normal tissues by Ensembl id, as `cellstate.evaluation.tissue_profiles.high_tissues` returns them.
    """
    found = dossiers(table["ensembl_id"])
    drugs = [APART.join(c.name for c in one.fitting(d)) for one, d in zip(found, change, strict=True)]
    table = table.assign(essential=[one.essentiality for one in found], drugs=drugs)
    if not high_in:
        return table
    return table.assign(
        normal_tissues=[APART.join(high_in[gene]) if gene in high_in else None for gene in table["ensembl_id"]]
    )


def dossier_entry(gene: str, change: float, high_in: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return what is known of a gene as plain data; ``normal_tissues`` is None where the profiles lack the gene.

    Parameters
    ----------
    gene : str
        Symbol or Ensembl id.
    change, high_in
        As for `with_dossiers`.
    """
    known: Dossier = dossier(gene)
    return {
        "essentiality": known.essentiality,
        "is_tf": known.is_tf,
        "drugs": [asdict(one) for one in known.fitting(change)],
        "normal_tissues": list(high_in[known.ensembl_id]) if known.ensembl_id in high_in else None,
        "links": known.links,
    }


def dossier_sentence(known: Dossier, change: float) -> str:
    """Return what a gene is as a target, and which compounds act in the direction of a change of it.

    Parameters
    ----------
    known : Dossier
    change : float
        Negative where the gene is lowered, positive where it is raised; else no compound is named.
    """
    name = escape_markdown(known.symbol)
    kind = "transcription factor" if known.is_tf else "no transcription factor"
    classes = {None: "not tested", "neither": "neither common essential nor selective"}
    essential = classes.get(known.essentiality, known.essentiality)
    first = f"**{name}:** {kind}; {essential} in cancer cell lines (DepMap)."
    return " ".join(filter(None, [first, _compounds(known, change)]))


def dossier_links(known: Dossier) -> str:
    """Return links to pages about the gene."""
    return " · ".join(f"[{site}]({address})" for site, address in known.links.items())


def _compounds(known: Dossier, change: float) -> str:
    if not (change < 0 or change > 0):
        return ""
    verb = "lowers" if change < 0 else "raises"
    fitting = [escape_markdown(one.name) for one in known.fitting(change)]
    if not fitting:
        return f"DrugCentral, in a release of 2020 or before, lists no compound that {verb} its activity."
    more = [f"{len(fitting) - NAMED:,} more"] if len(fitting) > NAMED else []
    return (
        f"Compounds known to act on it in a way that {verb} its activity (DrugCentral): "
        f"{join_with_and(fitting[:NAMED] + more)}; hypotheses for the laboratory."
    )
