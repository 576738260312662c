"""The cohort map: the patient and the arrows where they belong, at a scale at which they are seen."""

import numpy as np
import pytest

from cellstate.viz import cohort_arrow, cohort_scatter

COHORT_S2 = np.random.default_rng(0).normal(0, 30, (50, 2))
BEFORE_2, SHARES_2 = np.array([4.0, -7.0]), np.array([0.18, 0.1])


def test_dots_and_arrow():
    chart = cohort_scatter(
        COHORT_S2, BEFORE_2, BEFORE_2 + 1, SHARES_2, moved=0.017, predictor="ridge", sample="<i>S</i>"
    )
    dots, arrow, patient = chart.figure.data
    assert np.allclose(np.array(dots.x), COHORT_S2[:, 0], atol=1e-4)
    assert list(arrow.x) == [4, 5] and list(arrow.y) == [-7, -6]
    assert (patient.x[0], patient.y[0]) == (4, -7)
    assert arrow.marker.symbol == "triangle-up" and "Ridge" in arrow.name
    assert chart.alt.startswith("Hypothesis by Ridge: 50 training profiles")
    assert "28 % of the cohort's variance" in chart.alt and "1.7 % of the cohort's spread" in chart.alt
    assert chart.figure.layout.yaxis.scaleanchor == "x"
    assert "18 %" in chart.figure.layout.xaxis.title.text
    assert "<i>" not in chart.figure.layout.title.subtitle.text


@pytest.mark.parametrize("log1p_S", [np.linspace(0, 7, 50), np.zeros(50)], ids=["levels", "silent"])
def test_dots_by_the_level_of_a_gene(log1p_S):
    chart = cohort_scatter(COHORT_S2, BEFORE_2, BEFORE_2, SHARES_2, moved=0.0, gene="CDX2", log1p_S=log1p_S)
    dots = chart.figure.data[0]
    assert np.allclose(np.array(dots.marker.color), log1p_S)
    # Size says the same as colour.
    assert (np.diff(np.array(dots.marker.size)) >= 0).all()
    assert "more CDX2" in chart.alt and "CDX2" in dots.marker.colorbar.title.text
    assert chart.figure.to_json()


def test_the_leading_arrow_fills_the_enlarged_figure():
    step_2 = np.array([0.3, 0.4])
    after = {
        "ridge": BEFORE_2 + step_2,
        "autoencoder": BEFORE_2 - step_2,
        "coexpression": BEFORE_2 + np.array([0, 100.0]),
    }
    chart = cohort_arrow(BEFORE_2, after, SHARES_2)
    low, high = chart.figure.layout.xaxis.range
    assert (low + high) / 2 == pytest.approx(4) and (high - low) / 2 == pytest.approx(0.8)
    assert [trace.name for trace in chart.figure.data] == [
        "Co-expression",
        "Autoencoder",
        "Ridge",
        "this patient, before",
    ]
    assert "Autoencoder -1.00 at 1 times the length" in chart.alt
    assert "Co-expression +0.80 at 200 times the length" in chart.alt


def test_a_patient_that_does_not_move():
    chart = cohort_arrow(BEFORE_2, {"ridge": BEFORE_2}, SHARES_2)
    assert "none" in chart.alt and chart.figure.to_json()
    low, high = chart.figure.layout.xaxis.range
    assert low < high
