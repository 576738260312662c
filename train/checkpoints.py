"""Checkpoints of a run: weights, optimiser and progress, from which it continues as if nothing had happened.

Each is a folder of torch.distributed.checkpoint, written by all processes together and read back by any number of
them. It appears whole or not at all, and the newest few are kept. Like every checkpoint of that library it has an index
in Python's pickle format: read only your own.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.api import CheckpointException

from cellstate.errors import CellStateError

from .callbacks import Epoch
from .distributed import DistributedContext

FOLDER = "checkpoints"
_PROGRESS = "progress.json"


@dataclass
class TrainingState:
    """Progress of a run: steps, finished epochs, and sum and number of the current epoch's squared errors."""

    step: int = 0
    squares: float = 0.0
    values: float = 0.0
    seconds: float = 0.0
    history: list[Epoch] = field(default_factory=list)


class Checkpoints:
    """The checkpoints of one run folder, of which the newest ``keep`` are kept."""

    def __init__(self, folder: Path, keep: int, context: DistributedContext) -> None:
        self._folder, self._keep, self._context = folder, keep, context

    def save(self, network: nn.Module, optimiser: torch.optim.Optimizer, progress: TrainingState) -> Path:
        """Write a checkpoint; every process must call this.

        Raises
        ------
        CellStateError
            When it could not be written, for example because the disk is full; the previous one remains.
        """
        final = self._folder / f"step-{progress.step:08d}"
        partial = final.with_name(f"{final.name}.partial")
        if final.exists():
            return final
        if self._context.is_first:
            # Remains of a killed process, of another step too: of a large network they are gigabytes.
            for left in self._folder.glob("step-*.partial"):
                shutil.rmtree(left, ignore_errors=True)
            partial.mkdir(parents=True)
        self._context.wait()
        state = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
        try:
            with warnings.catch_warnings():
                # The warning is about a single process.
                warnings.simplefilter("ignore", UserWarning)
                dcp.save(state, checkpoint_id=partial, no_dist=self._context.size == 1)
        except (CheckpointException, OSError, RuntimeError) as error:
            self._context.wait()
            if self._context.is_first:
                shutil.rmtree(partial, ignore_errors=True)
            raise self._not_written(progress.step, error) from error
        if self._context.is_first:
            (partial / _PROGRESS).write_text(json.dumps(asdict(progress)))
            os.replace(partial, final)
            for old in self._steps()[: -self._keep]:
                shutil.rmtree(old, ignore_errors=True)
        self._context.wait()
        return final

    def load(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> TrainingState:
        """Load the newest checkpoint into a network and its optimiser; a new `TrainingState` where there is none."""
        found = self._steps()
        if not found:
            return TrainingState()
        _fill_moments(optimiser)
        state = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
        try:
            progress = json.loads((found[-1] / _PROGRESS).read_text())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                dcp.load(state, checkpoint_id=found[-1], no_dist=self._context.size == 1)
        except (CheckpointException, OSError, RuntimeError, ValueError, KeyError) as error:
            raise CellStateError(
                f"The checkpoint {found[-1].name} cannot be read.",
                "Delete its folder: then the previous one is used.",
            ) from error
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        return TrainingState(**progress | {"history": [Epoch(**epoch) for epoch in progress["history"]]})

    def _steps(self) -> list[Path]:
        """Return the complete checkpoints, oldest first."""
        return sorted(path.parent for path in self._folder.glob(f"step-*[0-9]/{_PROGRESS}"))

    def _not_written(self, step: int, error: BaseException) -> CellStateError:
        kept = self._steps()
        rest = f"; that of step {int(kept[-1].name[5:])} is kept" if kept else ""
        causes: list[BaseException] = [error, *(cause for cause, _ in getattr(error, "failures", {}).values())]
        full = shutil.disk_usage(self._folder).free < 2**20 or any(
            isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) for cause in causes
        )
        why = "the disk is full" if full else str(causes[-1]).splitlines()[0]
        return CellStateError(
            f"The checkpoint of step {step} could not be written: {why}{rest}.",
            "Free some space, then run the same command again: it continues.",
        )


def _fill_moments(optimiser: torch.optim.Optimizer) -> None:
    """Allocate the moments of a new AdamW, into which a checkpoint is read."""
    for group in optimiser.param_groups:
        for p in group["params"]:
            optimiser.state[p] = {
                "step": torch.zeros((), dtype=torch.float32, device=p.device if group["fused"] else "cpu"),
                "exp_avg": torch.zeros_like(p),
                "exp_avg_sq": torch.zeros_like(p),
            }
