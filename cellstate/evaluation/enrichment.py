"""Preranked gene set enrichment of a predicted expression change, by the default method and by all others.

The enrichment score is that of Subramanian et al. (PNAS 2005). Its null distribution comes from random sets of the same
size, with p-values by multilevel splitting (Korotkevich et al., bioRxiv 060012), as gseapy computes them. Nothing is
downloaded and no file is written.

The p-value is about the order of genes in **one deterministic prediction**, not about patients. Genes of a set are
correlated, which every method has learnt, so it is far too small as a test of the set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellstate.errors import CellStateError
from cellstate.gene_space import GeneSpace
from cellstate.perturb.search.goal import find_genes

#: Smallest and largest number of ranked genes in a set.
LEAST_GENES, MOST_GENES = 10, 500
#: Gene sets that are tested at once, the first of a file.
MOST_SETS = 500
#: Random sets that scale each score, and the smallest p-value that is computed.
PERMUTATIONS, LEAST_P = 1_000, 1e-6
#: Ends the computation of p-values early, where only the scaled score is needed.
_NO_P = 0.5
_SEED = 19_383
_CHANGE = "log2_fold_change"


@dataclass(frozen=True, eq=False)
class Enrichment:
    """Result of preranked enrichment.

    Attributes
    ----------
    table : DataFrame
        One row a gene set, by absolute NES, largest first: set, n_genes (in the ranking), es, nes, p, fdr (Benjamini
        and Hochberg over the tested sets), leading (the leading edge: symbols, the most changed first), and
        ``nes_<id>`` for each other method that predicts any change.
    n_ranked : int
        Genes in the ranking.
    n_other_size : int
        Sets left out, as fewer than `LEAST_GENES` or more than `MOST_GENES` of their genes are in the ranking.
    n_beyond : int
        Sets beyond the first `MOST_SETS` of the file.
    """

    table: pd.DataFrame
    n_ranked: int
    n_other_size: int
    n_beyond: int

    def agreement(self) -> dict[str, float]:
        """Pearson correlation of the NES of each other method with that of the default; needs three sets or more."""
        names = [column for column in self.table if column.startswith("nes_")]
        if len(self.table) < 3:
            return {}
        return {name.removeprefix("nes_"): float(self.table["nes"].corr(self.table[name])) for name in names}


def enrichment(space: GeneSpace, table: pd.DataFrame, sets: Mapping[str, Sequence[str]]) -> Enrichment:
    """Rank the unperturbed genes by their change, and test gene sets in that ranking.

    Parameters
    ----------
    space : GeneSpace
        Knows the names in the sets: symbol, alias, Ensembl or Entrez id.
    table : DataFrame
        As `cellstate.perturb.predict.Prediction.table` returns it.
    sets : mapping of str to sequence of str
        Names of the genes in each set.

    Raises
    ------
    CellStateError
        When no set has a size that can be tested, or the prediction changes no gene.
    """
    rest = table[~table["is_perturbed"]]
    changes = {"": rest[_CHANGE]} | {c.removeprefix(_CHANGE): rest[c] for c in table if c.startswith(_CHANGE + "_")}
    if not rest[_CHANGE].any():
        raise CellStateError("This prediction changes no gene, so there is no ranking.", "Choose another perturbation.")
    some = dict(list(sets.items())[:MOST_SETS])
    members = _members(space, some, set(rest["ensembl_id"]))
    if not members:
        raise CellStateError(
            f"No gene set has {LEAST_GENES} to {MOST_GENES} genes in this ranking.",
            "Check that the file names human genes, and that its sets are not tiny.",
        )
    found = _prerank(rest["ensembl_id"], changes.pop(""), members, LEAST_P)
    symbol = dict(zip(rest["ensembl_id"], rest["gene"], strict=True))
    tested = pd.DataFrame(
        {
            "set": found.index,
            "n_genes": [len(members[title]) for title in found.index],
            "es": found["ES"].to_numpy(float),
            "nes": found["NES"].to_numpy(float),
            "p": found["NOM p-val"].to_numpy(float),
            "fdr": found["FDR q-val"].to_numpy(float),
            "leading": [", ".join(symbol[gene] for gene in genes.split(";")) for genes in found["Lead_genes"]],
        }
    )
    for name, change in changes.items():
        if change.any():
            theirs = _prerank(rest["ensembl_id"], change, members, _NO_P)["NES"]
            tested[f"nes{name}"] = theirs.reindex(found.index).to_numpy(float)
    order = tested["nes"].abs().sort_values(ascending=False, kind="stable").index
    tested = tested.loc[order].reset_index(drop=True)
    return Enrichment(tested, len(rest), len(some) - len(members), len(sets) - len(some))


def ranking(ensembl_id: pd.Series, change: pd.Series) -> pd.Series:
    """Return changes by gene, largest first, no two of them equal.

    Equal changes, such as zeros, are ordered by gene id and separated by less than 1e-7 of the largest change, so that
    the score of a set does not depend on chance.
    """
    order = np.lexsort((ensembl_id.to_numpy(str), -change.to_numpy(float)))
    value = change.to_numpy(float)[order]
    apart = 1e-12 * np.abs(value).max() * np.arange(len(value))
    return pd.Series(value - apart, index=ensembl_id.to_numpy()[order])


def _members(space: GeneSpace, sets: Mapping[str, Sequence[str]], ranked: set[str]) -> dict[str, list[str]]:
    """Return the ranked genes of each set of a size that can be tested, by Ensembl id, in order."""
    names = list(dict.fromkeys(name for genes in sets.values() for name in genes))
    genes, _ = find_genes(space, names)
    ids = {name: space.ensembl[gene] for name, gene in zip(names, genes, strict=True) if gene >= 0}
    known = {title: sorted({ids[n] for n in genes if n in ids} & ranked) for title, genes in sets.items()}
    return {title: genes for title, genes in known.items() if LEAST_GENES <= len(genes) <= MOST_GENES}


def _prerank(
    ensembl_id: pd.Series, change: pd.Series, members: Mapping[str, list[str]], least_p: float
) -> pd.DataFrame:
    """Run gseapy; one row a set, named by the index."""
    import gseapy  # brings matplotlib along, which nothing else here needs

    done = gseapy.prerank(
        rnk=ranking(ensembl_id, change),
        gene_sets=dict(members),
        outdir=None,
        no_plot=True,
        min_size=LEAST_GENES,
        max_size=MOST_GENES,
        permutation_num=PERMUTATIONS,
        method="multilevel",
        eps=least_p,
        ascending=None,  # it is in order
        threads=1,
        seed=_SEED,
    )
    return done.res2d.set_index("Term")
