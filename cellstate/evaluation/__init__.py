"""How far to believe a prediction."""

from cellstate.evaluation.bins import Tolerance
from cellstate.evaluation.experiment import Experiment, compare
from cellstate.evaluation.ood import ood_score_after, ood_scores
from cellstate.evaluation.reconstruction import Evaluation, evaluate
from cellstate.evaluation.reliability import calibrate, change_over_error, reliability_reasons, reliability_table

__all__ = [
    "Evaluation",
    "Experiment",
    "Tolerance",
    "calibrate",
    "change_over_error",
    "compare",
    "evaluate",
    "ood_score_after",
    "ood_scores",
    "reliability_reasons",
    "reliability_table",
]
