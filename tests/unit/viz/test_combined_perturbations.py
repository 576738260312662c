"""Several perturbations as a heat map: every number in its place, readable with few perturbations and with many."""

import numpy as np
import pandas as pd
import pytest

from cellstate.viz import combination_heatmap

HOSTILE = "<b>X</b>"


def make_changes(n_perturbations: int = 3, n_genes: int = 12, beyond: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = [HOSTILE, *(f"GENE{i}" for i in range(n_genes - 1))] if n_genes else []
    alone = pd.DataFrame(rng.normal(0, 0.1, (n_genes, n_perturbations)), index=names)
    alone.columns = [f"GENE{i} knocked out" for i in range(n_perturbations)]
    return alone.assign(**{"All together": alone.sum(axis=1) + beyond, "Together minus sum": beyond})


def test_every_number_is_drawn_around_zero():
    changes = make_changes(beyond=0.05)
    chart = combination_heatmap(changes, predictor="autoencoder", sample="S1")
    heat = chart.figure.data[0]
    assert (np.array(heat.z) == changes.to_numpy()).all()
    assert heat.zmax == -heat.zmin == np.abs(changes.to_numpy()).max()
    assert heat.text[1][0] == f"{changes.iloc[1, 0]:+.2f}"
    assert chart.is_hypothesis and chart.alt.endswith(".")
    assert "3 perturbations" in chart.alt and "0.05" in chart.alt
    assert chart.figure.layout.xaxis.ticktext[0] == "GENE0<br>knocked out"
    assert chart.figure.layout.yaxis.ticktext[0] == "&lt;b&gt;X&lt;/b&gt;"
    assert "<b>X" not in heat.customdata[0][0][0]
    assert len(chart.figure.to_json()) < 100_000


def test_a_sum_is_called_a_sum_and_a_nought_is_no_minus():
    chart = combination_heatmap(make_changes(beyond=-1e-9), predictor="ridge")
    assert "up to" not in chart.alt
    assert all(row[-1] == "0" for row in chart.figure.data[0].text)


def test_many_perturbations_have_signs_in_place_of_numbers():
    chart = combination_heatmap(make_changes(n_perturbations=50))
    assert {sign for row in chart.figure.data[0].text for sign in row} <= {"+", "−", ""}
    assert chart.figure.layout.margin.t > combination_heatmap(make_changes()).figure.layout.margin.t


@pytest.mark.parametrize("changes", [make_changes(n_genes=0), make_changes(n_genes=1) * 0], ids=["no gene", "no shift"])
def test_nothing_to_draw(changes):
    chart = combination_heatmap(changes)
    assert chart.alt.endswith(".") and chart.figure.to_json()
