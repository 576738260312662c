"""The queue in front of the model: order, cancelled waits, and that no slot is ever lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.runtime.scriptrunner_utils.exceptions import RerunException, StopException
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.testing.v1 import AppTest

from cellstate.ui.runtime import queue as module
from cellstate.ui.runtime.queue import BusyError, Queue, Ticket

PATIENCE_S = 10


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def goes_on(ahead: int) -> None:
    """A report that goes on waiting."""


class Request:
    """A request in a thread, which adds its name to `served` when its turn comes."""

    def __init__(self, queue: Queue, name: str, served: list[str], *, user: str | None = None, long: bool = False):
        self.signal: BaseException | None = None
        self.reported: list[int] = []
        self.error: BaseException | None = None

        def report(ahead: int) -> None:
            self.reported.append(ahead)
            if self.signal is not None:
                raise self.signal

        def wait() -> None:
            try:
                ticket = queue.take(report, user=user or name, long=long)
            except BaseException as error:
                self.error = error
            else:
                served.append(name)
                queue.free(ticket)

        before = list(queue._waiting)
        self.thread = threading.Thread(target=wait, daemon=True)
        self.thread.start()
        until(lambda: queue._waiting != before or not self.thread.is_alive())

    def end(self) -> Request:
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()
        return self


@contextmanager
def busy(queue: Queue) -> Iterator[None]:
    """Hold the only slot."""
    ticket = queue.take(goes_on, user="first")
    yield
    queue.free(ticket)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_S", 0.005)


def order(*wanted: tuple[str, str, bool]) -> str:
    """Return the names in the order in which requests (name, user, long) are served."""
    served: list[str] = []
    queue = Queue(1)
    with busy(queue):
        requests = [Request(queue, name, served, user=user, long=long) for name, user, long in wanted]
    for request in requests:
        assert request.end().error is None
    assert not queue.is_crowded
    return "".join(served)


def test_first_come_first_served() -> None:
    assert order(("a", "A", False), ("b", "B", False), ("c", "C", False)) == "abc"


def test_searches_wait_in_the_same_queue() -> None:
    assert order(("s", "S", True), ("a", "A", False), ("t", "T", True), ("b", "B", False)) == "satb"


def test_of_each_user_one_request_runs_at_a_time() -> None:
    served: list[str] = []
    queue = Queue(2)
    with busy(queue):
        again = Request(queue, "again", served, user="first")
        # A later request takes the slot that this user may not have.
        assert Request(queue, "other", served).end().error is None
        assert served == ["other"]
        queue.free(queue.take(lambda ahead: pytest.fail("a search runs beside it"), user="first", long=True))
    again.end()
    assert served == ["other", "again"]


def test_requests_know_how_many_are_ahead() -> None:
    served: list[str] = []
    queue = Queue(1)
    with busy(queue):
        requests = [Request(queue, name, served) for name in "abc"]
        until(lambda: all(request.reported for request in requests))
        assert [request.reported[-1] for request in requests] == [0, 1, 2]
    for request in requests:
        request.end()


@pytest.mark.parametrize(
    "signal", [RerunException(RerunData()), StopException(), ValueError("any"), KeyboardInterrupt()]
)
def test_a_cancelled_request_leaves_the_queue_at_once(signal: BaseException) -> None:
    served: list[str] = []
    queue = Queue(1)
    with busy(queue):
        leaver, stayer = Request(queue, "leaver", served), Request(queue, "stayer", served)
        leaver.signal = signal
        assert leaver.end().error is signal
        until(lambda: stayer.reported[-1:] == [0])
    stayer.end()
    assert served == ["stayer"] and not queue.is_crowded and not queue._running


def test_a_prediction_does_not_count_the_searches_before_it() -> None:
    served: list[str] = []
    queue = Queue(1)
    with busy(queue):
        requests = [Request(queue, name, served, long=long) for name, long in (("s", True), ("a", False), ("t", True))]
        until(lambda: all(request.reported for request in requests))
        assert [request.reported[-1] for request in requests] == [0, 0, 2]
    for request in requests:
        request.end()


def test_a_wait_that_is_too_long_ends_with_a_sentence() -> None:
    queue = Queue(1)
    with busy(queue), pytest.raises(BusyError, match=r"busy for 0\.02 seconds"):
        queue.take(goes_on, wait_s=0.02)
    assert not queue.is_crowded
    queue.free(queue.take(goes_on, wait_s=0.0))


def test_searches_never_hold_every_slot() -> None:
    served: list[str] = []
    queue = Queue(2)
    search = queue.take(goes_on, user="A", long=True)
    second = Request(queue, "search", served, long=True)
    prediction = queue.take(lambda ahead: pytest.fail("a prediction waits for searches"), user="C")
    queue.free(prediction)
    assert served == [] and queue.is_crowded
    queue.free(search)
    second.end()
    assert served == ["search"]


def test_a_slot_is_taken_when_it_comes_free_and_not_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_S", 3600.0)
    served: list[str] = []
    queue = Queue(1)
    with busy(queue):
        request = Request(queue, "a", served)
    request.end()
    assert served == ["a"] and request.reported == []


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 3), st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=12), st.data())
def test_the_queue_is_fair(at_once: int, requests: list[tuple[int, bool]], data: st.DataObject) -> None:
    """Each user's requests of a kind run in order, and no request that may run is passed over."""
    queue = Queue(at_once)
    queue._waiting += [Ticket(user, long) for user, long in requests]
    arrived, served = list(queue._waiting), list[Ticket]()
    while queue._waiting or queue._running:
        while (ticket := queue._next()) is not None:
            searches = sum(other.long for other in queue._running)
            passed = queue._waiting[: queue._waiting.index(ticket)]
            running = {(other.user, other.long) for other in queue._running}
            assert all((p.user, p.long) in running or (p.long and searches >= max(1, at_once - 1)) for p in passed)
            assert (ticket.user, ticket.long) not in running
            assert queue._enter(ticket)
            served.append(ticket)
        assert 0 < len(queue._running) <= at_once
        assert sum(other.long for other in queue._running) <= max(1, at_once - 1)
        queue.free(data.draw(st.sampled_from(queue._running)))
    assert len(served) == len(arrived)
    for whose in set(requests):
        assert [t for t in served if (t.user, t.long) == whose] == [t for t in arrived if (t.user, t.long) == whose]


def test_many_threads_leave_the_queue_clean() -> None:
    queue, running, most, lock = Queue(2), [0], [0], threading.Lock()

    def visit(n: int) -> None:
        def report(ahead: int) -> None:
            if n % 3 == 0:
                raise RerunException(RerunData())

        for _ in range(5):
            try:
                ticket = queue.take(report, user=n % 7, long=n % 2 == 0, wait_s=PATIENCE_S)
            except RerunException:
                continue
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.001)
            with lock:
                running[0] -= 1
            queue.free(ticket)

    threads = [threading.Thread(target=visit, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    assert 1 <= most[0] <= 2
    assert not queue.is_crowded and not queue._running


# On a page


def page() -> None:
    import streamlit as st

    from cellstate.errors import CellStateError
    from tests.app.test_queue import ON_PAGE

    st.button("anything", key="anything")
    for _ in range(2):
        try:
            with ON_PAGE.turn():
                st.write("computed")
        except CellStateError as error:
            st.error(error.message)


ON_PAGE = Queue(1)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    """A page that waited too long."""
    monkeypatch.setattr(module, "WAIT_S", 0.05)
    with busy(ON_PAGE):
        yield AppTest.from_function(page).run()


def test_a_page_that_waited_too_long_offers_to_try_again(waiting: AppTest) -> None:
    assert not waiting.exception
    assert ["busy for 0.05 seconds" in error.value for error in waiting.error] == [True, True]
    assert {button.label for button in waiting.button} == {"anything", "Try again"}
    assert not ON_PAGE.is_crowded
