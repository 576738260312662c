"""Reading a file beside the page: in a thread of its own, with its steps shown and a way to stop it.

The thread of the page only looks on, so Streamlit can interrupt it: a new upload, a rerun or the browser's stop ends
the reading at its next step, and what it had in memory goes. Readers have a small queue of their own, so that nobody
waits for a prediction because somebody else reads a big file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from cellstate.errors import ReadError, Stopped
from cellstate.io import ReadOptions, read_samples
from cellstate.samples import Samples
from cellstate.ui.queue import WAIT_S, Queue, this_user
from cellstate.ui.session import session

#: Files that are read at once: a big one needs several times its size in memory.
AT_ONCE = 2
#: How often the page looks at a reading; a small file is read before anything is drawn.
_LOOK_S, _QUIET_S = 0.1, 0.3


class Reading:
    """One file that is being read.

    Parameters
    ----------
    source : path or bytes
    name : str
    overrides : ReadOptions
    ended : callable
        Called once when nothing of the reading is going on any more, however it ended.

    Attributes
    ----------
    step : str
        What the reader is at.
    fraction : float
        How much of the file is done, 0 to 1.
    """

    def __init__(self, source: Path | bytes, name: str, overrides: ReadOptions, ended: Callable[[], None]) -> None:
        self.step, self.fraction = "Reading the file", 0.0
        self._stop = threading.Event()
        self._work: Callable[[], Samples] | None = partial(
            read_samples, source, name=name, options=overrides, progress=self._told
        )
        self._ended = ended
        self._samples: Samples | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="cellstate-reading", daemon=True)

    def start(self) -> Reading:
        """Begin; returns the reading itself."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ask the reader to stop; it does at its next step."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end; returns whether it has come."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> Samples:
        """Return the samples, or raise what the reader raised."""
        samples, error = self._samples, self._error
        self._samples = self._error = None
        try:
            if error is not None:
                raise error
            assert samples is not None
            return samples
        finally:
            # An error knows the frame that raises it: both would stay, with the whole file, until a collection.
            del error

    def _run(self) -> None:
        assert self._work is not None
        try:
            self._samples = self._work()
        except BaseException as error:  # the thread of the page raises it
            self._error = error
        finally:
            self._work = None  # it holds the file
            self._ended()

    def _told(self, step: str, fraction: float) -> None:
        if self._stop.is_set():
            raise Stopped("The reading was stopped.")
        self.step, self.fraction = step, min(max(fraction, 0.0), 1.0)


@st.cache_resource(show_spinner=False)
def readers() -> Queue:
    """Return the queue of those who read a file."""
    return Queue(AT_ONCE)


def read(source: Path | bytes, name: str, overrides: ReadOptions) -> Samples:
    """Read a file with its progress on the page.

    Raises
    ------
    ReadError
        What `read_samples` raises, or that the file holds no sample.
    """
    place, line = st.empty(), readers()

    def told(ahead: int) -> None:
        where = f"{ahead:,} ahead of you" if ahead else "you are next"
        place.info(f"Other files are being read: {where}.", icon=":material/hourglass_top:")

    try:
        ticket = line.take(told, user=this_user(), wait_s=WAIT_S)
        samples = _watch(Reading(source, name, overrides, partial(line.free, ticket)), place)
    finally:
        place.empty()
    if not len(samples):
        raise ReadError("The file holds no sample.", "Check that it has a column or row of values.")
    return samples


def _watch(reading: Reading, place: st.delta_generator.DeltaGenerator) -> Samples:
    """Show how far the reading is until it has ended, and stop it when Streamlit interrupts the page."""
    reading.start()
    try:
        if not reading.wait(_QUIET_S):
            with place.container(horizontal=True, vertical_alignment="center"):
                bar = st.progress(0.0, width="stretch")
                # Any click on the page stops the reading; this one says so.
                st.button("Cancel", icon=":material/close:", key="cancel-reading", on_click=_new_uploader)
            while not reading.wait(_LOOK_S):
                bar.progress(reading.fraction, f"{reading.step} …")
    except BaseException:
        reading.stop()
        raise
    return reading.result()


def _new_uploader() -> None:
    session().round += 1
