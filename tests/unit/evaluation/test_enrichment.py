"""Enrichment of gene sets in a predicted expression change: against a float64 reference, and with any file."""

import sys

import numpy as np
import pandas as pd
import pytest

from cellstate.errors import CellStateError
from cellstate.evaluation import enrichment as module
from cellstate.evaluation.enrichment import LEAST_GENES, LEAST_P, MOST_GENES, enrichment, ranking
from tests.support.factories import make_space

SPACE = make_space(400)


def make_table(perturbed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = len(SPACE)
    shift = rng.normal(0, 0.1, n)
    shift[40:80] = 0.0  # as many predictors leave genes alone
    return pd.DataFrame(
        {
            "gene": SPACE.symbols,
            "ensembl_id": SPACE.ensembl,
            "log2_fold_change": shift,
            "log2_fold_change_no_change": 0.0,
            "log2_fold_change_pca": shift + rng.normal(0, 0.02, n),
            "is_perturbed": np.arange(n) < perturbed,
        }
    )


def make_sets(table: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    rng = np.random.default_rng(1)
    falling = table.sort_values("log2_fold_change")["gene"]
    sets = {f"RANDOM_{i}": tuple(rng.choice(table["gene"], 20 + i, replace=False)) for i in range(6)}
    return sets | {"TOP": tuple(falling.tail(25)), "BOTTOM": tuple(falling.head(25)), "TINY": tuple(falling.head(3))}


def score(ranked: pd.Series, genes: set[str]) -> float:
    """The enrichment score as Subramanian et al. define it, weight 1."""
    hit = ranked.index.isin(genes)
    weight = np.where(hit, np.abs(ranked.to_numpy(np.float64)), 0)
    running = np.cumsum(weight / weight.sum() - ~hit / (~hit).sum())
    return float(running[np.abs(running).argmax()])


def test_scores_are_those_of_the_definition():
    table = make_table()
    sets = make_sets(table)
    found = enrichment(SPACE, table, sets)
    rest = table[~table["is_perturbed"]]
    ids = dict(zip(rest["gene"], rest["ensembl_id"], strict=True))
    ranked = ranking(rest["ensembl_id"], rest["log2_fold_change"])
    for row in found.table.itertuples():
        assert row.es == pytest.approx(score(ranked, {ids[g] for g in sets[row.set] if g in ids}), abs=1e-9)
    assert found.n_ranked == len(table) - 3
    assert found.n_other_size == 1 and "TINY" not in set(found.table["set"])
    assert (found.table["nes"].abs().diff().dropna() <= 0).all()
    best = found.table.set_index("set")
    assert best.loc["TOP", "nes"] > 1.5 and best.loc["BOTTOM", "nes"] < -1.5
    assert set(found.table["set"].head(2)) == {"TOP", "BOTTOM"}
    assert (best[["p", "fdr"]].loc[["TOP", "BOTTOM"]] < 0.01).all(axis=None)
    assert (found.table["p"] >= LEAST_P).all() and (found.table["fdr"] >= found.table["p"] - 1e-12).all()
    # The leading edge is made of genes of the set that move as it does.
    leading = best.loc["BOTTOM", "leading"].split(", ")
    assert set(leading) <= set(sets["BOTTOM"]) and len(leading) > LEAST_GENES
    assert (table.set_index("gene").loc[leading, "log2_fold_change"] < 0).all()


def test_sets_of_a_size_that_can_be_tested_are_kept():
    """As many genes as the bounds say are not too few and not too many."""
    space = make_space(700)
    sets = {str(n): space.symbols[:n] for n in (LEAST_GENES - 1, LEAST_GENES, MOST_GENES, MOST_GENES + 1)}
    kept = module._members(space, sets, set(space.ensembl))
    assert set(kept) == {str(LEAST_GENES), str(MOST_GENES)}
    # Genes outside the ranking do not count.
    assert set(module._members(space, sets, set(space.ensembl[:100]))) == set(sets) - {str(LEAST_GENES - 1)}


def test_baselines_that_change_genes_stand_beside_it():
    found = enrichment(SPACE, make_table(), make_sets(make_table()))
    assert [c for c in found.table if c.startswith("nes_")] == ["nes_pca"]
    assert found.agreement()["pca"] == pytest.approx(found.table["nes"].corr(found.table["nes_pca"]))
    assert found.agreement()["pca"] > 0.9


def test_the_same_numbers_each_time_whatever_the_order_of_rows_and_sets():
    table = make_table()
    sets = make_sets(table)
    once = enrichment(SPACE, table, sets).table
    shuffled = table.sample(frac=1, random_state=5)
    again = enrichment(SPACE, shuffled, sets).table
    pd.testing.assert_frame_equal(once, again)


def test_a_ranking_has_no_ties_and_keeps_the_order():
    ids, shift = pd.Series(["E3", "E1", "E2", "E4"]), pd.Series([0.0, 0.5, 0.0, -1.0])
    ranked = ranking(ids, shift)
    assert list(ranked.index) == ["E1", "E2", "E3", "E4"]
    assert (ranked.diff().dropna() < 0).all()
    assert ranked.to_numpy() == pytest.approx([0.5, 0, 0, -1], abs=1e-10)


def test_any_name_of_a_gene_is_understood():
    table = make_table()
    falling = table[~table["is_perturbed"]].sort_values("log2_fold_change")
    by_symbol = tuple(falling["gene"].head(15))
    by_id = tuple(falling["ensembl_id"].head(15))
    found = enrichment(SPACE, table, {"A": by_symbol, "B": (*by_id, "NOTAGENE1", "<b>")}).table.set_index("set")
    assert found.loc["A", "n_genes"] == found.loc["B", "n_genes"] == 15
    assert found.loc["A", "es"] == found.loc["B", "es"]


def test_what_cannot_be_tested_is_said(monkeypatch):
    table = make_table()
    with pytest.raises(CellStateError, match="No gene set has 10 to 500 genes"):
        enrichment(SPACE, table, {"TINY": tuple(table["gene"][:4]), "STRANGE": ("NOTAGENE1",)})
    with pytest.raises(CellStateError, match="changes no gene"):
        enrichment(SPACE, table.assign(log2_fold_change=0.0), make_sets(table))
    monkeypatch.setattr(module, "MOST_SETS", 3)
    found = enrichment(SPACE, table, make_sets(table))
    assert found.n_beyond == 6 and len(found.table) == 3


def test_nothing_is_downloaded_or_written():
    enrichment(SPACE, make_table(), make_sets(make_table()))  # what an import does is done
    seen: list[str] = []

    asked = {"socket.connect", "socket.getaddrinfo", "os.mkdir", "tempfile.mkstemp", "tempfile.mkdtemp"}

    def watch(event: str, arguments: tuple) -> None:
        writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        if watching and (writes or event in asked):
            seen.append(event)

    watching = True
    sys.addaudithook(watch)
    enrichment(SPACE, make_table(), make_sets(make_table()))
    watching = False
    assert seen == []
