"""Reading beside the page: what it returns and raises, that it can be stopped, and that nothing of it stays."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.runtime.scriptrunner_utils.exceptions import StopException

from cellstate.errors import CellStateError, ReadError
from cellstate.genes import gene_axis
from cellstate.io import ReadOptions, read_samples
from cellstate.samples import Samples
from cellstate.ui.components import read_upload as upload_read
from cellstate.ui.components.read_upload import AT_ONCE, read
from cellstate.ui.runtime.queue import Queue
from tests.support.factories import make_samples

PATIENCE_S = 20
TABLE = ("gene,A\n" + "\n".join(f"{name},{1.5 * i}" for i, name in enumerate(gene_axis().symbol[:500]))).encode()


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test puts in place of a reader cannot go to another process."""
    monkeypatch.setattr(
        upload_read, "read_apart", lambda function, *arguments, **options: function(*arguments, **options)
    )


def interrupted(*_: object, **__: object) -> None:
    """What Streamlit does to a page whose user has clicked elsewhere."""
    raise StopException


def until_gone(thing: weakref.ref[Any]) -> None:
    end = time.monotonic() + PATIENCE_S
    while thing() is not None:
        assert time.monotonic() < end
        time.sleep(0.005)
        gc.collect()


class Slow:
    """A reader that goes on until it is stopped, and remembers what happened."""

    def __init__(self) -> None:
        self.began, self.ended = threading.Event(), threading.Event()
        self.holds: weakref.ref[Any] | None = None

    def __call__(self, source: bytes, *, progress: Callable[[str, float], None], **_: Any) -> Samples:
        samples = make_samples(1)
        self.holds = weakref.ref(samples)
        self.began.set()
        try:
            while True:
                progress("Reading the table", 0.5)
                threading.Event().wait(0.005)
        finally:
            self.ended.set()


def test_a_reading_gives_what_the_reader_gives() -> None:
    expected = read_samples(TABLE, name="a.csv")
    found = read(TABLE, "a.csv", ReadOptions())
    np.testing.assert_array_equal(found.tpm_SA, expected.tpm_SA)
    assert found.report == expected.report


def test_what_the_reader_raises_reaches_the_page_and_is_dropped_with_it() -> None:
    """Its frames hold the file, so it must not be part of a circle that waits for a collection."""
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(ReadError) as raised:
            read(b"no table at all\n", "a.csv", ReadOptions())
        kept = weakref.ref(raised.value)
        del raised
        assert kept() is None
    finally:
        gc.enable()


def test_a_readers_mistake_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_read, "read_samples", lambda *_, **__: 1 / 0)
    with pytest.raises(CellStateError, match="our mistake"):
        read(TABLE, "a.csv", ReadOptions())


def test_progress_is_shown_while_a_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    monkeypatch.setattr(upload_read, "read_samples", slow)
    shown: list[tuple[float, str]] = []

    class Bar:
        def progress(self, value: float, text: str) -> None:
            shown.append((value, text))
            if value:
                raise StopException

    monkeypatch.setattr(st, "progress", lambda *_, **__: Bar())
    with pytest.raises(StopException):
        read(TABLE, "a.csv", ReadOptions())
    assert shown[-1] == (0.5, "Reading the table …")
    assert slow.ended.wait(PATIENCE_S)


def test_a_stopped_reading_frees_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    monkeypatch.setattr(upload_read, "read_samples", slow)
    monkeypatch.setattr(st, "button", interrupted)
    with pytest.raises(StopException):
        read(TABLE, "a.csv", ReadOptions())
    assert slow.ended.wait(PATIENCE_S)
    assert slow.holds is not None
    until_gone(slow.holds)


def test_a_reading_does_not_step_back_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits would otherwise begin another big file beside the one that is half read."""
    queue, go = Queue(1), threading.Event()
    monkeypatch.setattr(upload_read, "readers", lambda: queue)
    states: list[str] = []

    def reader(source: bytes, *, progress: Callable[[str, float], None], **_: Any) -> Samples:
        waiter.start()
        while not queue.is_crowded:
            threading.Event().wait(0.005)
        progress("Reading the table", 0.5)
        states.append("read")
        return make_samples(1)

    def wait() -> None:
        queue.free(queue.take(lambda ahead: None))
        states.append("waited")
        go.set()

    waiter = threading.Thread(target=wait)
    monkeypatch.setattr(upload_read, "read_samples", reader)
    assert len(read(TABLE, "a.csv", ReadOptions())) == 1
    assert go.wait(PATIENCE_S)
    assert states == ["read", "waited"]


def test_whatever_interrupts_the_page_stops_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    monkeypatch.setattr(upload_read, "read_samples", slow)
    monkeypatch.setattr(st, "button", interrupted)
    with pytest.raises(StopException):
        read(TABLE, "a.csv", ReadOptions())
    assert slow.ended.wait(PATIENCE_S)
    # The slot is free again.
    monkeypatch.undo()
    for _ in range(AT_ONCE + 1):
        assert len(read(TABLE, "a.csv", ReadOptions())) == 1


def test_few_files_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def reader(source: bytes, **_: Any) -> Samples:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.03)
        with lock:
            now[0] -= 1
        return make_samples(1)

    monkeypatch.setattr(upload_read, "read_samples", reader)
    done: list[int] = []
    threads = [
        threading.Thread(target=lambda: done.append(len(read(TABLE, "a.csv", ReadOptions()))))
        for _ in range(AT_ONCE + 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert done == [1] * (AT_ONCE + 3)
    assert most[0] <= AT_ONCE


def test_a_file_without_a_sample_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_read, "read_samples", lambda *_, **__: make_samples(1).take([]))
    with pytest.raises(ReadError, match="no sample"):
        read(TABLE, "a.csv", ReadOptions())
