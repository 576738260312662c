"""What the regulators page says of its results, and how their tables are searched and named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cellstate.report.narrative.search import combination_sentence, pairs_sentence, screen_sentence
from cellstate.ui.candidates.results import agreement, common_gene, containing, named, other_predictors, short


def make_screen() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "gene": ["A", "B", "C"],
            "perturbation": ["ko", "x3", "ko"],
            "score": [0.5, 0.1, -0.2],
            "score_per_sd": [1.0, 1.0, 1.0],
            "fraction_of_distance": [0.2, 0.04, -0.1],
            "z_patient": [2.5, np.nan, 0.0],
            "p": [0.001, 0.2, 0.9],
            "fdr": [0.01, 0.3, 0.9],
            "score_pca": [0.5, 0.1, -0.2],
            "score_coexpression": [np.nan, np.nan, np.nan],
        }
    )


def test_words_of_a_screen_do_not_flatter() -> None:
    table = named(make_screen())
    assert list(table["name"]) == ["A knocked out", "B times 3", "C knocked out"]
    said = screen_sentence(table)
    assert "**A knocked out** moves the sample furthest" in said and "20% of the way" in said
    assert "1 edit stands out" in said and "small" not in said
    assert "may be chance" in screen_sentence(table.assign(fdr=0.5))
    assert "read it as a ranking" in screen_sentence(table.assign(fraction_of_distance=0.01))
    assert "No edit moves" in screen_sentence(table.assign(score=-1.0))
    assert list(short(table)[0]["name"]) == ["A KO", "B x3", "C KO"]
    assert other_predictors(table) == ["pca", "coexpression"]
    assert agreement(table, other_predictors(table)) == {"pca": pytest.approx(1.0), "coexpression": None}


def test_words_of_pairs_and_combinations_do_not_flatter() -> None:
    pairs = pd.DataFrame({"a": ["A"], "b": ["B"], "score": [0.3], "interaction": [0.1], "fdr": [0.5]})
    assert "may be chance" in pairs_sentence(pairs, 10)
    assert "1 pair stands out" in pairs_sentence(pairs.assign(fdr=0.05), 10)
    assert "away from" not in pairs_sentence(pairs, 10)
    assert "away from the goal" in pairs_sentence(pairs.assign(score=-0.3), 10)
    assert "No pair does more" in pairs_sentence(pairs.assign(interaction=-0.1), 10)
    assert pairs_sentence(pairs.head(0), 0) == "No pair was found."
    shown = pairs.assign(cohort_r=0.31)
    assert "cohort's patients: r = 0.31 beyond" in pairs_sentence(shown, 10, "cohort")
    assert "may be chance" in pairs_sentence(shown, 10, "cohort")
    assert "no pair does more together" in pairs_sentence(shown.assign(cohort_r=-0.1), 10, "cohort")
    steps = pd.DataFrame({"score": [1.0, 3.0], "fraction_of_distance": [0.1, 0.3]})
    assert "not reached" in combination_sentence(steps, steps, reached=False, wanted=0.5)
    assert "does as well" in combination_sentence(steps, steps, reached=True, wanted=0.3)
    assert "1 S behind" in combination_sentence(steps, steps - [1, 0.1], reached=True, wanted=0.3)
    assert "needs 2" in combination_sentence(steps.head(1), steps, reached=True, wanted=0.1)
    assert "nothing to combine" in combination_sentence(steps.head(0), steps, reached=False, wanted=1)


def test_table_is_searched_by_every_name() -> None:
    table = pd.DataFrame({"a": ["TP53", "MYC"], "b": ["KRAS", "EGFR"], "n": [1, 2]})
    assert list(containing(table, "kra", ["a", "b"])["n"]) == [1]
    assert list(containing(table, ".*", ["a", "b"])["n"]) == []
    assert containing(table, "  ", ["a", "b"]) is table
    assert common_gene(table) is None
