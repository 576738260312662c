"""Jobs: progress, time left, cancel, errors, slots; and their end with the user's session."""

from __future__ import annotations

import gc
import logging
import math
import threading
import time
from collections.abc import Callable

import pytest

from cellstate.errors import CellStateError
from cellstate.perturb.predictors.base import SearchProgress
from cellstate.ui.runtime import jobs
from cellstate.ui.runtime.jobs import (
    DONE,
    FAILED,
    RUNNING,
    STOPPED,
    WAITING,
    Job,
    OverdueError,
    time_left,
)
from cellstate.ui.runtime.queue import Queue
from cellstate.ui.state.session import Loaded, Session
from tests.support.factories import make_samples

PATIENCE_S = 10


def make(
    work: Callable[[SearchProgress], object],
    queue: Queue | None = None,
    *,
    resumes: bool = False,
    limit_s: float = math.inf,
) -> Job:
    return Job("screen", "key", "a job", work, queue or Queue(1), user="me", resumes=resumes, limit_s=limit_s)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def endless(progress: SearchProgress) -> None:
    while True:
        progress(1, 10, "steps")
        time.sleep(0.005)


def ended(job: Job) -> Job:
    job.wait(PATIENCE_S)
    assert job.has_ended
    return job


def test_a_job_keeps_its_result_and_drops_its_work() -> None:
    job = make(lambda progress: 42)
    assert (job.state, job.has_ended) == (WAITING, False)
    assert ended(job.start()).result == 42
    assert (job.state, job.error) == (DONE, None)
    assert job._work is None


def test_progress_is_reported() -> None:
    go = threading.Event()

    def work(progress: SearchProgress) -> None:
        progress(3, 10, "rows")
        go.wait(PATIENCE_S)

    job = make(work).start()
    until(lambda: job.step().done == 3)
    step = job.step()
    assert (step.total, step.what, job.state) == (10, "rows", RUNNING)
    assert step.seconds >= 0
    go.set()
    ended(job)


def test_time_left_is_estimated_from_the_present_step(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: clock[0])
    job = make(lambda progress: None)
    job._progress(0, 10, "rows")
    assert job.step().seconds_left is None
    clock[0] += 20
    job._progress(4, 10, "rows")
    assert job.step().seconds_left == pytest.approx(30)
    # A new step has its own rate.
    job._progress(0, 5, "exact scores")
    assert job.step().seconds_left is None
    assert job.step().seconds == 20


def test_a_running_job_can_be_cancelled() -> None:
    job = make(endless).start()
    until(lambda: job.state == RUNNING)
    job.cancel()
    assert ended(job).state == STOPPED
    assert (job.result, job.can_resume) == (None, False)
    assert job._work is None


def test_a_waiting_job_can_be_cancelled() -> None:
    queue = Queue(1)
    ticket = queue.take(lambda ahead: None)
    job = make(endless, queue).start()
    until(lambda: queue.is_crowded)
    assert job.state == WAITING
    job.cancel()
    assert ended(job).state == STOPPED
    assert not queue.is_crowded
    queue.free(ticket)


def test_a_stopped_job_goes_on_with_its_finished_steps() -> None:
    finished: dict[int, int] = {}
    computed: list[int] = []

    def work(progress: SearchProgress) -> int:
        for row in range(4):
            progress(row, 4, "rows")
            if row not in finished:
                finished[row] = row
                computed.append(row)
                if len(computed) == 2:
                    job.cancel()
        return sum(finished.values())

    job = make(work, resumes=True)
    assert ended(job.start()).can_resume
    assert computed == [0, 1]
    assert ended(job.again().start()).result == 6
    assert computed == [0, 1, 2, 3]


@pytest.mark.parametrize(("resumes", "state"), [(False, FAILED), (True, STOPPED)])
def test_a_job_that_takes_too_long_ends_with_an_error(resumes: bool, state: str) -> None:
    queue = Queue(1)
    job = ended(make(endless, queue, resumes=resumes, limit_s=0.02).start())
    assert (job.state, job.can_resume) == (state, resumes)
    assert isinstance(job.error, OverdueError)
    assert job.error.__traceback__ is None
    queue.free(queue.take(lambda ahead: pytest.fail("the slot is not free")))


def test_a_job_that_waits_too_long_ends_too() -> None:
    queue = Queue(1)
    queue.take(lambda ahead: None)
    assert isinstance(ended(make(endless, queue, limit_s=0.02).start()).error, OverdueError)
    assert not queue.is_crowded


@pytest.mark.parametrize(
    ("seconds", "expected"), [(60, "1 minute,"), (5400, "90 minutes"), (7200, "2 hours"), (9000, "2.5 hours")]
)
def test_the_limit_in_words(seconds: float, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: clock[0])
    job = make(lambda progress: None, limit_s=seconds)
    clock[0] = seconds
    job._progress(0, 1, "rows")
    clock[0] += 1
    with pytest.raises(OverdueError, match=expected):
        job._progress(0, 1, "rows")


def test_errors_hold_nothing_of_the_sample(caplog: pytest.LogCaptureFixture) -> None:
    def wrong(progress: SearchProgress) -> None:
        raise CellStateError("No gene.", "Name one.")

    def broken(progress: SearchProgress) -> None:
        raise ValueError(bytes.fromhex("736563726574"))

    def large(progress: SearchProgress) -> None:
        raise MemoryError

    job = ended(make(wrong).start())
    assert job.state == FAILED and job.error is not None
    assert (job.error.message, job.error.__traceback__) == ("No gene.", None)
    with caplog.at_level(logging.ERROR):
        job = ended(make(broken).start())
    assert job.error is not None and job.error.__traceback__ is None
    assert "ValueError while running screen" in caplog.text
    assert "secret" not in caplog.text
    job = ended(make(large).start())
    assert job.error is not None and "memory" in job.error.message


@pytest.mark.parametrize("work", [endless, lambda progress: 1 / 0])
def test_a_slot_is_free_after_every_end(work: Callable[[SearchProgress], object]) -> None:
    queue = Queue(1)
    job = make(work, queue).start()
    job.cancel()
    ended(job)
    queue.free(queue.take(lambda ahead: pytest.fail("the slot is not free")))


def test_a_long_job_frees_its_slot_for_others() -> None:
    queue = Queue(1)
    job = make(endless, queue).start()
    until(lambda: job.state == RUNNING)
    for _ in range(3):
        queue.free(queue.take(lambda ahead: None))
    job.cancel()
    assert ended(job).state == STOPPED


def test_a_session_runs_one_search_at_a_time_and_keeps_the_last_of_each_kind() -> None:
    state, go = Session(), threading.Event()
    first = make(lambda progress: go.wait(PATIENCE_S))
    second = make(lambda progress: 2)
    state.run(first)
    state.run(second)
    assert state.job is first
    assert state.finished("screen", "key") is None
    go.set()
    ended(first)
    state.run(second)
    assert state.job is second
    ended(second)
    assert state.finished("screen", "key") is second
    assert state.finished("screen", "another sample") is None
    assert state.finished("pairs", "key") is None


@pytest.mark.parametrize("act", ["load", "select", "drop"])
def test_another_sample_stops_the_search_and_drops_results(act: str) -> None:
    state = Session()
    state.run(make(lambda progress: 1))
    assert state.job is not None
    ended(state.job)
    assert state.finished("screen", "key") is not None
    job = make(endless)
    state.run(job)
    if act == "load":
        state.load(Loaded(make_samples(1), b"", "file"))
    elif act == "select":
        state.select(1)
    else:
        state.drop_runs()
    assert ended(job).state == STOPPED
    assert (state.job, state.runs) == (None, {})


def test_a_session_that_ends_stops_its_search() -> None:
    state, job = Session(), make(endless)
    state.run(job)
    del state
    gc.collect()
    assert ended(job).state == STOPPED


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, ""),
        (4, "a few seconds left"),
        (31, "about 30 seconds left"),
        (200, "about 3 minutes left"),
        (7200, "about 2.0 hours left"),
    ],
)
def test_time_left_in_words(seconds: float | None, expected: str) -> None:
    assert time_left(seconds) == expected
