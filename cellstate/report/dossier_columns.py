"""What is known of genes as targets: columns of a table of results, and entries of a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from cellstate.genes.dossier import Dossier, dossier, dossiers

#: What parts of a list are joined by.
APART = "; "


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
        Normal tissues by Ensembl id, as `cellstate.evaluation.tissue_centres.high_tissues` returns them.
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
