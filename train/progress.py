"""Progress of a run on standard error, from the first process only."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from train.loop import Epoch


class Progress:
    """A bar with the time left, and one line an epoch."""

    def __init__(self, *, visible: bool = True) -> None:
        self._console = Console(stderr=True, quiet=not visible)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"))
        self._bar = RichProgress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self._console)
        self._task = self._bar.add_task("training", total=None)

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, done: int, total: int) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=done, total=total)

    def epoch(self, epoch: Epoch) -> None:
        """Print one finished epoch."""
        train = "     -" if epoch.train_loss is None else f"{epoch.train_loss:.4f}"
        self._console.print(
            f"epoch {epoch.epoch:3d}  train {train}  validation {epoch.validation_loss:.5f}  {epoch.seconds:6.1f} s"
        )
