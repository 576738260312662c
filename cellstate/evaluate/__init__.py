"""How far to believe a prediction."""

from cellstate.evaluate.bins import Tolerance
from cellstate.evaluate.distance import distance_after, distances
from cellstate.evaluate.experiment import Experiment, compare
from cellstate.evaluate.reconstruction import Evaluation, evaluate
from cellstate.evaluate.trust import calibrate, shift_over_error, trust_reasons, trust_table

__all__ = [
    "Evaluation",
    "Experiment",
    "Tolerance",
    "calibrate",
    "compare",
    "distance_after",
    "distances",
    "evaluate",
    "shift_over_error",
    "trust_reasons",
    "trust_table",
]
