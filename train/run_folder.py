"""The folder of an unfinished run, next to the model folder's final place: ``.NAME.partial``.

It holds the history, the best weights so far, the checkpoints, and the run's identity in ``run.json``. An interrupted
run continues from there; when it is finished, the folder is renamed to its final name in one step.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from torch import Tensor

from cellstate.errors import CellStateError, DataError
from cellstate.files import atomic_write, fsync, write_problem
from cellstate.model.checksums import write_model_checksums
from cellstate.model.folder import WEIGHTS

from .callbacks import Epoch, History, ProgressDisplay, Step, TensorBoardWriter, TrainerCallback, TrainingState
from .checkpoints import FOLDER, Checkpoints
from .distributed import DistributedContext

RUN = "run.json"
#: Entries of a config that may differ when a run continues: they change no result.
_FREE = {"run": {"checkpoint_minutes", "checkpoint_steps", "keep_checkpoints"}}


class RunFolder(TrainerCallback):
    """A run's folder, locked while it is entered; a callback of its loop. Only the first process writes.

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
        The folder has other content; once it is entered: an interrupted run of another config, another trainer that
        works on it, and whatever the system says when something inside the block cannot be written.
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
        self.stage, self._old = (target.with_name(f".{target.name}.{kind}") for kind in ("partial", "old"))
        self._identity, self._fresh = json.loads(json.dumps(identity)), fresh
        self._stack, self._logs = ExitStack(), ExitStack()
        self._history: History | None = None
        self._tensorboard: TensorBoardWriter | None = None
        self.save_best: Callable[[Mapping[str, Tensor]], None] = lambda _: None
        self.is_renamed = False
        """Whether this run had finished but for the removal of what it no longer needs; known once it is entered."""

    def checkpoints(self, keep: int) -> Checkpoints:
        """Return the checkpoints of this run, of which the newest are kept."""
        return Checkpoints(self.stage / FOLDER, keep, self._context, self._progress.message)

    def __enter__(self) -> RunFolder:
        try:
            self._open()
        except OSError as error:
            self._stack.close()
            raise self._stopped(error) from error
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._logs.close()
        finally:
            self._stack.close()
        if isinstance(error, OSError):
            raise self._stopped(error) from error

    def _open(self) -> None:
        self._context.agree("config", json.dumps(self._identity, sort_keys=True))
        problem = self._lock() if self._context.is_first else None
        if problem := self._context.gather(problem)[0]:
            raise problem
        at_target, at_stage = (None if self._fresh else self._before(folder) for folder in (self.target, self.stage))
        self.is_renamed = at_target is not None and not _difference(at_target, self._identity)
        if at_stage is not None and (other := _difference(at_stage, self._identity)):
            raise CellStateError(
                f"{self.stage} holds an interrupted run with another {other}.",
                "Give its config again to continue it, another output folder, or --fresh to delete it.",
            )
        # Every process has read before one writes.
        self._context.wait()
        if self._context.is_first:
            self._prepare()
        self._context.wait()
        self._logs.enter_context(self._progress)

    def _lock(self) -> CellStateError | None:
        """Make sure that no other trainer is here; returns what is wrong, for the other processes to hear of it too."""
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            self._stack.enter_context(exclusive_lock(self.target.with_name(f".{self.target.name}.lock")))
        except CellStateError as error:
            return error
        except OSError as error:
            return self._stopped(error)
        return None

    def _prepare(self) -> None:
        """Mend what a kill between two renames left, and make the folder ready."""
        if self._old.exists() and not self.target.exists():
            os.replace(self._old, self.target)
        if self.is_renamed:
            return
        # Without its identity a folder may be what is left of any run.
        if self._fresh or not (self.stage / RUN).exists():
            (self.stage / RUN).unlink(missing_ok=True)
            if self.stage.exists():
                shutil.rmtree(self.stage)
        self.stage.mkdir(exist_ok=True)
        with atomic_write(self.stage / RUN) as partial:
            about = {"identity": self._identity, "processes": self._context.size}
            partial.write_text(json.dumps(about, indent=2) + "\n")
        self._history = History(self.stage)

    def _before(self, folder: Path) -> dict | None:
        """Return the identity of a folder's run, empty where it is damaged, None where there is none."""
        try:
            return dict(json.loads((folder / RUN).read_text())["identity"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return {}

    def _stopped(self, error: OSError) -> CellStateError:
        return CellStateError(
            f"The run in {self.stage} stopped: {write_problem(error)}.",
            "Free some space, or make the folder writable, then run the same command again: it continues.",
        )

    def resumed(self, progress: TrainingState) -> None:
        """Drop the losses after the state that the run continues from, and open the logs."""
        if self._history is None:
            return
        self._history.truncate(step=progress.step, epoch=len(progress.history) - 1)
        self._tensorboard = self._logs.enter_context(TensorBoardWriter(self.stage, step=progress.step))
        if progress.step:
            self._progress.message(f"continues after step {progress.step:,}")

    def step(self, step: Step) -> None:
        """Log a step."""
        if self._history and self._tensorboard:
            self._history.add(step)
            self._tensorboard.step(step)
            self._progress.step(step)

    def epoch(self, epoch: Epoch) -> None:
        """Log an epoch."""
        if self._history and self._tensorboard:
            self._history.add(epoch)
            self._tensorboard.epoch(epoch)
            self._progress.epoch(epoch)

    def best(self, weights: Mapping[str, Tensor]) -> None:
        """Write the weights, by one process."""
        if self._context.is_first:
            self.save_best(weights)

    def saving(self) -> None:
        """Bring the losses to the disk before a checkpoint."""
        # The losses up to a checkpoint are not measured again by a run that continues from it.
        if self._history:
            self._history.sync()

    def finish(self) -> None:
        """Rename the folder to its final name, then remove what a finished run does not need.

        At every moment either the older model folder or this one is whole. ``run.json`` goes last: while it is there,
        the same command ends this work, and trains nothing again.
        """
        self._logs.close()
        if not self.is_renamed:
            write_model_checksums(self.stage, without=(RUN, FOLDER))
            for path in (*self.stage.rglob("*"), self.stage):
                fsync(path)
            if self.target.exists():
                if self._old.exists():
                    shutil.rmtree(self._old)
                os.replace(self.target, self._old)
            os.replace(self.stage, self.target)
            fsync(self.target.parent)
            self.is_renamed = True
        for folder in (self._old, self.target / FOLDER):
            if folder.exists():
                shutil.rmtree(folder)
        (self.target / RUN).unlink(missing_ok=True)


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


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold a lock file for as long as the block runs.

    Raises
    ------
    CellStateError
        Another process holds it.
    """
    if sys.platform == "win32":  # which has no such locks
        yield
        return
    handle = _locked(path)
    try:
        yield
    finally:
        try:
            # While it is still locked, so that nobody else can hold this file. One that stays does no harm.
            with suppress(OSError):
                path.unlink()
        finally:
            os.close(handle)


def _locked(path: Path) -> int:
    """Return an open handle of the lock file, locked."""
    import fcntl

    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its last holder may have removed the file between the two calls: then nobody else sees this lock.
            with suppress(FileNotFoundError):
                if os.fstat(handle).st_ino == path.stat().st_ino:
                    return handle
        except BlockingIOError as error:
            os.close(handle)
            raise CellStateError(
                f"Another trainer is working on this run: it holds {path}.",
                "Wait until it has finished, or choose another output folder.",
            ) from error
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
