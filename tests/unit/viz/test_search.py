"""Figures of a search for regulators take any table and say what they show."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from cellstate.formatting import digits
from cellstate.viz import Chart, combination_steps, pair_bars, screen_bars
from cellstate.viz.style import LOOKS

HOSTILE = "<b>bold</b><img src=x onerror=alert(1)>"


def make_screen(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "name": [f"GENE{i}" for i in range(n)],
            "score": np.sort(rng.normal(0, 0.1, n))[::-1],
            "score_pca": rng.normal(0, 0.1, n),
            "score_coexpression": rng.normal(0, 2, n),
            "score_no_change": 0.0,
        }
    )
    table["exact"] = np.arange(n) < 5
    return table


def make_pairs(n: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    genes = [f"GENE{i}" for i in range(40)]
    chosen = rng.permutation(list(combinations(genes, 2)))[:n]
    table = pd.DataFrame({"a": chosen[:, 0], "b": chosen[:, 1]})
    table["score_a"], table["score_b"] = rng.normal(0, 0.1, (2, len(table)))
    table["interaction"] = np.sort(rng.normal(0.02, 0.01, len(table)))[::-1]
    table["score"] = table["score_a"] + table["score_b"] + table["interaction"]
    return table


def make_steps(n: int = 3, scale: float = 1.0) -> pd.DataFrame:
    score = scale * np.arange(1, n + 1)
    return pd.DataFrame(
        {"name": [f"GENE{i} knocked out" for i in range(n)], "score": score, "fraction_of_distance": score / 10}
    )


def check(chart: Chart) -> None:
    assert chart.figure.layout.title.text
    assert chart.alt.endswith(".")
    assert "treatment" not in chart.alt
    assert chart.figure.to_json()


def test_bars_stand_beside_the_baselines_and_mark_what_is_exact() -> None:
    chart = screen_bars(make_screen(), "knocked out", ["pca", "coexpression", "no_change"])
    check(chart)
    bars = chart.figure.data
    assert [bar.name for bar in bars] == ["Autoencoder", "PCA", "Co-expression"]
    assert [bar.marker.color for bar in bars] == [LOOKS[n].colour for n in ("autoencoder", "pca", "coexpression")]
    assert all(len(bar.x) == 20 for bar in bars)
    # The best stands at the top, which is last.
    names = chart.figure.layout.yaxis.ticktext
    assert names[-1] == "GENE0" and names[0] == "≈ GENE19"
    assert sum(name.startswith("≈") for name in names) == 15
    assert "≈" in chart.alt and chart.is_hypothesis
    assert chart.figure.layout.title.subtitle.text == "each gene knocked out"


def test_two_perturbations_of_one_gene_are_two_bars() -> None:
    table = make_screen(2).assign(name="GENE0", exact=True)
    chart = screen_bars(table, "", [])
    assert list(chart.figure.data[0].y) == [0, 1]
    assert "≈" not in chart.alt


def test_pairs_have_bars_to_both_sides_of_zero() -> None:
    table = make_pairs().sort_values("interaction", ascending=False)
    chart = pair_bars(table, n=10)
    check(chart)
    interaction, first, second, together = chart.figure.data
    assert list(interaction.x) == table["interaction"].head(10).tolist()[::-1]
    np.testing.assert_allclose(np.array(interaction.x) + first.x + second.x, together.x)
    names = (table["a"] + " + " + table["b"]).head(10).tolist()[::-1]
    assert list(chart.figure.layout.yaxis.ticktext) == names and names[-1] in chart.alt
    for axis in (chart.figure.layout.xaxis, chart.figure.layout.xaxis2):
        assert axis.range[0] == -axis.range[1] < 0


def test_partners_of_one_gene_add_up() -> None:
    table = make_pairs(30)
    table.loc[::2, "a"], table.loc[1::2, "b"] = "MYC", "MYC"
    chart = pair_bars(table, "MYC", n=10)
    check(chart)
    *bars, together = chart.figure.data
    assert [bar.name for bar in bars] == ["interaction", "MYC alone", "partner alone"]
    np.testing.assert_allclose(sum(np.array(bar.x) for bar in bars), together.x)
    assert "MYC" not in chart.figure.layout.yaxis.ticktext
    swapped = table["b"].head(10) == "MYC"
    own = np.where(swapped, table["score_b"].head(10), table["score_a"].head(10))
    np.testing.assert_allclose(bars[1].x, own[::-1])


def test_steps_stand_beside_greedy_and_the_sum() -> None:
    chart = combination_steps(make_steps(3), make_steps(2, 0.9), sum_of_singles=2.5, wanted=0.5, distance=10)
    check(chart)
    chosen, greedy, total = chart.figure.data
    assert (list(greedy.y), list(chosen.y)) == ([0, 0.9, 1.8], [0, 1, 2, 3])
    assert (list(total.x), list(total.y)) == ([3], [2.5])
    assert chart.figure.layout.shapes[0].y0 == 5
    assert "30% of the distance to the goal" in chart.alt
    # A goal far out of reach would press the lines to the ground.
    assert not combination_steps(
        make_steps(3), make_steps(3), sum_of_singles=3, wanted=1, distance=100
    ).figure.layout.shapes


@pytest.mark.parametrize("n", [0, 1])
def test_few_rows_are_drawn(n: int) -> None:
    check(screen_bars(make_screen(n), "knocked out", ["pca"]))
    check(pair_bars(make_pairs(n)))
    check(pair_bars(make_pairs(n), "GENE0"))
    check(combination_steps(make_steps(n), make_steps(n), sum_of_singles=1, wanted=1, distance=1))


def test_missing_numbers_are_no_mistake() -> None:
    table = make_screen()
    table["score_pca"] = np.nan
    assert [bar.name for bar in screen_bars(table, "", ["pca"]).figure.data] == ["Autoencoder"]


def test_names_are_never_markup() -> None:
    table = make_pairs().assign(a=HOSTILE)
    charts = [
        screen_bars(make_screen().assign(name=HOSTILE), HOSTILE, ["pca"]),
        pair_bars(table),
        pair_bars(table, HOSTILE),
        combination_steps(make_steps().assign(name=HOSTILE), make_steps(), sum_of_singles=1, wanted=1, distance=1),
    ]
    for chart in charts:
        assert "<img" not in str(chart.figure.to_dict())


def test_numbers_are_said_without_an_exponent() -> None:
    assert [digits(v) for v in (0.0000925, -0.01234, 12.345, 0.5, 0.0)] == ["0.0000925", "−0.0123", "12.3", "0.5", "0"]
