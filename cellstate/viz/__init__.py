"""Figures: pure functions of plain data, each with a sentence that says the same without the picture."""

from cellstate.viz.accuracy import accuracy_bars, density
from cellstate.viz.cohort_map import cohort_arrow, cohort_scatter
from cellstate.viz.dose import dose_lines, dose_score
from cellstate.viz.enrichment import pathway_bars
from cellstate.viz.heat import edit_heat
from cellstate.viz.screen import combination_steps, partner_bars, regulator_bars, synergy_map
from cellstate.viz.shift import shift_scatter, top_genes
from cellstate.viz.style import PLOT_CONFIG, Chart
from cellstate.viz.summary import expression_histogram
from cellstate.viz.training import training_curve

__all__ = [
    "PLOT_CONFIG",
    "Chart",
    "accuracy_bars",
    "cohort_arrow",
    "cohort_scatter",
    "combination_steps",
    "density",
    "dose_lines",
    "dose_score",
    "edit_heat",
    "expression_histogram",
    "partner_bars",
    "pathway_bars",
    "regulator_bars",
    "shift_scatter",
    "synergy_map",
    "top_genes",
    "training_curve",
]
