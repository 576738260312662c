"""Reading beside the page: what it returns and raises, that it can be stopped, and that nothing of it stays."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.runtime.scriptrunner_utils.exceptions import StopException

from cellstate.errors import ReadError
from cellstate.genes import gene_axis
from cellstate.io import ReadOptions, read_samples
from cellstate.samples import Samples
from cellstate.ui import upload_read
from cellstate.ui.upload_read import AT_ONCE, Reading, read
from tests.factories import make_samples

PATIENCE_S = 20
TABLE = ("gene,A\n" + "\n".join(f"{name},{1.5 * i}" for i, name in enumerate(gene_axis().symbol[:500]))).encode()


def start(source: bytes = TABLE, ended: Callable[[], None] = lambda: None) -> Reading:
    return Reading(source, "a.csv", ReadOptions(), ended).start()


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
    ended: list[int] = []
    reading = start(ended=lambda: ended.append(1))
    assert reading.wait(PATIENCE_S)
    expected = read_samples(TABLE, name="a.csv")
    found = reading.result()
    np.testing.assert_array_equal(found.tpm_SA, expected.tpm_SA)
    assert found.report == expected.report
    assert ended == [1]
    assert reading.fraction == 1.0


def test_what_the_reader_raises_reaches_the_page_once() -> None:
    ended: list[int] = []
    reading = start(b"no table at all\n", ended=lambda: ended.append(1))
    assert reading.wait(PATIENCE_S)
    with pytest.raises(ReadError):
        reading.result()
    assert ended == [1]


def test_a_stopped_reading_ends_and_frees_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    monkeypatch.setattr(upload_read, "read_samples", slow)
    ended = threading.Event()
    reading = start(ended=ended.set)
    assert slow.began.wait(PATIENCE_S)
    assert (reading.step, reading.fraction) == ("Reading the table", 0.5) or reading.fraction == 0.0
    reading.stop()
    assert ended.wait(PATIENCE_S)
    assert reading.wait(PATIENCE_S)
    del reading
    gc.collect()
    assert slow.holds is not None
    assert slow.holds() is None


def test_whatever_interrupts_the_page_stops_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    monkeypatch.setattr(upload_read, "read_samples", slow)

    def interrupted(*_: object, **__: object) -> None:
        raise StopException

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
