"""Small parts: error boundary, queue slots, cached results, verdict on the reconstruction, bin edges."""

from __future__ import annotations

import threading

import pytest
from streamlit.testing.v1 import AppTest

from cellstate.errors import CellStateError
from cellstate.ui.evidence.reconstruction import parse_edges
from cellstate.ui.runtime.queue import Queue
from cellstate.ui.state.session import Session


def test_errors_show_no_traceback_and_are_escaped() -> None:
    def script() -> None:
        from cellstate.errors import ReadError
        from cellstate.ui.components.errors import error_boundary

        with error_boundary("adding one and one"):
            int("secret/path.py")
        with error_boundary("reading"):
            raise ReadError("A <b>bold</b> failure.", "Do **this**.")

    app = AppTest.from_function(script).run()
    assert not app.exception
    first, second = (error.value for error in app.error)
    assert "adding one and one" in first and "secret" not in first
    assert "<b>" not in second and "**" not in second


def test_queue_serves_all_and_no_more_than_its_slots_at_once() -> None:
    queue, lock, now, most, served = Queue(2), threading.Lock(), [0], [0], [0]

    def work() -> None:
        with queue.turn():
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            threading.Event().wait(0.02)
            with lock:
                now[0] -= 1
                served[0] += 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert served == [6] and most[0] <= 2


def test_queue_frees_its_slot_after_a_failure() -> None:
    queue = Queue(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="x"), queue.turn():
            raise ValueError("x")


def test_results_are_computed_again_only_when_their_key_changes() -> None:
    state, computed = Session(), []
    for key in ("a", "a", "b"):
        state.cached("kind", key, lambda: computed.append(1))
    assert len(computed) == 2


def test_edges_are_read() -> None:
    assert parse_edges("0, 2.5,10") == (0, 2.5, 10, float("inf"))
    assert parse_edges("0, 1, inf") == (0, 1, float("inf"))
    with pytest.raises(CellStateError, match="commas"):
        parse_edges("0; 1")
