"""Expression titration: valid figures whose words are right, whatever the numbers."""

import numpy as np
import pandas as pd
import pytest

from cellstate.formatting import signed
from cellstate.viz import titration_lines, titration_score

HOSTILE = "<b>X</b>"


def make_table(n_genes: int = 8, top: float = 160.0) -> pd.DataFrame:
    levels = top * np.array([0, 1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1])
    parts = [
        pd.DataFrame(
            {
                "gene": f"GENE{g}" if g else HOSTILE,
                "level_tpm": levels,
                "tpm": 5.0,
                "log2_fold_change": (-1) ** g * (np.log2(1 + levels) - np.log2(1 + levels[4])) / (g + 1),
            }
        )
        for g in range(n_genes)
    ]
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["gene", "level_tpm", "log2_fold_change"])
    )


def make_levels(score: float = 1.0) -> pd.DataFrame:
    tpm = np.array([0.0, 1, 2, 5, 10])
    return pd.DataFrame(
        {"tpm": tpm, "score": score * np.log1p(tpm), "fraction_of_distance": score * np.log1p(tpm) / 10}
    )


def test_a_line_a_gene_and_none_like_another():
    chart = titration_lines(make_table(12), gene="MYC", present_tpm=10.0, usual_tpm=(2.0, 90.0), sample="S1")
    assert chart.figure.to_json()
    lines = chart.figure.data
    assert len(lines) == 12 and all(len(line.x) == 9 for line in lines)
    assert len({(line.line.color, line.line.dash, line.marker.symbol) for line in lines}) == 12
    assert lines[0].name == "&lt;b&gt;X&lt;/b&gt;"
    assert np.allclose(np.expm1(np.array(lines[0].x, float)), make_table(1)["level_tpm"])
    layout = chart.figure.layout
    assert "MYC" in layout.title.text and layout.xaxis.title.text and layout.yaxis.title.text
    assert {"0", "1", "10", "100"} <= set(layout.xaxis.ticktext)
    assert chart.alt.startswith("Hypothesis:") and chart.alt.endswith(".")
    assert "from 0 to 160 TPM" in chart.alt and "it is at 10" in chart.alt
    assert f"{HOSTILE} {signed(np.log2(161 / 11))} at 160 TPM" in chart.alt
    assert "3 of the levels lie outside" in chart.alt  # 0, 1.25 and 160
    assert layout.annotations[0].text == "now"


def test_ticks_of_a_small_range():
    chart = titration_lines(make_table(2, top=1.6), gene="MYC", present_tpm=0.1)
    assert set(chart.figure.layout.xaxis.ticktext) == {"0", "0.1", "0.2", "0.5", "1"}
    assert "band" not in chart.alt


def test_nothing_follows():
    chart = titration_lines(make_table(0), gene="MYC", present_tpm=1.0, usual_tpm=(0.0, 3.0))
    assert not chart.figure.data and not chart.is_hypothesis
    assert chart.figure.to_json()


@pytest.mark.parametrize(
    "usual, words",
    [
        (None, "of the distance to the goal."),
        ((0.0, 20.0), "range of the training cohort."),
        ((50.0, 90.0), "5 of the levels"),
    ],
)
def test_the_goal_against_the_dose(usual, words):
    chart = titration_score(make_levels(), gene=HOSTILE, present_tpm=2.0, usual_tpm=usual)
    assert chart.figure.to_json() and len(chart.figure.data) == 1
    assert "highest at 10 TPM: 2.4 SD, 24% of the distance to the goal" in chart.alt and words in chart.alt
    assert HOSTILE not in chart.figure.layout.title.text


def test_a_gene_that_never_helps():
    chart = titration_score(make_levels(-1.0), gene="MYC", present_tpm=0.0)
    assert "highest at" not in chart.alt
    empty = titration_score(make_levels().head(0), gene="MYC", present_tpm=0.0)
    assert not empty.is_hypothesis and empty.figure.to_json()
