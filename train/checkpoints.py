"""Checkpoints of a run: weights, optimiser and progress, from which it continues as if nothing had happened.

Each is a folder of torch.distributed.checkpoint, written by all processes together and read back by any number of
them. It appears whole or not at all, and the newest few are kept. The checksum of each file is checked before anything
is read: a damaged checkpoint is passed over for the one before it. Like every checkpoint of that library it has an
index in Python's pickle format: read only your own.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.api import CheckpointException

from cellstate.errors import CellStateError
from cellstate.files import changed_file, fsync, read_checksums, sha256, write_checksums, write_problem

from .callbacks import Epoch, TrainingState
from .distributed import DistributedContext

FOLDER = "checkpoints"
_PROGRESS = "progress.json"
_PARTIAL = ".partial"
#: Less room than this left on a disk means that it is full, whatever a library says.
_FULL_BYTES = 2**20
Result = TypeVar("Result")


def _quiet(_: str) -> None:
    """Drop a warning."""


class Checkpoints:
    """The checkpoints of one run folder, of which the newest ``keep`` are kept.

    Parameters
    ----------
    warn : callable
        Takes one sentence about a damaged checkpoint; called on the first process.
    """

    def __init__(
        self, folder: Path, keep: int, context: DistributedContext, warn: Callable[[str], None] = _quiet
    ) -> None:
        self._folder, self._keep, self._context, self._warn = folder, keep, context, warn
        self._damaged: set[str] = set()

    def save(self, network: nn.Module, optimiser: torch.optim.Optimizer, progress: TrainingState) -> Path:
        """Write a checkpoint; every process must call this.

        Raises
        ------
        CellStateError
            On every process, when it could not be written, for example because the disk is full; the previous ones
            remain.
        """
        final = self._folder / f"step-{progress.step:08d}"
        partial = final.with_name(final.name + _PARTIAL)
        state = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
        self._together(progress.step, lambda: self._begin(partial))
        checksums = self._together(progress.step, lambda: self._write(state, partial))
        self._together(progress.step, lambda: self._commit(partial, final, progress, checksums))
        return final

    def load(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> TrainingState:
        """Load the newest sound checkpoint into a network and its optimiser; a new state where there is none at all.

        Raises
        ------
        CellStateError
            When there are checkpoints, and all of them are damaged.
        """
        found = self._steps()
        for path in reversed(found):
            progress = self._read(path, network, optimiser)
            if progress is not None:
                return progress
            self._damaged.add(path.name)
            if self._context.is_first:
                self._warn(f"warning: the checkpoint {path.name} is damaged and is passed over")
        if found:
            raise CellStateError(f"No checkpoint in {self._folder} can be read.", "Start the run again with --fresh.")
        return TrainingState()

    def _begin(self, partial: Path) -> None:
        if self._context.is_first:
            # Remains of a killed process, of another step too: of a large network they are gigabytes.
            for left in self._folder.glob(f"step-*{_PARTIAL}"):
                shutil.rmtree(left, ignore_errors=True)
            partial.mkdir(parents=True, exist_ok=True)

    def _write(self, state: dict, partial: Path) -> dict[str, str]:
        """Write this process's share; returns the checksums of its files, which are on the disk then."""
        try:
            with warnings.catch_warnings():
                # The warning is about a single process.
                warnings.simplefilter("ignore", UserWarning)
                dcp.save(state, checkpoint_id=partial, no_dist=self._context.size == 1)
            own = list(partial.glob(f"__{self._context.rank}_*"))
            if self._context.is_first:
                own.append(partial / ".metadata")
            for path in own:
                fsync(path)
            return {path.name: sha256(path) for path in own}
        except BaseException:
            if self._context.is_first:
                shutil.rmtree(partial, ignore_errors=True)
            raise

    def _commit(self, partial: Path, final: Path, progress: TrainingState, checksums: list[dict[str, str]]) -> None:
        """Let the checkpoint appear under its name, and only then remove what is too old."""
        if not self._context.is_first:
            return
        with open(partial / _PROGRESS, "w", encoding="utf-8") as file:
            file.write(json.dumps(asdict(progress)))
        fsync(partial / _PROGRESS)
        files = {name: digest for own in checksums for name, digest in own.items()}
        write_checksums(partial, files | {_PROGRESS: sha256(partial / _PROGRESS)})
        # Only a damaged one can be there: a run that continued from a sound one is past its step.
        shutil.rmtree(final, ignore_errors=True)
        os.replace(partial, final)
        fsync(self._folder)
        self._damaged.discard(final.name)
        kept = [path for path in self._steps() if path.name not in self._damaged][-self._keep :]
        for old in self._steps():
            if old not in kept:
                _remove(old)

    def _read(self, path: Path, network: nn.Module, optimiser: torch.optim.Optimizer) -> TrainingState | None:
        """Return the progress of a checkpoint that was loaded; None on every process for a damaged one."""
        if not all(self._context.gather(self._is_sound(path))):
            return None
        if not optimiser.state:
            _fill_moments(optimiser)
        state = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
        try:
            progress = json.loads((path / _PROGRESS).read_text())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                dcp.load(state, checkpoint_id=path, no_dist=self._context.size == 1)
        except (CheckpointException, OSError, RuntimeError, ValueError, KeyError):
            return None
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        return TrainingState(**progress | {"history": [Epoch(**epoch) for epoch in progress["history"]]})

    def _is_sound(self, path: Path) -> bool:
        """Whether this process's share of a checkpoint's files is as it was written."""
        try:
            checksums = read_checksums(path)
            return changed_file(path, checksums, sorted(checksums)[self._context.rank :: self._context.size]) is None
        except (OSError, ValueError):
            return False

    def _steps(self) -> list[Path]:
        """Return the checkpoints, oldest first."""
        return sorted(path.parent for path in self._folder.glob(f"step-*[0-9]/{_PROGRESS}"))

    def _together(self, step: int, action: Callable[[], Result]) -> list[Result]:
        """Return the results of all processes; what fails on one of them is an error on each."""
        own: list[Result] = []
        cause, problem = None, ""
        try:
            own = [action()]
        except (CheckpointException, OSError, RuntimeError) as error:
            cause, problem = error, self._why(error)
        answers = self._context.gather((own, problem))
        if problems := [words for _, words in answers if words]:
            kept = [path for path in self._steps() if path.name not in self._damaged]
            rest = f"; that of step {int(kept[-1].name[5:])} is kept" if kept else ""
            raise CellStateError(
                f"The checkpoint of step {step} could not be written: {problems[0]}{rest}.",
                "Free some space, or make the folder writable, then run the same command again: it continues.",
            ) from cause
        return [result for results, _ in answers for result in results]

    def _why(self, error: BaseException) -> str:
        causes: list[BaseException] = [error, *(cause for cause, _ in getattr(error, "failures", {}).values())]
        if self._folder.exists() and shutil.disk_usage(self._folder).free < _FULL_BYTES:
            return write_problem(OSError(errno.ENOSPC, ""))
        of_system = [cause for cause in causes if isinstance(cause, OSError)]
        return write_problem(of_system[0]) if of_system else str(causes[-1]).splitlines()[0]


def _remove(path: Path) -> None:
    """Remove a checkpoint; what is left of it where that fails is no checkpoint, and goes with the next one."""
    with suppress(OSError):
        aside = path.with_name(path.name + _PARTIAL)
        os.replace(path, aside)
        shutil.rmtree(aside)


def _fill_moments(optimiser: torch.optim.Optimizer) -> None:
    """Allocate the moments of a new AdamW, into which a checkpoint is read."""
    for group in optimiser.param_groups:
        for p in group["params"]:
            optimiser.state[p] = {
                "step": torch.zeros((), dtype=torch.float32, device=p.device if group["fused"] else "cpu"),
                "exp_avg": torch.zeros_like(p),
                "exp_avg_sq": torch.zeros_like(p),
            }
