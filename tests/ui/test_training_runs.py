"""Training runs on the model page: found, followed while they go, and told apart from those that stopped."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.ui.run_files import (
    FINISHED,
    GOING,
    HISTORY,
    INTERRUPTED,
    QUIET_S,
    QUIET_STEPS,
    RUNS_VARIABLE,
    STEPS,
    find_runs,
    newest,
    read_history,
    read_run,
    runs_folder,
)
from cellstate.ui.training_runs import long, rate
from tests.ui.conftest import check, words

HOSTILE = "<img src=x onerror=alert(1)> **bold** [a](http:b)"
NOW = 1_800_000_000.0
STEP_S = 2.0


def make_run(runs: Path, name: str, *, epochs: int = 3, total: int = 40, ago: float = 1.0) -> Path:
    """Write a run of four steps an epoch as the trainer does; its last line was written `ago` seconds before NOW."""
    folder = runs / name
    folder.mkdir(parents=True)
    history = [{"epoch": 0, "train_loss": None, "validation_loss": 1.0}]
    history += [{"epoch": e, "train_loss": 0.8 / e, "validation_loss": 0.9 / e} for e in range(1, epochs + 1)]
    steps = [{"step": s, "total": total, "samples": 64, "seconds": STEP_S} for s in range(1, 4 * epochs + 1)]
    for file, lines in ((HISTORY, history), (STEPS, steps)):
        write(folder / file, "".join(json.dumps(line) + "\n" for line in lines), ago=ago)
    return folder


def write(path: Path, text: str, *, ago: float = 1.0) -> None:
    path.write_text(text)
    os.utime(path, (NOW - ago, NOW - ago))


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of runs that the app looks into."""
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path / "runs"))
    monkeypatch.setattr(time, "time", lambda: NOW)
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def model_page(app: AppTest, runs: Path) -> AppTest:
    """The model page, not yet drawn with what the test puts into the folder."""
    return app.switch_page("pages/model.py")


# What is found.


def test_the_folder_of_runs_is_the_variables_or_the_current_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNS_VARIABLE, "elsewhere")
    assert runs_folder() == Path("elsewhere")
    monkeypatch.setenv(RUNS_VARIABLE, "")
    assert runs_folder() == Path("runs")


def test_only_runs_with_a_history_are_found(runs: Path) -> None:
    make_run(runs, "b-finished")
    make_run(runs, ".going.partial")
    make_run(runs, ".hidden")
    make_run(runs, ".partial")
    (runs / "empty").mkdir()
    (runs / ".new.partial").mkdir()
    (runs / "file").write_text("")
    assert {name: folder.name for name, folder in find_runs(runs).items()} == {
        "b-finished": "b-finished",
        "going": ".going.partial",
    }
    assert find_runs(runs / "missing") == find_runs(runs / "file") == {}


def test_a_new_attempt_hides_the_finished_run_of_its_name(runs: Path) -> None:
    # "-" sorts before the dot of an unfinished run, letters after it.
    for name in ("again", "-again"):
        make_run(runs, name)
        make_run(runs, f".{name}.partial")
    assert {folder.name for folder in find_runs(runs).values()} == {".again.partial", ".-again.partial"}


def test_the_run_shown_first_is_the_last_unfinished_one(runs: Path) -> None:
    for name, ago in (("done", 1), (".old.partial", 500), (".a-new.partial", 50)):
        make_run(runs, name, ago=ago)
    assert newest(find_runs(runs)) == "a-new"


def test_names_that_no_page_can_show_are_mended(runs: Path) -> None:
    make_run(runs, "two\nlines")
    make_run(runs, os.fsdecode(b"latin-\xe9"))
    assert list(find_runs(runs)) == ["latin-?", "two?lines"]


# How far a run is.


def test_pace_comes_from_the_last_steps(runs: Path) -> None:
    pace = read_run(make_run(runs, ".a.partial"), NOW).pace
    assert pace is not None
    assert (pace.step, pace.total) == (12, 40)
    assert pace.samples_per_second == 64 / STEP_S
    assert pace.seconds_left == 28 * STEP_S
    assert pace.slowest == STEP_S


def test_only_the_end_of_a_long_file_is_read(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run(runs, ".a.partial", epochs=5_000, total=20_000)
    monkeypatch.setattr("json.loads", counted := Counted(json.loads))
    pace = read_run(folder, NOW).pace
    assert pace is not None and pace.step == 20_000
    # Every epoch is wanted for the curve, but a few hundred steps tell the pace.
    assert counted.calls < 5_001 + 1_000


class Counted:
    """A function that counts its calls."""

    def __init__(self, function) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *arguments, **options):
        self.calls += 1
        return self.function(*arguments, **options)


@pytest.mark.parametrize(
    "name, ago, seconds, state",
    [
        (".a.partial", 1, STEP_S, GOING),
        (".a.partial", -3600, STEP_S, GOING),  # the clock of another machine is ahead
        (".a.partial", QUIET_S - 1, STEP_S, GOING),
        (".a.partial", QUIET_S + 1, STEP_S, INTERRUPTED),
        (".a.partial", QUIET_S + 1, QUIET_S, GOING),  # its steps take that long
        (".a.partial", QUIET_STEPS * QUIET_S + 1, QUIET_S, INTERRUPTED),
        ("a", 1e6, STEP_S, FINISHED),
        ("a", 1, STEP_S, FINISHED),
    ],
)
def test_state_of_a_run(runs: Path, name: str, ago: float, seconds: float, state: str) -> None:
    folder = make_run(runs, name, ago=ago)
    line = {"step": 13, "total": 40, "samples": 64, "seconds": seconds}
    write(folder / STEPS, json.dumps(line) + "\n", ago=ago)
    assert read_run(folder, NOW).state == state


def test_a_line_of_either_file_counts_as_a_sign_of_life(runs: Path) -> None:
    folder = make_run(runs, ".a.partial", ago=9_999)
    os.utime(folder / STEPS, (NOW - 5, NOW - 5))
    run = read_run(folder, NOW)
    assert (run.state, run.quiet) == (GOING, pytest.approx(5))


def test_a_run_without_steps_has_no_pace(runs: Path) -> None:
    folder = make_run(runs, ".a.partial")
    (folder / STEPS).unlink()
    assert read_run(folder, NOW).pace is None
    write(folder / STEPS, "")
    assert read_run(folder, NOW).pace is None


BAD = ["", "{", "[1]", "7", "null", '"text"', "{}", "\0", '{"epoch": "1"}', "[" * 9_999, '{"epoch": NaN}']
BAD_EPOCHS = ['{"epoch": -1, "validation_loss": 0.5}', '{"epoch": 9, "train_loss": 0.5}', '{"epoch": 1e999}']
BAD_STEPS = [
    '{"step": 99, "total": 40, "samples": 64, "seconds": 1}',
    '{"step": 9, "total": 40, "samples": 64}',
    '{"step": 9, "total": 40, "samples": 64, "seconds": -1}',
    '{"step": 9, "total": 40, "samples": 64, "seconds": Infinity}',
    '{"step": 1e999, "total": 40, "samples": 64, "seconds": 1}',
    '{"step": %s, "total": 40, "samples": 64, "seconds": 1}' % ("9" * 400),
]


@pytest.mark.parametrize("line", BAD + BAD_EPOCHS)
@pytest.mark.parametrize("torn", [False, True])
def test_a_bad_line_of_the_history_is_skipped(runs: Path, line: str, torn: bool) -> None:
    path = make_run(runs, "a") / HISTORY
    good = read_history(path)
    path.write_text(path.read_text() + line + ("" if torn else "\n"))
    assert read_history(path).equals(good)
    path.write_text(line + "\n" + path.read_text())
    assert read_history(path).equals(good)


@pytest.mark.parametrize("line", BAD + BAD_STEPS)
def test_a_bad_step_is_skipped(runs: Path, line: str) -> None:
    folder = make_run(runs, ".a.partial")
    good = read_run(folder, NOW).pace
    with open(folder / STEPS, "a") as file:
        file.write(line)
    assert read_run(folder, NOW).pace == good


def test_history_is_in_order_and_an_epoch_counts_once(tmp_path: Path) -> None:
    lines = [(2, 0.5), (0, 1.0), (1, 0.7), (2, 0.4), (3, None)]
    path = tmp_path / HISTORY
    path.write_text("".join(json.dumps({"epoch": e, "validation_loss": loss}) + "\n" for e, loss in lines))
    history = read_history(path)
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    assert history["validation_loss"].tolist()[:3] == [1.0, 0.7, 0.4]
    assert np.isnan(history["validation_loss"].iloc[3]) and history["train_loss"].isna().all()


# What the page shows.


def test_no_run_no_section(model_page: AppTest) -> None:
    model_page.run()
    check(model_page)
    assert "Training runs" not in words(model_page)


def test_a_run_still_going_is_followed_to_its_end(model_page: AppTest, runs: Path) -> None:
    folder = make_run(runs, ".one.partial")
    model_page.run()
    check(model_page)
    said = words(model_page)
    assert "Still going" in said
    assert "lowest at epoch 3, with 0.3000, from 1.0000 before training" in said.replace("\\", "")
    assert progress_of(model_page) == "Step 12 of 40, 32 samples a second, about 55 seconds left"
    with open(folder / HISTORY, "a") as file:
        file.write('{"epoch": 4, "train_loss": 0.2, "validation_loss": 0.25}\n{"epoch": 5, "trai')
    model_page.run()
    assert "lowest at epoch 4, with 0.2500" in words(model_page).replace("\\", "")
    folder.rename(runs / "one")
    model_page.run()
    check(model_page)
    assert "Finished" in words(model_page) and "Step 12 of 40." in words(model_page)
    assert model_page.selectbox(key="run").value == "one"


def test_an_interrupted_run_says_how_to_go_on(model_page: AppTest, runs: Path) -> None:
    make_run(runs, ".one.partial", ago=7_300)
    model_page.run()
    check(model_page)
    assert "Interrupted" in words(model_page)
    assert "No new line for 2 hours. The same command, started again" in words(model_page)
    assert progress_of(model_page) == "Step 12 of 40, 32 samples a second"


def test_a_run_that_has_just_begun(model_page: AppTest, runs: Path) -> None:
    folder = make_run(runs, ".one.partial", epochs=0)
    (folder / STEPS).unlink()
    model_page.run()
    check(model_page)
    assert "No step is recorded yet." in words(model_page)
    assert "lowest before training, with 1.0000." in words(model_page).replace("\\", "")


def test_one_run_of_several_is_picked(model_page: AppTest, runs: Path) -> None:
    make_run(runs, "first", epochs=1)
    make_run(runs, ".second.partial", epochs=2)
    model_page.run()
    picker = model_page.selectbox(key="run")
    assert (picker.options, picker.value) == (["first", "second"], "second")
    picker.set_value("first").run()
    check(model_page)
    assert "Finished" in words(model_page)
    assert "lowest at epoch 1, with 0.9000" in words(model_page).replace("\\", "")


def test_names_are_literal_and_no_path_is_shown(model_page: AppTest, runs: Path) -> None:
    make_run(runs, f".{HOSTILE.replace('/', '')}.partial")
    model_page.run()
    check(model_page)
    assert model_page.selectbox(key="run").options == [HOSTILE.replace("/", "")]
    said = words(model_page)
    assert "onerror" not in said and str(runs) not in said and str(runs.parent) not in said


def test_damaged_files_never_break_the_page(model_page: AppTest, runs: Path) -> None:
    folder = make_run(runs, ".one.partial")
    for path in (folder / HISTORY, folder / STEPS):
        write(path, "\n".join(BAD + BAD_EPOCHS + BAD_STEPS))
    model_page.run()
    check(model_page)
    assert "No step is recorded yet." in words(model_page)


def progress_of(app: AppTest) -> str:
    """The words above the bar."""
    (bar,) = app.get("progress")
    return bar.proto.text


@pytest.mark.parametrize(
    "seconds, said", [(200, "3 minutes"), (7_300, "2 hours"), (86_400, "24 hours"), (260_000, "3 days")]
)
def test_long_times(seconds: float, said: str) -> None:
    assert long(seconds) == said


@pytest.mark.parametrize("value, said", [(0.05214, "0.0521"), (51.27, "51.3"), (1204.4, "1,204")])
def test_rates(value: float, said: str) -> None:
    assert rate(value) == said
