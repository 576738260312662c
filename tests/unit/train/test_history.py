"""The history of a run is whole after any end, and forgets what a checkpoint does not know."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from train.callbacks import EPOCHS, STEPS, Epoch, History, Step


def make_step(step: int, **changes: float) -> Step:
    values = {"loss": 1 / step, "gradient_norm": 0.1 * step, "learning_rate": 1e-4, "samples": 8, "seconds": 0.5}
    return Step(step=step, total=12, **values | changes)  # type: ignore[arg-type]


def make_epoch(epoch: int) -> Epoch:
    return Epoch(epoch, 0.5 / epoch if epoch else None, 0.6 / (epoch + 1), 1e-4, 2.0 * epoch)


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Three epochs of four steps."""
    history = History(tmp_path / "run")
    history.add(make_epoch(0))
    for step in range(1, 13):
        history.add(make_step(step))
        if step % 4 == 0:
            history.add(make_epoch(step // 4))
    return history


def test_what_is_written_is_read_exactly(history: History) -> None:
    assert history.epochs() == [make_epoch(i) for i in range(4)]
    assert history.steps() == [make_step(i) for i in range(1, 13)]


def test_a_line_is_there_as_soon_as_it_is_made(tmp_path: Path) -> None:
    History(tmp_path).add(make_epoch(0))
    assert json.loads((tmp_path / EPOCHS).read_text()) == make_epoch(0).to_dict()


def test_resuming_forgets_what_the_checkpoint_does_not_know(history: History, tmp_path: Path) -> None:
    history.truncate(step=6, epoch=1)
    assert history.epochs() == [make_epoch(0), make_epoch(1)]
    assert history.steps() == [make_step(i) for i in range(1, 7)]
    history.add(make_step(7))
    assert History(tmp_path / "run").steps()[-1] == make_step(7)
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [EPOCHS, STEPS]


def test_truncating_nothing_is_no_error(tmp_path: Path) -> None:
    history = History(tmp_path / "run")
    history.truncate(step=0, epoch=0)
    assert history.epochs() == [] and history.steps() == []


@pytest.mark.parametrize("end", range(1, 60, 7))
def test_a_torn_last_line_is_cut_and_the_next_is_whole(history: History, tmp_path: Path, end: int) -> None:
    path = tmp_path / "run" / STEPS
    path.write_bytes(path.read_bytes()[:-end])
    assert history.steps()[:11] == [make_step(i) for i in range(1, 12)]
    again = History(tmp_path / "run")
    again.add(make_step(12))
    assert again.steps() == [make_step(i) for i in range(1, 13)]


@pytest.mark.parametrize("line", ["", "{", "[]", "7", '"step"', "null", '{"step": 3}', "\0\0", "\udcff"])
def test_a_bad_line_is_left_out(history: History, tmp_path: Path, line: str) -> None:
    path = tmp_path / "run" / EPOCHS
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], line.encode(errors="surrogateescape") + b"\n", *lines[2:]]))
    assert history.epochs() == [make_epoch(i) for i in range(4)]
    history.truncate(step=12, epoch=2)
    assert path.read_bytes() == b"".join(lines[:3])


def test_values_of_another_kind_are_a_bad_line(history: History, tmp_path: Path) -> None:
    with open(tmp_path / "run" / EPOCHS, "a") as file:
        file.write(json.dumps(make_epoch(4).to_dict() | {"validation_loss": "0.5"}) + "\n")
    assert history.epochs() == [make_epoch(i) for i in range(4)]


def test_what_is_no_number_stays_valid_json(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add(make_step(1, gradient_norm=math.inf))
    assert json.loads((tmp_path / STEPS).read_text())["gradient_norm"] is None
    assert math.isnan(history.steps()[0].gradient_norm)


def test_throughput_of_a_step() -> None:
    assert make_step(1).samples_per_second == 16
    assert make_step(1, seconds=0.0).samples_per_second == 0


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
        told = [int(process.stdout.readline()) for _ in range(50)][-1]
        process.kill()
    steps = [step.step for step in History(tmp_path).steps()]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) >= told
