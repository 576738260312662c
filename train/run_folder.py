"""The folder of an unfinished run, next to the model folder's final place: ``.NAME.partial``.

It holds the history, the best weights so far, the checkpoints, and the run's identity in ``run.json``. An interrupted
run continues from there; when it is finished, the folder is renamed to its final name in one step.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from torch import Tensor

from cellstate.errors import CellStateError, DataError
from cellstate.files import atomic_write
from cellstate.model.folder import WEIGHTS

from .callbacks import Epoch, History, ProgressDisplay, Step, TensorBoardWriter, TrainerCallback
from .checkpoints import FOLDER, Checkpoints, TrainingState
from .distributed import DistributedContext

RUN = "run.json"
#: Entries of a config that may differ when a run continues: they change no result.
_FREE = {"run": {"checkpoint_minutes", "checkpoint_steps", "keep_checkpoints"}}


class RunFolder(TrainerCallback):
    """A run's folder; a callback of its loop. Only the first process writes.

    Parameters
    ----------
    target : Path
        Where the model folder will be.
    identity : mapping
        The run's config and the checksum of its data, plain values: an interrupted run with others is not continued.
    fresh : bool
        Delete an interrupted run.

    Raises
    ------
    CellStateError
        The folder has other content, or an interrupted run of another config.
    """

    def __init__(
        self,
        target: Path,
        identity: Mapping[str, Any],
        context: DistributedContext,
        progress: ProgressDisplay,
        *,
        fresh: bool = False,
    ) -> None:
        if target.exists() and (not target.is_dir() or (any(target.iterdir()) and not (target / WEIGHTS).exists())):
            raise DataError(f"{target} exists and holds no model.", "Choose another output folder.")
        self.target, self._context, self._progress = target, context, progress
        self.stage = target.with_name(f".{target.name}.partial")
        context.agree("config", json.dumps(identity, sort_keys=True))
        if not fresh:
            self._check(identity)
        # Every process has read before one writes.
        context.wait()
        self._stack = ExitStack()
        self._history: History | None = None
        self._tensorboard: TensorBoardWriter | None = None
        self.save_best: Callable[[Mapping[str, Tensor]], None] = lambda _: None
        if context.is_first:
            if fresh:
                shutil.rmtree(self.stage, ignore_errors=True)
            self.stage.mkdir(parents=True, exist_ok=True)
            with atomic_write(self.stage / RUN) as partial:
                partial.write_text(json.dumps({"identity": identity, "processes": context.size}, indent=2) + "\n")
            self._history = History(self.stage)
        context.wait()

    def checkpoints(self, keep: int) -> Checkpoints:
        return Checkpoints(self.stage / FOLDER, keep, self._context)

    def __enter__(self) -> RunFolder:
        self._stack.enter_context(self._progress)
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    def resumed(self, progress: TrainingState) -> None:
        if self._history is None:
            return
        self._history.truncate(step=progress.step, epoch=len(progress.history) - 1)
        self._tensorboard = self._stack.enter_context(TensorBoardWriter(self.stage, step=progress.step))
        if progress.step:
            self._progress.message(f"continues after step {progress.step:,}")

    def step(self, step: Step) -> None:
        if self._history and self._tensorboard:
            self._history.add(step)
            self._tensorboard.step(step)
            self._progress.step(step)

    def epoch(self, epoch: Epoch) -> None:
        if self._history and self._tensorboard:
            self._history.add(epoch)
            self._tensorboard.epoch(epoch)
            self._progress.epoch(epoch)

    def best(self, weights: Mapping[str, Tensor]) -> None:
        if self._context.is_first:
            self.save_best(weights)

    def finish(self) -> None:
        """Rename the folder to its final name, without the checkpoints."""
        shutil.rmtree(self.stage / FOLDER, ignore_errors=True)
        (self.stage / RUN).unlink(missing_ok=True)
        # At every moment either the older folder or this one is complete.
        old = self.target.with_name(f".{self.target.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if self.target.exists():
            os.replace(self.target, old)
        os.replace(self.stage, self.target)
        shutil.rmtree(old, ignore_errors=True)

    def _check(self, identity: Mapping[str, Any]) -> None:
        path = self.stage / RUN
        if not path.exists():
            return
        try:
            before = json.loads(path.read_text())["identity"]
        except (ValueError, KeyError, TypeError):
            before = {}
        if other := _difference(before, json.loads(json.dumps(identity))):
            raise CellStateError(
                f"{self.stage} holds an interrupted run with another {other}.",
                "Give its config again to continue it, another output folder, or --fresh to delete it.",
            )


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Name the first entry that differs, empty where none does that matters."""
    for section in sorted(before.keys() | now.keys()):
        a, b = before.get(section), now.get(section)
        if isinstance(a, dict) and isinstance(b, dict):
            keys = (a.keys() | b.keys()) - _FREE.get(section, set())
            if odd := sorted(key for key in keys if a.get(key) != b.get(key)):
                return f"{odd[0]} in [{section}]"
        elif a != b:
            return section
    return ""
