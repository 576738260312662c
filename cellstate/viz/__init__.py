"""Figures: pure functions of plain data, each with a text alternative.

Every function of this package takes ``predictor``, the prediction method whose label, colour and symbol are used (a key
of `cellstate.viz.style.LOOKS`), ``sample``, a name for the subtitle, and ``n``, the largest number of drawn rows, where
it has such parameters.
"""

from cellstate.viz.cohort_map import cohort_arrow, cohort_scatter
from cellstate.viz.combined_perturbations import combination_heatmap
from cellstate.viz.compare_scenarios import scenario_scatter
from cellstate.viz.enrichment import pathway_bars
from cellstate.viz.experiment import experiment_scatter
from cellstate.viz.expression import expression_histogram, level_strip
from cellstate.viz.expression_change import expression_change_scatter, top_gene_bars
from cellstate.viz.model import accuracy_bars, ceiling_bars, density, training_curve
from cellstate.viz.regulators import activity_bars
from cellstate.viz.search import combination_steps, pair_bars, screen_bars
from cellstate.viz.style import PLOT_CONFIG, Chart
from cellstate.viz.titration import titration_lines, titration_score

__all__ = [
    "PLOT_CONFIG",
    "Chart",
    "accuracy_bars",
    "activity_bars",
    "ceiling_bars",
    "cohort_arrow",
    "cohort_scatter",
    "combination_heatmap",
    "combination_steps",
    "density",
    "experiment_scatter",
    "expression_change_scatter",
    "expression_histogram",
    "level_strip",
    "pair_bars",
    "pathway_bars",
    "scenario_scatter",
    "screen_bars",
    "titration_lines",
    "titration_score",
    "top_gene_bars",
    "training_curve",
]
