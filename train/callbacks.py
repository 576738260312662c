"""What is told of a run while it trains: its history in files, progress on standard error, TensorBoard.

The history has one JSON line an epoch and one a step. A line is handed to the system as it is made, so a killed process
loses none but the one it was writing. ProgressDisplay is a bar in a terminal and plain lines in a log file.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress

from cellstate.files import atomic_write

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.tensorboard import SummaryWriter

    from .checkpoints import TrainingState


#: One line an epoch, and one a step.
EPOCHS, STEPS = "history.jsonl", "steps.jsonl"
#: Seconds between two lines where there is no bar.
LINE_S = 30.0
#: Steps that throughput and time left are taken from.
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

    def to_dict(self) -> dict:
        """Plain values for JSON."""
        return asdict(self)


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

    def to_dict(self) -> dict:
        """Plain values for JSON."""
        return asdict(self)


class TrainerCallback(Protocol):
    """What is told of a run, on every process."""

    def resumed(self, state: TrainingState) -> None:
        """The run begins, or continues from a checkpoint."""

    def step(self, step: Step) -> None:
        """A step is done."""

    def epoch(self, epoch: Epoch) -> None:
        """An epoch is done."""

    def best(self, weights: dict[str, Tensor]) -> None:
        """These weights, whole, are the ones to keep so far; they change with the next step."""


class NullCallback:
    """A callback that does nothing."""

    def resumed(self, state: TrainingState) -> None:
        """Ignore it."""

    def step(self, step: Step) -> None:
        """Ignore it."""

    def epoch(self, epoch: Epoch) -> None:
        """Ignore it."""

    def best(self, weights: dict[str, Tensor]) -> None:
        """Ignore it."""


Record = TypeVar("Record", Epoch, Step)


class History:
    """The two files of one run folder; only the first process holds one.

    Parameters
    ----------
    folder : Path
        Made if it is not there. What an earlier run left in it is continued: a line torn by its end is cut away.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._epochs, self._steps = folder / EPOCHS, folder / STEPS
        for path in (self._epochs, self._steps):
            _cut_torn_line(path)

    def add(self, record: Epoch | Step) -> None:
        """Append one line."""
        path = self._epochs if isinstance(record, Epoch) else self._steps
        # JSON knows no infinity: a number that is none is null, and reads as nan again.
        values = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(record).items()}
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def epochs(self) -> list[Epoch]:
        """Return every epoch so far; a line that is none is left out."""
        return list(_records(self._epochs, Epoch))

    def steps(self) -> list[Step]:
        """Return every step so far; a line that is none is left out."""
        return list(_records(self._steps, Step))

    def truncate(self, *, step: int, epoch: int) -> None:
        """Forget what came after a step and an epoch, as a run does that goes back to a checkpoint."""
        _keep(self._epochs, Epoch, lambda record: record.epoch <= epoch)
        _keep(self._steps, Step, lambda record: record.step <= step)


def _keep(path: Path, kind: type[Record], wanted: Callable[[Record], bool]) -> None:
    """Rewrite a file with the wanted lines, in one step."""
    if not path.exists():
        return
    with atomic_write(path) as partial, open(path, "rb") as old, open(partial, "wb") as new:
        new.writelines(line for line in old if (record := _record(line, kind)) is not None and wanted(record))


def _records(path: Path, kind: type[Record]) -> Iterator[Record]:
    if path.exists():
        with open(path, "rb") as file:
            yield from (record for line in file if (record := _record(line, kind)) is not None)


def _record(line: bytes, kind: type[Record]) -> Record | None:
    """Return what a line says; None for one that is torn or foreign."""
    try:
        values = json.loads(line)
        known = {f.name: values[f.name] for f in fields(kind)}
    except (ValueError, KeyError, TypeError):
        return None
    # Only an epoch's training loss may be nothing: before the first step there is none.
    known = {k: math.nan if v is None and k != "train_loss" else v for k, v in known.items()}
    if not all(isinstance(v, int | float) or (k, v) == ("train_loss", None) for k, v in known.items()):
        return None
    return kind(**known)


def _cut_torn_line(path: Path) -> None:
    """Cut a file behind its last line end."""
    if not path.exists():
        return
    with open(path, "rb+") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)


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


class ProgressDisplay:
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

    def __enter__(self) -> ProgressDisplay:
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


class TensorBoardWriter:
    """Scalars of a run, all by step; only the first process holds one.

    Parameters
    ----------
    folder : Path
        The run's folder.
    step : int
        The step the run goes on from: TensorBoard hides what an earlier attempt wrote after it.

    Notes
    -----
    It is closed before the run's folder is moved: the events are written by a thread of their own.
    """

    def __init__(self, folder: Path, *, step: int = 0) -> None:
        self._step = step
        self._writer = _writer(folder / TENSORBOARD, step)

    def __enter__(self) -> TensorBoardWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def step(self, step: Step) -> None:
        """Add what one step tells."""
        self._step = step.step
        self._add("loss/train", step.loss)
        self._add("gradient_norm", step.gradient_norm)
        self._add("learning_rate", step.learning_rate)
        self._add("samples_per_second", step.samples_per_second)

    def epoch(self, epoch: Epoch) -> None:
        """Add the validation loss, at the step it was measured."""
        self._add("loss/validation", epoch.validation_loss)

    def close(self) -> None:
        """Write what is left and end the writer's thread."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _add(self, name: str, value: float) -> None:
        if self._writer is not None:
            self._writer.add_scalar(name, value, self._step)


def _writer(folder: Path, step: int) -> SummaryWriter | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)
