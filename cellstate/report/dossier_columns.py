"""What is known of genes as targets, as columns of a table of results."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from cellstate.genes.dossier import dossiers


def with_dossiers(table: pd.DataFrame, change: Iterable[float]) -> pd.DataFrame:
    """Add ``essential`` (None where not tested) and ``drugs``: compounds whose action fits, joined by semicolons.

    Parameters
    ----------
    table : DataFrame
        With a column ensembl_id, of genes of the axis.
    change : iterable of float
        Of each row's gene: negative where it is lowered, positive where it is raised, NaN where neither.
    """
    found = dossiers(table["ensembl_id"])
    drugs = ["; ".join(c.name for c in one.fitting(d)) for one, d in zip(found, change, strict=True)]
    return table.assign(essential=[one.essentiality for one in found], drugs=drugs)
