"""History, progress and TensorBoard of a run: complete after any end, and nothing from the other processes."""

from __future__ import annotations

import io
import math
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.unit.train.runs import read_history
from train.callbacks import (
    EPOCHS,
    LINE_S,
    STEPS,
    TENSORBOARD,
    Epoch,
    History,
    ProgressDisplay,
    Step,
    TensorBoardWriter,
    duration,
    rate,
)

STEP_S = 10.0
MODULE = "torch.utils.tensorboard"


def make_step(step: int, total: int = 12, **changes: float) -> Step:
    values = {"loss": 0.25, "gradient_norm": 0.1, "learning_rate": 1e-4, "samples": 64, "seconds": STEP_S}
    return Step(step=step, total=total, **values | changes)  # type: ignore[arg-type]


def make_epoch(epoch: int) -> Epoch:
    return Epoch(epoch, 0.5 / epoch if epoch else None, 0.6 / (epoch + 1), 1e-4, 2.0 * epoch)


def numbers(folder: Path) -> tuple[list[int], list[int]]:
    """Numbers of the epochs and of the steps in a history."""
    epochs, steps = (read_history(folder / name) for name in (EPOCHS, STEPS))
    return [line["epoch"] for line in epochs], [line["step"] for line in steps]


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Three epochs of four steps."""
    history = History(tmp_path)
    history.add(make_epoch(0))
    for step in range(1, 13):
        history.add(make_step(step))
        if step % 4 == 0:
            history.add(make_epoch(step // 4))
    return history


def test_lines_hold_every_value(history: History, tmp_path: Path) -> None:
    assert read_history(tmp_path / EPOCHS) == [asdict(make_epoch(i)) for i in range(4)]
    assert read_history(tmp_path / STEPS) == [asdict(make_step(i)) for i in range(1, 13)]
    history.add(make_step(13, gradient_norm=math.inf))
    assert read_history(tmp_path / STEPS)[-1]["gradient_norm"] is None


def test_resuming_removes_what_the_checkpoint_does_not_have(history: History, tmp_path: Path) -> None:
    history.truncate(step=6, epoch=1)
    assert numbers(tmp_path) == ([0, 1], [1, 2, 3, 4, 5, 6])
    history.add(make_step(7))
    assert numbers(tmp_path)[1][-1] == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == [EPOCHS, STEPS]
    History(tmp_path / "empty").truncate(step=0, epoch=0)
    assert not list((tmp_path / "empty").iterdir())


@pytest.mark.parametrize("end", range(1, 60, 7))
def test_an_incomplete_last_line_is_removed(history: History, tmp_path: Path, end: int) -> None:
    path = tmp_path / STEPS
    path.write_bytes(path.read_bytes()[:-end])
    History(tmp_path).add(make_step(12))
    assert numbers(tmp_path)[1] == list(range(1, 13))


@pytest.mark.parametrize("line", ["", "{", "[]", "7", '"step"', "null", '{"step": 3}', "\0\0", "\udcff"])
def test_truncating_removes_damaged_lines(history: History, tmp_path: Path, line: str) -> None:
    path = tmp_path / EPOCHS
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], line.encode(errors="surrogateescape") + b"\n", *lines[2:]]))
    history.truncate(step=12, epoch=2)
    assert path.read_bytes() == b"".join(lines[:3])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a process that can be killed")
def test_a_killed_process_loses_no_finished_line(tmp_path: Path) -> None:
    writer = (
        "import pathlib, sys\n"
        "from train.callbacks import History, Step\n"
        "history, step = History(pathlib.Path(sys.argv[1])), 0\n"
        "while True:\n"
        "    step += 1\n"
        "    history.add(Step(step, 10**9, 0.5, 0.5, 1e-4, 8, 0.5))\n"
        "    print(step, flush=True)\n"
    )
    command = [sys.executable, "-c", writer, str(tmp_path)]
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH")]))
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": paths}) as process:
        assert process.stdout is not None
        printed = [int(process.stdout.readline()) for _ in range(50)][-1]
        process.kill()
    History(tmp_path)
    steps = [line["step"] for line in read_history(tmp_path / STEPS)]
    assert steps == list(range(1, len(steps) + 1)) and len(steps) >= printed


class Clock:
    """Seconds that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


def show(steps: int, *, visible: bool = True) -> None:
    clock = Clock()
    with ProgressDisplay(visible=visible, clock=clock) as progress:
        progress.epoch(Epoch(0, None, 1.0, 0.0, 0.0))
        for step in range(1, steps + 1):
            clock.now += STEP_S
            progress.step(make_step(step, steps))
        progress.epoch(Epoch(1, 0.5, 0.75, 1e-4, 3_700.0))


def test_a_log_file_gets_plain_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.setenv(name, "1")
    # A narrow file is not wrapped either.
    monkeypatch.setenv("COLUMNS", "20")
    show(10)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == "" and all(c.isprintable() for c in err.replace("\n", ""))
    assert lines[0].split() == ["epoch", "0", "train", "-", "validation", "1.00000", "lr", "0.0e+00", "0:00"]
    assert lines[1] == "step 1/10  loss 0.2500  lr 1.0e-04  6.4 samples/s  1:30 left"
    every = int(LINE_S / STEP_S)
    assert [line.split()[1] for line in lines[1:-1]] == [f"{i}/10" for i in range(1, 11, every)]
    assert lines[-2].endswith("0:00 left")
    assert lines[-1].startswith("epoch   1") and "0.50000" in lines[-1] and lines[-1].endswith("1:01:40")


@pytest.mark.parametrize("term, bar", [("xterm", True), ("dumb", False)])
def test_a_terminal_gets_a_bar_if_it_can_show_one(term: str, bar: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", "80")
    show(40)
    text = terminal.getvalue()
    assert ("━" in text and "\x1b[?25h" in text) is bar
    assert ("\x1b" in text) is bar
    # Without a bar, there is a line every half minute.
    assert bar or "step 1/40" in text
    assert "step 40/40  loss 0.2500  lr 1.0e-04  6.4 samples/s  0:00 left" in text
    assert "epoch   1  train 0.50000  validation 0.75000" in text


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_the_other_processes_print_nothing(kind: type[io.StringIO], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", stream := kind())
    monkeypatch.setenv("TERM", "xterm")
    show(10, visible=False)
    ProgressDisplay(visible=False).message("no line")
    assert stream.getvalue() == ""


def test_throughput_counts_the_time_between_steps_of_the_last_hundred(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    progress = ProgressDisplay(clock=clock)
    # A run that continues: the start of the first step follows from its own seconds, the others from the clock.
    for step in (51, 52, 53):
        clock.now += 2 * STEP_S
        progress.step(make_step(step, 53))
    assert f"{rate(3 * 64 / (5 * STEP_S))} samples/s  0:00 left" in capsys.readouterr().err
    progress = ProgressDisplay(clock=clock)
    for step in range(1, 301):
        clock.now += 1.0 if step <= 150 else 0.5
        progress.step(make_step(step, 400))
    progress.message("[plain]")
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "[plain]" and lines[-2].startswith("step 272") and "128 samples/s" in lines[-2]


@pytest.mark.parametrize("seconds, text", [(4.6, "0:05"), (59.7, "1:00"), (750, "12:30"), (11_220, "3:07:00")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize("value, text", [(0, "0"), (0.5213, "0.521"), (51.27, "51.3"), (99.96, "100"), (1204, "1,204")])
def test_rates(value: float, text: str) -> None:
    assert rate(value) == text


class Writer:
    """Replaces torch's SummaryWriter."""

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


def write_scalars(writer: TensorBoardWriter) -> None:
    with writer:
        writer.epoch(Epoch(0, None, 1.0, 0.0, 0.0))
        writer.step(make_step(1, loss=0.5, seconds=0.5))
        writer.epoch(Epoch(1, 0.45, 0.9, 2e-4, 1.0))


@pytest.mark.parametrize("step, purged", [(0, None), (40, 41)])
def test_tensorboard_gets_every_scalar_by_step(
    writers: list[Writer], tmp_path: Path, step: int, purged: int | None
) -> None:
    write_scalars(TensorBoardWriter(tmp_path, step=step))
    (writer,) = writers
    assert (writer.folder, writer.closed, writer.options) == (str(tmp_path / TENSORBOARD), 1, {"purge_step": purged})
    assert writer.scalars == [
        ("loss/validation", 1.0, step),
        ("loss/train", 0.5, 1),
        ("gradient_norm", 0.1, 1),
        ("learning_rate", 1e-4, 1),
        ("samples_per_second", 128.0, 1),
        ("loss/validation", 0.9, 1),
    ]
    assert make_step(1, seconds=0.0).samples_per_second == 0


def test_without_tensorboard_nothing_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, MODULE, None)
    write_scalars(TensorBoardWriter(tmp_path))
    assert list(tmp_path.iterdir()) == []
