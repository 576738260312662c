"""CellState: virtual gene manipulation on one patient's transcriptome.

The public names below are imported on first use, so that the command's help does not wait for large libraries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cellstate.evaluation.experiment import compare
    from cellstate.evaluation.reconstruction import evaluate
    from cellstate.goals import read_goal
    from cellstate.io import read_samples
    from cellstate.model import load_model
    from cellstate.perturb.perturbations import Perturbation
    from cellstate.perturb.predict import predict
    from cellstate.perturb.regulators.search import regulators
    from cellstate.perturb.sample import prepare_sample
    from cellstate.perturb.search.combination import combine
    from cellstate.perturb.search.goal import Goal
    from cellstate.perturb.search.pairs import pairs
    from cellstate.perturb.search.single import screen
    from cellstate.perturb.search.titration import titrate
    from cellstate.samples import Samples

__version__ = "0.2.0"
__all__ = [
    "Goal",
    "Perturbation",
    "Samples",
    "combine",
    "compare",
    "evaluate",
    "load_model",
    "pairs",
    "predict",
    "prepare_sample",
    "read_goal",
    "read_samples",
    "regulators",
    "screen",
    "titrate",
]
_MODULES = {
    "evaluation.experiment": ("compare",),
    "evaluation.reconstruction": ("evaluate",),
    "goals": ("read_goal",),
    "io": ("read_samples",),
    "model": ("load_model",),
    "perturb.perturbations": ("Perturbation",),
    "perturb.predict": ("predict",),
    "perturb.regulators.search": ("regulators",),
    "perturb.sample": ("prepare_sample",),
    "perturb.search.combination": ("combine",),
    "perturb.search.goal": ("Goal",),
    "perturb.search.pairs": ("pairs",),
    "perturb.search.single": ("screen",),
    "perturb.search.titration": ("titrate",),
    "samples": ("Samples",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
