"""Progress: a bar in a terminal, plain lines in a file, nothing from the other processes."""

from __future__ import annotations

import io

import pytest

from train.callbacks import LINE_S, Epoch, Pace, ProgressDisplay, Step, duration, rate

STEP_S = 10.0


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def make_step(step: int, total: int = 100) -> Step:
    return Step(step, total, 0.25, 0.1, 1e-4, samples=64, seconds=STEP_S)


def run(clock: Clock, steps: int, *, visible: bool = True) -> None:
    with ProgressDisplay(visible=visible, clock=clock) as progress:
        progress.epoch(Epoch(0, None, 1.0, 0.0, 0.0))
        for step in range(1, steps + 1):
            clock.now += STEP_S
            progress.step(make_step(step, steps))
        progress.epoch(Epoch(1, 0.5, 0.75, 1e-4, 3_700.0))


def test_a_log_file_gets_plain_lines_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    run(Clock(), 10)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[0].split() == ["epoch", "0", "train", "-", "validation", "1.00000", "lr", "0.0e+00", "0:00"]
    assert lines[1] == "step 1/10  loss 0.2500  lr 1.0e-04  6.4 samples/s  1:30 left"
    every = int(LINE_S / STEP_S)
    assert [line.split()[1] for line in lines[1:-1]] == [f"{i}/10" for i in range(1, 11, every)]
    assert lines[-2].endswith("0:00 left")
    assert lines[-1].startswith("epoch   1") and "0.50000" in lines[-1] and lines[-1].endswith("1:01:40")


def test_a_file_never_gets_control_characters(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.setenv(name, "1")
    # A narrow file is not wrapped either.
    monkeypatch.setenv("COLUMNS", "20")
    run(Clock(), 10)
    err = capsys.readouterr().err
    assert all(c.isprintable() for c in err.replace("\n", ""))
    assert len(err.splitlines()) == 6


@pytest.mark.parametrize("term, bar", [("xterm", True), ("dumb", False)])
def test_a_terminal_gets_a_bar_if_it_can_show_one(term: str, bar: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", "80")
    run(Clock(), 40)
    text = terminal.getvalue()
    assert ("━" in text and "\x1b[?25h" in text) is bar
    assert ("\x1b" in text) is bar
    # Without a bar, every half minute has its line.
    assert bar or "step 1/40" in text
    assert "step 40/40  loss 0.2500  lr 1.0e-04  6.4 samples/s  0:00 left" in text
    assert "epoch   1  train 0.50000  validation 0.75000" in text


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_other_processes_say_nothing(kind: type[io.StringIO], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", stream := kind())
    monkeypatch.setenv("TERM", "xterm")
    run(Clock(), 10, visible=False)
    assert stream.getvalue() == ""


def test_the_last_line_is_told_whenever_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressDisplay(clock=Clock()) as progress:
        for step in (1, 2, 3):
            progress.step(make_step(step, 3))
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["1/3", "3/3"]


def test_a_sentence_is_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    ProgressDisplay().say("continues after step 40 [of 100]")
    ProgressDisplay(visible=False).say("unheard")
    assert capsys.readouterr().err == "continues after step 40 [of 100]\n"


def test_pace_counts_what_lies_between_steps() -> None:
    pace = Pace(clock := Clock())
    for step in (51, 52, 53):  # a run that goes on from a checkpoint
        clock.now += 2 * STEP_S
        pace.add(make_step(step))
    # The first step's start is known from its own seconds, the others' from the clock.
    assert pace.samples_per_second == pytest.approx(3 * 64 / (5 * STEP_S))
    assert pace.seconds_left(make_step(53)) == pytest.approx(47 * 5 * STEP_S / 3)


def test_pace_follows_the_last_steps() -> None:
    pace = Pace(clock := Clock())
    for step in range(1, 301):
        clock.now += 1.0 if step <= 150 else 0.5
        pace.add(make_step(step, 400))
    assert pace.samples_per_second == pytest.approx(128)
    assert pace.seconds_left(make_step(300, 400)) == pytest.approx(50)


def test_pace_before_the_first_step() -> None:
    pace = Pace()
    assert pace.samples_per_second == 0
    assert pace.seconds_left(make_step(1)) == 0


@pytest.mark.parametrize("seconds, said", [(4.6, "0:05"), (59.7, "1:00"), (750, "12:30"), (11_220, "3:07:00")])
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize("value, said", [(0, "0"), (0.5213, "0.521"), (51.27, "51.3"), (99.96, "100"), (1204, "1,204")])
def test_rates(value: float, said: str) -> None:
    assert rate(value) == said
