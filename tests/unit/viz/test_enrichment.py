"""Gene sets that move together: bars, symbols and short names."""

import numpy as np
import pandas as pd
import pytest

from cellstate.viz import pathway_bars
from cellstate.viz.enrichment import short_names

HOSTILE = "HALLMARK_<b>X</b>"


def make_table(n: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    nes = rng.normal(0, 2, n)
    table = pd.DataFrame(
        {
            "set": [HOSTILE, *(f"HALLMARK_SET_{i}" for i in range(n - 1))][:n],
            "nes": nes[np.argsort(-np.abs(nes))],
            "fdr": np.linspace(0.001, 0.4, n),
            "nes_pca": rng.normal(0, 2, n),
        }
    )
    return table


def test_bars_and_symbols():
    table = make_table()
    chart = pathway_bars(table, predictor="ridge", sample="S1")
    clear, unclear, pca = chart.figure.data
    drawn = dict(zip([*clear.y, *unclear.y], [*clear.x, *unclear.x], strict=True))
    assert [drawn[14 - i] for i in range(15)] == list(table["nes"].head(15))
    assert len(clear.x) == (table["fdr"].head(15) <= 0.05).sum()
    assert list(pca.x) == list(table["nes_pca"].head(15).iloc[::-1]) and pca.marker.symbol == "diamond"
    assert chart.alt.startswith("Hypothesis by Ridge: the 15 of 20 gene sets") and chart.alt.endswith(".")
    names = chart.figure.layout.yaxis.ticktext
    assert names[-1] == "&lt;b&gt;X&lt;/b&gt;" and names[-2] == "SET_0"
    assert "<b>X" not in str(clear.hovertext)


def test_no_set():
    chart = pathway_bars(make_table(0))
    assert chart.alt == "No gene set was tested, so nothing is drawn." and chart.figure.to_json()


@pytest.mark.parametrize(
    "names, short",
    [
        (["HALLMARK_A_B", "HALLMARK_A_C"], ["B", "C"]),
        (["HALLMARK_A", "KEGG_B"], ["HALLMARK_A", "KEGG_B"]),
        (["A", "A_B"], ["A", "A_B"]),
        (["ONLY_ONE"], ["ONLY_ONE"]),
        ([], []),
        (["x" * 60], ["x" * 29 + "…"]),
    ],
)
def test_names_are_shortened(names, short):
    assert short_names(names) == short
