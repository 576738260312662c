"""TensorBoard gets every scalar by step where it is installed, and nothing happens where it is not."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from train.callbacks import TENSORBOARD, Epoch, Step, TensorBoardWriter

MODULE = "torch.utils.tensorboard"


class Writer:
    """Stands in for torch's SummaryWriter."""

    made: list[Writer]

    def __init__(self, folder: str, **options: Any) -> None:
        self.folder, self.options, self.closed = folder, options, 0
        self.scalars: list[tuple[str, float, int]] = []
        self.made.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        assert not self.closed
        self.scalars.append((name, value, step))

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> list[Writer]:
    """Every writer that is made."""
    Writer.made = []
    module = ModuleType(MODULE)
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, MODULE, module)
    return Writer.made


def tell(board: TensorBoardWriter) -> None:
    with board:
        board.epoch(Epoch(0, None, 1.0, 0.0, 0.0))
        board.step(Step(1, 2, 0.5, 3.0, 1e-4, samples=64, seconds=0.5))
        board.step(Step(2, 2, 0.4, 2.0, 2e-4, samples=32, seconds=0.5))
        board.epoch(Epoch(1, 0.45, 0.9, 2e-4, 1.0))


def test_every_scalar_by_step(writers: list[Writer], tmp_path: Path) -> None:
    tell(TensorBoardWriter(tmp_path))
    (writer,) = writers
    assert writer.folder == str(tmp_path / TENSORBOARD)
    assert writer.closed == 1
    assert writer.scalars == [
        ("loss/validation", 1.0, 0),
        ("loss/train", 0.5, 1),
        ("gradient_norm", 3.0, 1),
        ("learning_rate", 1e-4, 1),
        ("samples_per_second", 128.0, 1),
        ("loss/train", 0.4, 2),
        ("gradient_norm", 2.0, 2),
        ("learning_rate", 2e-4, 2),
        ("samples_per_second", 64.0, 2),
        ("loss/validation", 0.9, 2),
    ]


@pytest.mark.parametrize("step, purged", [(0, None), (40, 41)])
def test_a_run_that_goes_on_hides_what_came_after(
    writers: list[Writer], tmp_path: Path, step: int, purged: int | None
) -> None:
    with TensorBoardWriter(tmp_path, step=step) as board:
        board.epoch(Epoch(5, 0.5, 0.5, 1e-4, 1.0))
    assert writers[0].options == {"purge_step": purged}
    assert writers[0].scalars == [("loss/validation", 0.5, step)]


def test_nothing_happens_without_tensorboard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, MODULE, None)
    tell(TensorBoardWriter(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_itself_reads_the_events(tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    tell(TensorBoardWriter(tmp_path))
    read = events.EventAccumulator(str(tmp_path / TENSORBOARD))
    read.Reload()
    assert [(e.step, e.value) for e in read.Scalars("loss/validation")] == [(0, 1.0), (2, pytest.approx(0.9))]
    assert [e.step for e in read.Scalars("loss/train")] == [1, 2]
