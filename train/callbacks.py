"""Callbacks of a run: its history in files, progress on standard error, TensorBoard.

The history has one JSON line an epoch and one a step. Each line is written at once, so a killed process loses only the
line that it was writing.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress

from cellstate.files import atomic_write, fsync

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.tensorboard import SummaryWriter


#: One line an epoch, and one a step.
EPOCHS, STEPS = "history.jsonl", "steps.jsonl"
#: Seconds between two lines where there is no bar.
LINE_S = 30.0
#: Steps over which throughput and time left are measured.
_WINDOW = 100
#: Folder of TensorBoard's events inside the run's.
TENSORBOARD = "tensorboard"


@dataclass(frozen=True)
class Epoch:
    """One line of the history; losses are mean squared errors in z, epoch 0 is before the first step."""

    epoch: int
    train_loss: float | None
    validation_loss: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Step:
    """One step of the optimiser, over all processes together."""

    step: int
    """Counted from 1 over the whole run."""
    total: int
    """Steps of the whole run if it is not stopped early."""
    loss: float
    gradient_norm: float
    """Before clipping."""
    learning_rate: float
    samples: int
    """Samples of this step."""
    seconds: float
    """Seconds this step took, loading included."""

    @property
    def samples_per_second(self) -> float:
        """Throughput of this step."""
        return self.samples / self.seconds if self.seconds > 0 else 0.0


@dataclass
class TrainingState:
    """Progress of a run: steps, finished epochs, and sum and number of the current epoch's squared errors."""

    step: int = 0
    squares: float = 0.0
    values: float = 0.0
    seconds: float = 0.0
    history: list[Epoch] = field(default_factory=list)


class TrainerCallback:
    """Methods that a run calls on every process; these do nothing."""

    def resumed(self, state: TrainingState) -> None:
        """Note that the run begins, or continues from a checkpoint."""

    def step(self, step: Step) -> None:
        """Note a step that is done."""

    def epoch(self, epoch: Epoch) -> None:
        """Note an epoch that is done."""

    def best(self, weights: dict[str, Tensor]) -> None:
        """Take the complete weights of the best epoch so far; the next step changes them in place."""

    def saving(self) -> None:
        """Prepare for a checkpoint that is about to be written."""


class History:
    """The two files of one run folder; only the first process writes them.

    Parameters
    ----------
    folder : Path
        Made if it is not there. Files of an earlier run are continued, without an incomplete last line.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._epochs, self._steps = folder / EPOCHS, folder / STEPS
        for path in (self._epochs, self._steps):
            if path.exists():
                with open(path, "rb+") as file:
                    file.truncate(file.read().rfind(b"\n") + 1)

    def add(self, record: Epoch | Step) -> None:
        """Append one line."""
        path = self._epochs if isinstance(record, Epoch) else self._steps
        # JSON has no infinity: a number that is not finite is null.
        values = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(record).items()}
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def sync(self) -> None:
        """Wait until all lines are on the disk itself."""
        for path in (self._epochs, self._steps):
            if path.exists():
                fsync(path)

    def truncate(self, *, step: int, epoch: int) -> None:
        """Remove what came after a step and an epoch, as a run does that continues from a checkpoint."""
        for path, key, last in ((self._epochs, "epoch", epoch), (self._steps, "step", step)):
            if path.exists():
                with atomic_write(path) as partial, open(path, "rb") as old, open(partial, "wb") as new:
                    new.writelines(line for line in old if _number(line, key) <= last)


def _number(line: bytes, key: str) -> float:
    """Return the number of an epoch or a step in its line, infinity where the line is damaged."""
    try:
        return float(json.loads(line)[key])
    except (ValueError, KeyError, TypeError):
        return math.inf


class ProgressDisplay:
    """Step, loss, learning rate, throughput and time left, and one line an epoch.

    In a terminal a bar, in a file plain lines.

    Parameters
    ----------
    visible : bool
        Nothing is written where it is False.
    clock : callable
        Returns seconds.
    """

    def __init__(self, *, visible: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self._visible, self._clock = visible, clock
        #: Time and samples of the last steps, by the wall clock: loading, validation and checkpoints count.
        self._recent: deque[tuple[float, int]] = deque(maxlen=_WINDOW + 1)
        self._next_line = -math.inf
        console = Console(stderr=True)
        # FORCE_COLOR makes a terminal of a file, and a dumb terminal shows a bar's control characters.
        bar = visible and sys.stderr.isatty() and console.is_terminal and not console.is_dumb_terminal
        # A bar without a width takes the room that the text leaves.
        columns = (TextColumn("{task.description}"), BarColumn(None))
        self._bar = RichProgress(*columns, console=console) if bar else None
        self._task = self._bar.add_task("", total=None) if self._bar else None

    def __enter__(self) -> ProgressDisplay:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def step(self, step: Step) -> None:
        """Show one finished step."""
        now = self._clock()
        if not self._recent:
            self._recent.append((now - step.seconds, 0))
        self._recent.append((now, step.samples))
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=step.step, total=step.total, description=self._describe(step))
        elif now >= self._next_line or step.step == step.total:
            self._next_line = now + LINE_S
            self.message(self._describe(step))

    def epoch(self, epoch: Epoch) -> None:
        """Show one finished epoch."""
        train = "      -" if epoch.train_loss is None else f"{epoch.train_loss:.5f}"
        losses = f"train {train}  validation {epoch.validation_loss:.5f}"
        self.message(f"epoch {epoch.epoch:3d}  {losses}  lr {epoch.learning_rate:.1e}  {duration(epoch.seconds):>8}")

    def message(self, text: str) -> None:
        """Print a line of its own."""
        if self._bar:
            self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)
        elif self._visible:
            print(text, file=sys.stderr, flush=True)

    def _describe(self, step: Step) -> str:
        seconds = self._recent[-1][0] - self._recent[0][0]
        samples = sum(n for _, n in list(self._recent)[1:])
        left = duration((step.total - step.step) * seconds / (len(self._recent) - 1))
        pace = rate(samples / seconds if seconds > 0 else 0.0)
        # Short enough to leave a bar some room in 80 columns.
        done = f"step {step.step:,}/{step.total:,}"
        return f"{done}  loss {step.loss:.4f}  lr {step.learning_rate:.1e}  {pace} samples/s  {left} left"


def rate(value: float) -> str:
    """Return a rate in three digits: ``0.52``, ``51.3``, ``1,204``."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Return ``0:05``, ``12:30`` or ``3:07:00``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class TensorBoardWriter:
    """Scalars of a run by step, where TensorBoard is installed; only the first process writes them.

    Parameters
    ----------
    folder : Path
        The run's folder.
    step : int
        Step from which the run continues: TensorBoard hides what an earlier attempt wrote after it.

    Notes
    -----
    Close it before the run's folder is moved: a thread of its own writes the events.
    """

    def __init__(self, folder: Path, *, step: int = 0) -> None:
        self._step = step
        self._writer: SummaryWriter | None = None
        with suppress(ImportError):
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder / TENSORBOARD), purge_step=step + 1 if step else None)

    def __enter__(self) -> TensorBoardWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def step(self, step: Step) -> None:
        """Add the scalars of one step."""
        self._step = step.step
        self._add("loss/train", step.loss)
        self._add("gradient_norm", step.gradient_norm)
        self._add("learning_rate", step.learning_rate)
        self._add("samples_per_second", step.samples_per_second)

    def epoch(self, epoch: Epoch) -> None:
        """Add the validation loss at the step at which it was measured."""
        self._add("loss/validation", epoch.validation_loss)

    def _add(self, name: str, value: float) -> None:
        if self._writer is not None:
            self._writer.add_scalar(name, value, self._step)
