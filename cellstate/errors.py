"""Errors that a user sees: each says what is wrong and what to do next."""

from __future__ import annotations

import sys
from collections.abc import Sequence


class CellStateError(Exception):
    """Something the user can mend.

    Parameters
    ----------
    message : str
        One sentence: what is wrong.
    hint : str
        One sentence: what to do next.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class ReadError(CellStateError):
    """A file that cannot be taken as an expression profile."""


class GeneError(CellStateError):
    """A gene name that is unknown, ambiguous or not covered by the model."""


class PerturbationError(CellStateError):
    """A perturbation that cannot be applied."""


class GoalError(CellStateError):
    """A goal that names no direction: no known gene, contradictory signs, a reference equal to the patient."""


class Stopped(CellStateError):  # noqa: N818 -- stopping is no error of anyone
    """The user stopped a long run; what was finished before is kept."""


class ModelError(CellStateError):
    """A model folder or checkpoint that is missing, damaged or of another kind."""


class DataError(CellStateError):
    """A download or a cohort that is incomplete, altered or missing."""


def some(items: Sequence[str], limit: int = 3) -> str:
    """Join the first few items for a sentence: ``a, b, c and 4 more``."""
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit:,} more"


def print_error(error: CellStateError) -> int:
    """Print message and hint to standard error; return the exit status of bad input."""
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    return 2
