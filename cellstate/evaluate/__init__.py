"""How far to believe a prediction."""

from cellstate.callable_package import make_callable
from cellstate.evaluate.bins import Tolerance
from cellstate.evaluate.distance import distances, distances_after
from cellstate.evaluate.experiment import Experiment, compare
from cellstate.evaluate.reconstruction import Evaluation, evaluate
from cellstate.evaluate.trust import calibrate, shift_over_error, trust_reasons, trust_table

__all__ = [
    "Evaluation",
    "Experiment",
    "Tolerance",
    "calibrate",
    "compare",
    "distances",
    "distances_after",
    "evaluate",
    "shift_over_error",
    "trust_reasons",
    "trust_table",
]

make_callable(__name__, evaluate)
