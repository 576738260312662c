"""Who is here: users are listed without being kept, and forgotten when their tab was closed for long enough."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import pytest

from cellstate.ui.runtime import sessions as module
from cellstate.ui.runtime.sessions import SessionRegistry
from cellstate.ui.state.session import Session


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_closed_tab_is_forgotten_after_a_while(clock: list[float]) -> None:
    here, forgotten = {"a", "b"}, list[str]()
    listed = SessionRegistry(here.__contains__, forgotten.append, keep_s=60)
    first, second = Session(), Session()
    listed.add("a", first)
    listed.add("b", second)
    assert listed.look() == 0
    here.remove("a")
    assert listed.look() == 0
    clock[0] = 59
    assert (listed.look(), forgotten) == (0, [])
    clock[0] = 60
    assert (listed.look(), forgotten) == (1, ["a"])
    assert listed.sessions() == [second]
    clock[0] = 1000
    assert (listed.look(), forgotten) == (0, ["a"])


def test_a_connection_that_is_resumed_in_time_is_kept(clock: list[float]) -> None:
    here, forgotten = set[str](), list[str]()
    listed = SessionRegistry(here.__contains__, forgotten.append, keep_s=60)
    state = Session()
    listed.add("a", state)
    listed.look()
    clock[0] = 59
    here.add("a")
    listed.look()
    here.clear()
    clock[0] = 100
    assert listed.look() == 0
    clock[0] = 159
    assert listed.look() == 0
    clock[0] = 160
    assert (listed.look(), forgotten) == (1, ["a"])


def test_being_listed_keeps_nobody_alive() -> None:
    listed, state = SessionRegistry(lambda tab: True, print, keep_s=60), Session()
    listed.add("a", state)
    # "Delete my data" puts a new state in the place of the one before.
    new, old = Session(), weakref.ref(state)
    listed.add("a", new)
    del state
    gc.collect()
    assert old() is None
    assert listed.sessions() == [new]


def test_a_mistake_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nobody who leaves would be forgotten any more; what went wrong is told without a name of anybody."""

    class Listed:
        looks = 0

        def look(self) -> int:
            self.looks += 1
            if self.looks == 1:
                raise KeyError("tab of a patient")
            return 0

    told: list[str] = []
    monkeypatch.setattr(module._log, "error", lambda text, *about: told.append(text % about))
    monkeypatch.setattr(module, "_LOOK_S", 0.001)
    listed = Listed()
    watch = threading.Thread(target=module._watch, args=(weakref.ref(listed),))
    watch.start()
    end = time.monotonic() + 20
    while listed.looks < 3 and time.monotonic() < end:
        time.sleep(0.01)
    looks = listed.looks
    del listed
    watch.join(20)
    assert looks >= 3 and not watch.is_alive()
    assert told == ["looking for users who left: KeyError"]
