"""Several edits as a heat map: every number in its place, readable with few edits and with many."""

import numpy as np
import pandas as pd
import pytest

from cellstate.viz import edit_heat

HOSTILE = "<b>X</b>"


def make_shifts(n_edits: int = 3, n_genes: int = 12, beyond: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = [HOSTILE, *(f"GENE{i}" for i in range(n_genes - 1))] if n_genes else []
    alone = pd.DataFrame(rng.normal(0, 0.1, (n_genes, n_edits)), index=names)
    alone.columns = [f"EDIT{i} knocked out" for i in range(n_edits)]
    return alone.assign(**{"All together": alone.sum(axis=1) + beyond, "Together minus sum": beyond})


def test_every_number_is_drawn_around_zero():
    shifts = make_shifts(beyond=0.05)
    chart = edit_heat(shifts, predictor="autoencoder", sample="S1")
    heat = chart.figure.data[0]
    assert (np.array(heat.z) == shifts.to_numpy()).all()
    assert heat.zmax == -heat.zmin == np.abs(shifts.to_numpy()).max()
    assert heat.text[1][0] == f"{shifts.iloc[1, 0]:+.2f}"
    assert chart.alt.startswith("Hypothesis by Autoencoder") and chart.alt.endswith(".")
    assert "by 3 edits alone" in chart.alt and "differ by 0.05 at most" in chart.alt
    assert chart.figure.layout.xaxis.ticktext[0] == "EDIT0<br>knocked out"
    assert chart.figure.layout.yaxis.ticktext[0] == "&lt;b&gt;X&lt;/b&gt;"
    assert "<b>X" not in heat.customdata[0][0][0]
    assert len(chart.figure.to_json()) < 100_000


def test_a_sum_is_called_a_sum_and_a_nought_is_no_minus():
    chart = edit_heat(make_shifts(beyond=-1e-9), predictor="ridge")
    assert "together is the sum of each alone" in chart.alt
    assert all(row[-1] == "0" for row in chart.figure.data[0].text)


def test_many_edits_have_signs_in_place_of_numbers():
    chart = edit_heat(make_shifts(n_edits=50))
    assert {sign for row in chart.figure.data[0].text for sign in row} <= {"+", "−", ""}
    assert chart.figure.layout.margin.t > edit_heat(make_shifts()).figure.layout.margin.t


@pytest.mark.parametrize("shifts", [make_shifts(n_genes=0), make_shifts(n_genes=1) * 0], ids=["no gene", "no shift"])
def test_nothing_to_draw(shifts):
    chart = edit_heat(shifts)
    assert chart.alt.endswith(".") and chart.figure.to_json()
