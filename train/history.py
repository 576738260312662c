"""The history of a run: one JSON line an epoch and one a step, whole again after any end.

A line is handed to the system as it is made, so a killed process loses none but the one it was writing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

from cellstate.files import atomic_write

#: One line an epoch, and one a step.
EPOCHS, STEPS = "history.jsonl", "steps.jsonl"


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
