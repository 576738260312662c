"""Reading a file beside the page: in a thread of its own, with its steps shown and a way to stop it.

The thread of the page only looks on, so Streamlit can interrupt it: a new upload, a rerun or the browser's stop ends
the reading at its next step, and what it had in memory goes. Readers have a small queue of their own, so that nobody
waits for a prediction because somebody else reads a big file.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from cellstate.errors import ReadError
from cellstate.io import ReadOptions, read_samples
from cellstate.perturb.predictors.base import ProgressReporter
from cellstate.samples import Samples
from cellstate.ui.runtime.jobs import WAITING, Job
from cellstate.ui.runtime.queue import WAIT_S, Queue, this_user
from cellstate.ui.state.session import session

#: Files that are read at once: a big one needs several times its size in memory.
AT_ONCE = 2
#: How often the page looks at a reading; a small file is read before anything is drawn.
_LOOK_S, _QUIET_S = 0.1, 0.3
#: What a file's progress is counted in.
_PARTS = 1000


@st.cache_resource(show_spinner=False)
def readers() -> Queue:
    """Return the queue of those who read a file."""
    return Queue(AT_ONCE)


def read(source: Path | bytes, name: str, overrides: ReadOptions) -> Samples:
    """Read a file with its progress on the page.

    Raises
    ------
    CellStateError
        What `read_samples` raises, that the file holds no sample, or that the wait for a turn was too long.
    """

    work = partial(_samples, source, name, overrides)
    job = Job("reading", name, name, work, readers(), user=this_user(), long=False, wait_s=WAIT_S)
    _watch(job)
    samples, error = job.result, job.error
    # An error knows the frame that raises it: both would stay, with the whole file, until a collection.
    del job
    try:
        if error is not None:
            raise error
        if not len(samples):
            raise ReadError("The file holds no sample.", "Check that it has a column or row of values.")
        return samples
    finally:
        del error


def _samples(source: Path | bytes, name: str, overrides: ReadOptions, progress: ProgressReporter) -> Samples:
    def told(step: str, fraction: float) -> None:
        progress(round(_PARTS * min(max(fraction, 0.0), 1.0)), _PARTS, step)

    return read_samples(source, name=name, options=overrides, progress=told)


def _watch(job: Job) -> None:
    """Show how far a reading is until it has ended, and stop it when Streamlit interrupts the page."""
    place = st.empty()
    job.start()
    try:
        if not job.wait(_QUIET_S):
            with place.container(horizontal=True, vertical_alignment="center"):
                bar = st.progress(0.0, width="stretch")
                # Any click on the page stops the reading; this one says so.
                st.button("Cancel", icon=":material/close:", key="cancel-reading", on_click=_new_uploader)
            while not job.wait(_LOOK_S):
                bar.progress(*_where(job))
    except BaseException:
        job.cancel()
        raise
    finally:
        place.empty()


def _where(job: Job) -> tuple[float, str]:
    """Return how much of a file is read, 0 to 1, and the same in words."""
    step = job.step()
    if job.state == WAITING:
        where = f"{step.ahead:,} ahead of you" if step.ahead else "you are next"
        return 0.0, f":material/hourglass_top: Other files are being read: {where}."
    return step.done / _PARTS, f"{step.what or 'Reading the file'} …"


def _new_uploader() -> None:
    session().round += 1
