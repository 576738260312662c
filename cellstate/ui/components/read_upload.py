"""Read a file in a process of its own, with progress and cancel on the page.

A thread waits for the process, and the page's own thread only watches, so Streamlit can interrupt it: a new upload, a
rerun or the browser's stop ends the process. Readers have their own queue, so that a big file delays no prediction.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from cellstate.errors import ReadError
from cellstate.io import ReadOptions, read_samples
from cellstate.perturb.predictors.base import SearchProgress
from cellstate.samples import Samples
from cellstate.ui.runtime.jobs import WAITING, Job
from cellstate.ui.runtime.queue import WAIT_S, Queue
from cellstate.ui.runtime.reader_process import read_apart
from cellstate.ui.state.session import session
from cellstate.ui.streamlit_compat import browser_tab

#: Files that are read at once: a big one needs several times its size in memory.
AT_ONCE = 2
#: Polling interval in seconds; a file that is read sooner than the second figure shows no progress bar.
_POLL_S, _QUIET_S = 0.1, 0.3
_PROGRESS_STEPS = 1000
T = TypeVar("T")


@st.cache_resource(show_spinner=False)
def readers() -> Queue:
    """Return the queue of readers."""
    return Queue(AT_ONCE)


def read(source: Path | bytes, name: str, overrides: ReadOptions) -> Samples:
    """Read a file with its progress on the page.

    Raises
    ------
    CellStateError
        As `read_samples`; also if the file holds no sample, or the wait for a slot was too long.
    """
    samples = run(read_samples, source, name=name, options=overrides)
    if not len(samples):
        raise ReadError("The file holds no sample.", "Check that it has a column or row of values.")
    return samples


def run(function: Callable[..., T], source: Any, *, name: str, **options: Any) -> T:
    """Return what a function of `cellstate.io` that takes ``progress`` makes of a file, with its progress on the page.

    Raises
    ------
    CellStateError
        As the function; also if the wait for a slot was too long.
    """
    work = partial(_run, function, source, name=name, **options)
    job = Job("reading", name, name, work, readers(), user=browser_tab(), long=False, wait_s=WAIT_S)
    _watch(job)
    result: T = job.result
    error = job.error
    # An error refers to the frame that raises it: both would stay, with the whole file, until a garbage collection.
    del job
    try:
        if error is not None:
            raise error
        return result
    finally:
        del error


def run_quietly(function: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Return what a function of `cellstate.io` makes of a small file; nothing is shown meanwhile.

    Raises
    ------
    CellStateError
        As `run`.
    """
    ticket = readers().take(lambda ahead: None, user=browser_tab(), wait_s=WAIT_S)
    try:
        return read_apart(function, *arguments, **options)
    finally:
        readers().free(ticket)


def _run(function: Callable[..., T], source: Any, progress: SearchProgress, **options: Any) -> T:
    def report(step: str, fraction: float) -> None:
        progress(round(_PROGRESS_STEPS * min(max(fraction, 0.0), 1.0)), _PROGRESS_STEPS, step)

    return read_apart(function, source, progress=report, **options)


def _watch(job: Job) -> None:
    """Show the progress until the job has ended; stop it when Streamlit interrupts the page."""
    place = st.empty()
    job.start()
    try:
        if not job.wait(_QUIET_S):
            with place.container(horizontal=True, vertical_alignment="center"):
                bar = st.progress(0.0, width="stretch")
                # Any click on the page stops the reading; this button is labelled with it.
                st.button("Cancel", icon=":material/close:", key="cancel-reading", on_click=_new_upload_box)
            while not job.wait(_POLL_S):
                bar.progress(*_progress(job))
    except BaseException:
        job.cancel()
        raise
    finally:
        place.empty()


def _progress(job: Job) -> tuple[float, str]:
    step = job.step()
    if job.state == WAITING:
        where = f"{step.ahead:,} ahead of you" if step.ahead else "you are next"
        return 0.0, f":material/hourglass_top: Other files are being read: {where}."
    return step.done / _PROGRESS_STEPS, f"{step.what or 'Reading the file'} …"


def _new_upload_box() -> None:
    session().round += 1
