"""Figures: pure functions of plain data, each with a sentence that says the same without the picture."""

from cellstate.viz.accuracy import accuracy_bars, density
from cellstate.viz.shift import shift_scatter, top_genes
from cellstate.viz.style import PLOT_CONFIG, Chart
from cellstate.viz.summary import expression_histogram, training_curve

__all__ = [
    "PLOT_CONFIG",
    "Chart",
    "accuracy_bars",
    "density",
    "expression_histogram",
    "shift_scatter",
    "top_genes",
    "training_curve",
]
