"""Errors shown to the user. Each has a message (what is wrong) and a hint (what to do)."""

from __future__ import annotations

import sys
from collections.abc import Sequence


class CellStateError(Exception):
    """A problem that the user can solve.

    Parameters
    ----------
    message : str
        One sentence: what is wrong.
    hint : str
        One sentence: what to do next.
    code : str
        Short stable identifier of the problem, such as ``empty_file``; empty where none is defined. Sentences may
        change, codes do not.
    """

    def __init__(self, message: str, hint: str = "", *, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class ReadError(CellStateError):
    """A file that cannot be read as expression profiles or gene sets."""


class GeneError(CellStateError):
    """A gene name that is unknown, ambiguous or not covered by the model."""


class PerturbationError(CellStateError):
    """A perturbation that cannot be applied."""


class GoalError(CellStateError):
    """A goal without a direction: no known gene, contradictory signs, or a reference equal to the sample."""


class Stopped(CellStateError):  # noqa: N818 -- a request of the user, not a failure
    """The user stopped a long run. Results finished before are kept."""


class ModelError(CellStateError):
    """A model folder or checkpoint that is missing, damaged or of an unsupported kind."""


class DataError(CellStateError):
    """A download or a stored cohort that is incomplete, changed or missing."""


def summarise_list(items: Sequence[str], limit: int = 3) -> str:
    """Return the first ``limit`` items as text, with the number of the others: ``a, b, c and 4 more``."""
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit:,} more"


def print_error(error: CellStateError) -> int:
    """Print message and hint to standard error. Return 2, the exit status for bad input."""
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    return 2
