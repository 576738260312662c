"""What training runs leave on disk as they go: found, read line by line, and summed up. No Streamlit here.

A run writes ``.NAME.partial/history.jsonl`` (a line an epoch) and ``steps.jsonl`` (a line a step); when it is done its
folder becomes ``NAME``. The files may be read while they are written: a line that is torn or foreign is skipped.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cellstate.model.folder import HISTORY

#: Folder of the runs; ``runs`` in the current directory where it is not set.
RUNS_VARIABLE = "CELLSTATE_RUNS"
STEPS = "steps.jsonl"
GOING, INTERRUPTED, FINISHED = "still going", "interrupted", "finished"
#: A run that has said nothing for so long is interrupted, unless its steps take longer still.
QUIET_S, QUIET_STEPS = 180.0, 10
#: Only the end of a file is read: a run of weeks writes a long one.
_STEPS_TAIL, _HISTORY_TAIL = 32 * 1024, 4 * 1024 * 1024
#: Steps that throughput and time left are taken from.
_WINDOW = 50
_SUFFIX = ".partial"
_LOSSES = ("train_loss", "validation_loss")


@dataclass(frozen=True)
class Pace:
    """How far a run is, from its last steps.

    Attributes
    ----------
    step, total : int
        Steps done, and steps in all if the run is not stopped early.
    samples_per_second, seconds_left : float
    slowest : float
        Seconds of the slowest of the last steps.
    """

    step: int
    total: int
    samples_per_second: float
    seconds_left: float
    slowest: float


@dataclass(frozen=True, eq=False)
class Run:
    """One training run as its files tell it.

    Attributes
    ----------
    state : str
        ``GOING``, ``INTERRUPTED`` or ``FINISHED``.
    history : DataFrame
        See `read_history`.
    pace : Pace or None
        None where no step is recorded.
    quiet : float
        Seconds since the last line.
    """

    state: str
    history: pd.DataFrame
    pace: Pace | None
    quiet: float


def runs_folder() -> Path:
    """Return the folder that runs are looked for in."""
    return Path(os.environ.get(RUNS_VARIABLE) or "runs")


def find_runs(folder: Path) -> dict[str, Path]:
    """Return the folder of each run by its name; of two attempts of one name, the one not yet finished."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    except OSError:
        return {}
    runs: dict[str, Path] = {}
    for name in names:
        if not (folder / name / HISTORY).is_file():
            continue
        if is_unfinished(folder / name):
            runs[_plain(name[1 : -len(_SUFFIX)])] = folder / name
        elif not name.startswith("."):
            runs.setdefault(_plain(name), folder / name)
    return dict(sorted(runs.items()))


def is_unfinished(folder: Path) -> bool:
    """Whether a folder is of a run that has not come to its end."""
    return folder.name.startswith(".") and folder.name.endswith(_SUFFIX) and len(folder.name) > len(_SUFFIX) + 1


def newest(runs: Mapping[str, Path]) -> str:
    """Return the name of the run that wrote last, of the unfinished ones if there are any."""
    return max(runs, key=lambda name: (is_unfinished(runs[name]), _changed(runs[name] / HISTORY)))


def read_run(folder: Path, now: float | None = None) -> Run:
    """Read how far a run is.

    Parameters
    ----------
    folder : Path
        As `find_runs` gives it.
    now : float, optional
        Seconds since the epoch; the clock's by default.
    """
    pace = _pace(_lines(folder / STEPS, _STEPS_TAIL))
    quiet = (time.time() if now is None else now) - max(_changed(folder / HISTORY), _changed(folder / STEPS))
    if not is_unfinished(folder):
        state = FINISHED
    else:
        state = GOING if quiet < max(QUIET_S, QUIET_STEPS * (pace.slowest if pace else 0.0)) else INTERRUPTED
    return Run(state, read_history(folder / HISTORY), pace, quiet)


def read_history(path: Path) -> pd.DataFrame:
    """Read the losses of each epoch, in order; empty where there are none.

    Returns
    -------
    DataFrame
        Columns epoch, train_loss and validation_loss; NaN where a loss is missing or no number.
    """
    epochs = {}
    for values in _lines(path, _HISTORY_TAIL):
        epoch = _number(values, "epoch")
        if epoch >= 0 and "validation_loss" in values:
            epochs[int(epoch)] = [_number(values, name) for name in _LOSSES]
    rows = [(epoch, *losses) for epoch, losses in sorted(epochs.items())]
    return pd.DataFrame(rows, columns=["epoch", *_LOSSES])


def _pace(lines: Iterable[Mapping]) -> Pace | None:
    names = ("step", "total", "samples", "seconds")
    rows = [row for values in lines if math.isfinite(sum(row := [_number(values, name) for name in names]))]
    rows = [row for row in rows if 0 <= row[0] <= row[1] and row[3] >= 0][-_WINDOW:]
    if not rows:
        return None
    step, total = rows[-1][:2]
    seconds = sum(row[3] for row in rows)
    throughput = sum(row[2] for row in rows) / seconds if seconds > 0 else 0.0
    left = (total - step) * seconds / len(rows)
    return Pace(int(step), int(total), throughput, left, max(row[3] for row in rows))


def _lines(path: Path, tail: int) -> list[dict]:
    """Return the JSON objects at the end of a file, one a line; whatever else is there is skipped."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - tail))
            lines = file.read(tail).split(b"\n")
    except OSError:
        return []
    objects = []
    for line in lines:
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(values, dict):
            objects.append(values)
    return objects


def _number(values: Mapping, name: str) -> float:
    """Return a number, NaN for anything else."""
    value = values.get(name)
    try:
        number = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _plain(name: str) -> str:
    """Return a folder's name without characters that no page can show."""
    return "".join(c if c.isprintable() else "?" for c in name)
