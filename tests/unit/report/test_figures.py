"""Legends of figures: what, sample, model, numbers and units, as plain text."""

from __future__ import annotations

import numpy as np

from cellstate.report.narrative.figures import chart_legend, legend
from cellstate.viz import expression_change_scatter, training_curve
from tests.support.golden import check_golden
from tests.unit.viz.test_figures import HOSTILE, make_table


def test_legends() -> None:
    import pandas as pd

    history = pd.DataFrame({"epoch": [0, 1], "train_loss": [None, 0.5], "validation_loss": [0.6, 0.5]})
    change = make_table().assign(gene=[f"G{i}" for i in range(200)])
    said = {
        "a prediction": chart_legend(expression_change_scatter(change, predictor="elastic_net", sample="S1"), "human"),
        "a measurement": chart_legend(training_curve(history), "human"),
        "from parts": legend("Heat map", "Hypothesis: 3 genes.", "human", about="S1: MYC KO", axes=["rows: genes"]),
    }
    check_golden("narrative_figures", "\n\n".join(f"## {what}\n{text}" for what, text in said.items()) + "\n")


def test_a_legend_is_one_line_of_plain_text() -> None:
    table = make_table().assign(gene=HOSTILE)
    text = chart_legend(expression_change_scatter(table, sample="<b>S</b>\nx" + "y" * 9), "human")
    assert "\n" not in text and "&lt;" not in text and "<b>S</b>" in text
    assert np.char.count(text, "human") == 1
