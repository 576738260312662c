"""CellState: virtual gene manipulation on one patient's transcriptome.

The public API is ``load_model``, ``read_samples``, ``Edit``, ``perturb`` and ``evaluate``; each is imported when first
asked for, so that the command's help does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cellstate.evaluate import evaluate
    from cellstate.io import read_samples
    from cellstate.model import load_model
    from cellstate.perturb import Edit, perturb

__version__ = "0.1.0"
__all__ = ["Edit", "evaluate", "load_model", "perturb", "read_samples"]

_HOME = {
    "Edit": "cellstate.perturb",
    "evaluate": "cellstate.evaluate",
    "load_model": "cellstate.model",
    "perturb": "cellstate.perturb",
    "read_samples": "cellstate.io",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
