"""Gene names that a spreadsheet turned into dates: what they may have been, and putting back those that are certain."""

from __future__ import annotations

from collections import Counter

from cellstate.genes import Resolution, gene_axis


def dates_of(resolution: Resolution) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return each date-like name once, in file order, with the symbols on the gene axis that it may stand for."""
    dates = dict.fromkeys(resolution.with_status("date"))
    return tuple((name, tuple(gene_axis().candidates(name))) for name in dates)


def certain(resolution: Resolution) -> dict[str, int]:
    """Return the dates that can mean exactly one gene, with that gene's axis position.

    A gene that the file names otherwise is not meant, but then only one row may carry the date: of two rows, one may be
    that gene once more. A gene outside the axis may be meant as well as one on it, and is never ruled out.
    """
    rows = resolution.with_status("date")
    meant = {name: gene_axis().meanings(name) for name in dict.fromkeys(rows)}
    claims = Counter(gene for name in rows for gene in meant[name])
    named = set(resolution.index[resolution.index >= 0].tolist())
    found = {}
    for name, genes in meant.items():
        left = genes - named
        alone = len(genes) == 1 or all(claims[gene] == 1 for gene in genes)
        if len(left) == 1 and min(left) >= 0 and alone:
            found[name] = min(left)
    return found
