"""The figure of virtual against real takes any table and says what it shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cellstate.viz.experiment import experiment_scatter
from cellstate.viz.style import GREY, LOOKS

HOSTILE = "<b>bold</b><img src=x onerror=alert(1)>"


def make_table(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "gene": [f"GENE{i}" for i in range(n)],
            "measured_log2": rng.normal(0, 1, n),
            "predicted_log2": rng.normal(0, 0.1, n),
            "predicted_log2_pca": rng.normal(0, 0.1, n),
            "is_reliable": rng.random(n) < 0.7,
        }
    )
    table["reason"] = np.where(table["is_reliable"], "", "hardly followed")
    return table.sort_values("measured_log2", key=np.abs, ascending=False, ignore_index=True)


def test_measured_is_across_and_predicted_is_up() -> None:
    table = make_table()
    figure = experiment_scatter(table, perturbations="HOXA1 down by 50%").figure
    grey, reliable, names = figure.data
    assert (grey.marker.color, reliable.marker.color) == (GREY, LOOKS["autoencoder"].colour)
    assert set(reliable.x) <= set(table.loc[table["is_reliable"], "measured_log2"])
    assert set(reliable.y) <= set(table.loc[table["is_reliable"], "predicted_log2"])
    assert "measured" in figure.layout.xaxis.title.text
    assert "predicted" in figure.layout.yaxis.title.text
    assert [name.strip() for name in names.text] == list(table["gene"].head(3))
    # The two zero lines, and that of a perfect prediction on axes of one scale.
    assert len(figure.layout.shapes) == 3
    x, y = figure.layout.xaxis, figure.layout.yaxis
    assert x.range == y.range and x.range[1] >= table["measured_log2"].abs().max() and y.scaleanchor == "x"
    assert figure.to_json()


def test_a_baseline_is_drawn_in_its_own_look() -> None:
    table = make_table()
    chart = experiment_scatter(table, predictor="pca")
    assert chart.figure.data[1].marker.color == LOOKS["pca"].colour
    assert set(chart.figure.data[1].y) <= set(table["predicted_log2_pca"])
    assert "PCA" in chart.alt


def test_where_a_baseline_leads_the_network_has_a_column_of_its_own() -> None:
    table = make_table().rename(columns={"predicted_log2_pca": "predicted_log2_autoencoder"})
    leading, network = (experiment_scatter(table, predictor=who).figure.data[1] for who in ("pca", "autoencoder"))
    assert set(leading.y) <= set(table["predicted_log2"])
    assert set(network.y) <= set(table["predicted_log2_autoencoder"])


def test_words_count_the_genes_of_equal_direction() -> None:
    table = make_table(4)
    table["measured_log2"] = [4.0, -3.0, 2.0, 1.0]
    table["predicted_log2"] = [0.1, -0.2, -0.1, 0.0]
    alt = experiment_scatter(table).alt
    assert "67%" in alt and "4 log2" in alt and "4 genes" in alt


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_genes_are_drawn(n: int) -> None:
    chart = experiment_scatter(make_table(n))
    assert chart.alt.endswith(".")
    assert chart.figure.to_json()


def test_values_that_are_not_finite_are_left_out() -> None:
    table = make_table(10)
    table.loc[0, "measured_log2"] = np.nan
    table.loc[1, "predicted_log2"] = np.inf
    assert "8 genes" in experiment_scatter(table).alt


def test_names_are_never_markup() -> None:
    table = make_table()
    table["gene"], table["reason"] = HOSTILE, HOSTILE
    figure = experiment_scatter(table, perturbations=HOSTILE).figure
    assert "<" not in figure.layout.title.subtitle.text
    assert all("<" not in name for name in figure.data[2].text)
    assert all("<" not in text for part in (figure.data[1].text, figure.data[1].customdata) for text in part)
