"""Tables and progress of the commands, as text and as JSON."""

from __future__ import annotations

import math
import sys
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from rich.progress import Progress


def number(value: float | None, form: str = "+.3f") -> str:
    """Return a number as text, a dash where there is none."""
    return "-" if value is None or math.isnan(value) else format(value, form)


def records(table: pd.DataFrame, first: int | None = None) -> list[dict]:
    """Return the first rows of a table, or all of them, with Python's own numbers."""
    some = table if first is None else table.head(first)
    columns = [some[name].tolist() for name in some.columns]
    return [dict(zip(some.columns, row, strict=True)) for row in zip(*columns, strict=True)]


class ProgressBar:
    """A bar for each part of a run, on standard error; nothing where that is no terminal.

    Called with (done, total, what), see `cellstate.perturb.predictors.base.ProgressReporter`.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._what = ""
        self._progress = None if quiet or not sys.stderr.isatty() else _rich_progress()

    def __enter__(self) -> ProgressBar:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, done: int, total: int, what: str) -> None:
        if self._progress is None:
            return
        if what != self._what:
            self._what, self._task = what, self._progress.add_task(what, total=total)
        self._progress.update(self._task, completed=done, total=total)


def _rich_progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
