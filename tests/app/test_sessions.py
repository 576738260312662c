"""The registry of sessions: it keeps none alive, and ends those whose tab was closed for long enough."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from cellstate.ui.state import sessions as module
from cellstate.ui.state.session import Session
from cellstate.ui.state.sessions import SessionRegistry


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_closed_tab_is_ended_once_it_was_closed_long_enough(clock: list[float]) -> None:
    connected, ended = {"a", "b"}, list[str]()
    registry = SessionRegistry(connected.__contains__, ended.append, keep_s=60)
    first, second = Session(), Session()
    registry.add("a", first)
    registry.add("b", second)
    connected.remove("a")
    for second_s, expected in ((0, 0), (59, 0), (60, 1), (1000, 0)):
        clock[0] = second_s
        assert registry.end_closed() == expected
    assert ended == ["a"] and registry.sessions() == [second]


def test_a_connection_that_is_resumed_in_time_is_kept(clock: list[float]) -> None:
    connected, ended = set[str](), list[str]()
    registry, state = SessionRegistry(connected.__contains__, ended.append, keep_s=60), Session()
    registry.add("a", state)
    registry.end_closed()
    clock[0] = 59
    connected.add("a")
    registry.end_closed()
    connected.clear()
    for second_s, expected in ((100, 0), (159, 0), (160, 1)):
        clock[0] = second_s
        assert registry.end_closed() == expected
    assert ended == ["a"]


def test_the_registry_keeps_no_session_alive() -> None:
    registry, state = SessionRegistry(lambda tab: True, print, keep_s=60), Session()
    registry.add("a", state)
    old = weakref.ref(state)
    del state
    gc.collect()
    assert old() is None and registry.sessions() == []


def test_an_error_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise no closed tab's data would be deleted any more; the log holds no name of a tab."""
    go_on = threading.Event()

    class Registry:
        n_calls = 0

        def end_closed(self) -> int:
            self.n_calls += 1
            if self.n_calls == 1:
                raise KeyError("tab of a patient")
            if self.n_calls == 3:
                go_on.set()
            return 0

    logged: list[str] = []
    monkeypatch.setattr(module._log, "error", lambda text, *about: logged.append(text % about))
    monkeypatch.setattr(module, "_POLL_S", 0.001)
    registry = Registry()
    watch = threading.Thread(target=module._watch, args=(weakref.ref(registry),))
    watch.start()
    assert go_on.wait(20)
    del registry
    watch.join(20)
    assert not watch.is_alive()
    assert len(logged) == 1 and logged[0].endswith("KeyError")
