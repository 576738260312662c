"""CellState: virtual gene manipulation on one patient's transcriptome.

The public API is ``load_model``, ``read_samples``, ``Edit``, ``perturb``, ``screen``, ``pairs``, ``combine`` and
``evaluate``; each is imported when first asked for, so that the command's help does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cellstate.evaluate import evaluate
    from cellstate.io import read_samples
    from cellstate.model import load_model
    from cellstate.perturb import Edit, perturb
    from cellstate.perturb.combine import combine
    from cellstate.perturb.pairs import pairs
    from cellstate.perturb.screen import screen

__version__ = "0.1.0"
__all__ = ["Edit", "combine", "evaluate", "load_model", "pairs", "perturb", "read_samples", "screen"]

_HOME = {
    "Edit": "cellstate.perturb",
    "combine": "cellstate.perturb.combine",
    "evaluate": "cellstate.evaluate",
    "load_model": "cellstate.model",
    "pairs": "cellstate.perturb.pairs",
    "perturb": "cellstate.perturb",
    "read_samples": "cellstate.io",
    "screen": "cellstate.perturb.screen",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
