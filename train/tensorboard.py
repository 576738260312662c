"""The same figures for TensorBoard, where it is installed; nothing happens where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .history import Epoch, Step

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

#: Folder of the events inside the run's.
FOLDER = "tensorboard"


class Board:
    """Scalars of a run, all by step; only the first process holds one.

    Parameters
    ----------
    folder : Path
        The run's folder.
    step : int
        The step the run goes on from: TensorBoard hides what an earlier attempt wrote after it.

    Notes
    -----
    A board is closed before the run's folder is moved: the events are written by a thread of their own.
    """

    def __init__(self, folder: Path, *, step: int = 0) -> None:
        self._step = step
        self._writer = _writer(folder / FOLDER, step)

    def __enter__(self) -> Board:
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
