"""The figures of gene work: two scenarios against each other, and a level among the cohort."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cellstate.viz.compare_scenarios import NAMED, most_different, scenario_scatter
from cellstate.viz.expression import level_strip


def make_table(n: int = 40, *, reliable: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 0.1, (2, n))
    table = pd.DataFrame(
        {
            "gene": [f"G{i}" for i in range(n)],
            "log2_fold_change_a": a,
            "log2_fold_change_b": b,
            "difference": a - b,
            "is_perturbed": ["A", *[""] * (n - 1)],
            "is_reliable": reliable,
        }
    )
    order = np.lexsort((-table["difference"].abs().to_numpy(), table["is_perturbed"] != ""))
    return table.iloc[order].reset_index(drop=True)


def test_genes_that_differ_most_are_named_and_perturbed_ones_left_out() -> None:
    table = make_table()
    drawn = scenario_scatter(table, a="one", b="<b>two", sample="S1")
    others, apart, names, same = drawn.figure.data
    # Of others that fall on one spot, one is drawn.
    assert others.name == f"Other genes ({39 - NAMED})" and 25 < len(others.x) <= 39 - NAMED
    assert len(apart.x) == NAMED
    named = [name.strip() for name in names.text]
    # No name covers one of a gene that differs more.
    most = list(table["gene"].head(NAMED))
    assert named[0] == most[0] and named == [gene for gene in most if gene in named] and "G0" not in named
    assert others.marker.symbol != apart.marker.symbol and same.line.dash == "dash"
    assert "&lt;b&gt;two" in drawn.figure.layout.yaxis.title.text
    assert drawn.is_hypothesis and all(gene in drawn.alt for gene in most[:3])


def test_reliable_genes_are_named_first() -> None:
    table = make_table()
    table.loc[:4, "is_reliable"] = False
    assert list(most_different(table)["gene"]) == list(table["gene"].iloc[5 : 5 + NAMED])
    assert len(most_different(make_table(reliable=False))) == NAMED


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_genes_are_drawn_too(n: int) -> None:
    drawn = scenario_scatter(make_table(n) if n else make_table(1).head(0), a="one", b="two")
    assert drawn.alt and drawn.figure.to_json()


def test_no_difference_names_nobody() -> None:
    table = make_table().assign(difference=0.0)
    drawn = scenario_scatter(table, a="one", b="one")
    assert "No gene differs" in drawn.alt and not drawn.figure.data[2].text


@pytest.mark.parametrize("now, after", [(0.0, 0.0), (17.0, 0.0), (17.0, 1e6), (0.002, 0.004)])
def test_a_strip_marks_now_and_perturbed(now: float, after: float) -> None:
    drawn = level_strip(np.array([5.0, 10.0, 20.0, 40.0]), gene="<G>", now_tpm=now, after_tpm=after)
    bars, here, there = drawn.figure.data
    assert sum(bars.y) == 4 and here.x[0] == np.log1p(now) and there.x[0] == np.log1p(after)
    assert (here.line.dash, here.marker.symbol) != (there.line.dash, there.marker.symbol)
    low, high = drawn.figure.layout.xaxis.range
    assert low <= min(here.x[0], there.x[0]) and max(here.x[0], there.x[0]) <= high
    assert "4 patients" in drawn.alt and "between 5 and 40" in drawn.alt and "&lt;G&gt;" in drawn.alt


def test_a_cohort_of_silence_is_drawn() -> None:
    assert sum(level_strip(np.zeros(3), gene="G", now_tpm=0, after_tpm=0).figure.data[0].y) == 3
