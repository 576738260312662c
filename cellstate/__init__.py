"""CellState: virtual gene manipulation on one patient's transcriptome.

The public names below are imported when first asked for, so that the command's help does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cellstate.evaluation.experiment import compare
    from cellstate.evaluation.reconstruction import evaluate
    from cellstate.goal_spec import read_goal
    from cellstate.io import read_samples
    from cellstate.model import load_model
    from cellstate.perturb.perturbations import Perturbation
    from cellstate.perturb.predict import predict
    from cellstate.perturb.sample import prepare_sample
    from cellstate.perturb.search.combination import combine
    from cellstate.perturb.search.goal import Goal
    from cellstate.perturb.search.pairs import pairs
    from cellstate.perturb.search.single import screen
    from cellstate.perturb.search.titration import titrate

__version__ = "0.1.0"
_MODULE = {
    "Goal": "cellstate.perturb.search.goal",
    "Perturbation": "cellstate.perturb.perturbations",
    "combine": "cellstate.perturb.search.combination",
    "compare": "cellstate.evaluation.experiment",
    "evaluate": "cellstate.evaluation.reconstruction",
    "load_model": "cellstate.model",
    "pairs": "cellstate.perturb.search.pairs",
    "predict": "cellstate.perturb.predict",
    "prepare_sample": "cellstate.perturb.sample",
    "read_goal": "cellstate.goal_spec",
    "read_samples": "cellstate.io",
    "screen": "cellstate.perturb.search.single",
    "titrate": "cellstate.perturb.search.titration",
}
__all__ = [
    "Goal",
    "Perturbation",
    "combine",
    "compare",
    "evaluate",
    "load_model",
    "pairs",
    "predict",
    "prepare_sample",
    "read_goal",
    "read_samples",
    "screen",
    "titrate",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
