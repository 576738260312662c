"""Progress of a run on standard error, from the first process only: a bar in a terminal, plain lines in a log file."""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress

from .history import Epoch, Step

#: Seconds between two lines where there is no bar.
LINE_S = 30.0
#: Steps that throughput and time left are taken from.
_WINDOW = 100


class Pace:
    """Throughput and time left by the clock on the wall: loading, validation and checkpoints count.

    Parameters
    ----------
    clock : callable
        Returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque(maxlen=_WINDOW + 1)

    def add(self, step: Step) -> None:
        """Take a finished step; a run may begin at any."""
        now = self._clock()
        if not self._seen:
            self._seen.append((now - step.seconds, 0))
        self._seen.append((now, step.samples))

    @property
    def samples_per_second(self) -> float:
        """Samples a second over the last steps, 0 before the first."""
        return sum(n for _, n in list(self._seen)[1:]) / self._spent if self._spent > 0 else 0.0

    def seconds_left(self, step: Step) -> float:
        """Seconds until the last step if the run goes on as it does."""
        return (step.total - step.step) * self._spent / max(1, len(self._seen) - 1)

    @property
    def _spent(self) -> float:
        return self._seen[-1][0] - self._seen[0][0] if self._seen else 0.0


class Progress:
    """How far a run is, with throughput, loss, learning rate and time left, and one line an epoch.

    Parameters
    ----------
    visible : bool
        Nothing is written where it is False.
    clock : callable
        Returns seconds.
    """

    def __init__(self, *, visible: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self._visible, self._clock, self._pace = visible, clock, Pace(clock)
        self._next_line = -math.inf
        console = Console(stderr=True)
        # FORCE_COLOR makes a terminal of a file, and a dumb terminal shows a bar's control characters.
        bar = visible and sys.stderr.isatty() and console.is_terminal and not console.is_dumb_terminal
        # A bar without a width takes what the words leave.
        columns = (TextColumn("{task.description}"), BarColumn(None))
        self._bar = RichProgress(*columns, console=console) if bar else None
        self._task = self._bar.add_task("", total=None) if self._bar else None

    def __enter__(self) -> Progress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def step(self, step: Step) -> None:
        """Tell of one finished step."""
        self._pace.add(step)
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=step.step, total=step.total, description=self._told(step))
        elif (now := self._clock()) >= self._next_line or step.step == step.total:
            self._next_line = now + LINE_S
            self.say(self._told(step))

    def epoch(self, epoch: Epoch) -> None:
        """Tell of one finished epoch."""
        train = "      -" if epoch.train_loss is None else f"{epoch.train_loss:.5f}"
        losses = f"train {train}  validation {epoch.validation_loss:.5f}"
        self.say(f"epoch {epoch.epoch:3d}  {losses}  lr {epoch.learning_rate:.1e}  {duration(epoch.seconds):>8}")

    def say(self, text: str) -> None:
        """Print a sentence of its own."""
        if self._bar:
            self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)
        elif self._visible:
            print(text, file=sys.stderr, flush=True)

    def _told(self, step: Step) -> str:
        left = duration(self._pace.seconds_left(step))
        pace = f"{rate(self._pace.samples_per_second)} samples/s"
        # Short enough to leave a bar some room in 80 columns.
        done = f"step {step.step:,}/{step.total:,}"
        return f"{done}  loss {step.loss:.4f}  lr {step.learning_rate:.1e}  {pace}  {left} left"


def rate(value: float) -> str:
    """Return a rate in three digits: ``0.52``, ``51.3``, ``1,204``."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Return ``0:05``, ``12:30`` or ``3:07:00``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
