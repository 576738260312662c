"""Background work, a search or the reading of a file: a thread with progress and cancel.

A job knows nothing of the page: it gets plain objects, and pages poll it when they are drawn. It waits in a queue; a
long one frees its slot between two steps while others wait, so that a search of minutes delays nobody.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from traceback import format_tb
from typing import Any

from cellstate.errors import CellStateError, Stopped
from cellstate.formatting import plural
from cellstate.perturb.predictors.base import SearchProgress
from cellstate.ui.runtime.queue import Queue, Ticket

WAITING, RUNNING, DONE, STOPPED, FAILED = "waiting", "running", "done", "stopped", "failed"
#: The time left is not estimated before so many seconds of a step.
_ESTIMATE_AFTER_S = 1.5
_log = logging.getLogger("cellstate.app")


class OverdueError(CellStateError):
    """A job took longer than the server allows."""


@dataclass(frozen=True)
class Step:
    """Progress of a job.

    Attributes
    ----------
    done, total : int
        Of the present step; total is 0 while nothing is known.
    what : str
    seconds : float
        Since the job began.
    seconds_left : float or None
        Of the present step; None while it cannot be estimated.
    ahead : int
        Requests ahead in the queue, while the job waits.
    """

    done: int = 0
    total: int = 0
    what: str = ""
    seconds: float = 0.0
    seconds_left: float | None = None
    ahead: int = 0


class Job:
    """One piece of work in a thread.

    Parameters
    ----------
    kind : str
        One result of each kind is kept.
    key : hashable
        File, sample and model; a page shows a result only for the same key.
    title : str
        The work in words.
    work : callable
        Receives a `SearchProgress` and returns the result. It runs in another thread: no Streamlit in it.
    queue : Queue
    user : hashable, optional
    resumes : bool, optional
        Whether `again` goes on where the job was stopped.
    limit_s : float, optional
        The longest duration in seconds, waiting included.
    long : bool, optional
        Whether it is a search, which frees its slot while others wait.
    wait_s : float, optional
        The longest wait for a slot in seconds.

    Attributes
    ----------
    state : str
        ``waiting``, ``running``, ``done``, ``stopped`` or ``failed``.
    result : object
        Of a job that is done.
    error : CellStateError or None
        Of a job that failed, or was stopped because it took too long.
    """

    def __init__(
        self,
        kind: str,
        key: Hashable,
        title: str,
        work: Callable[[SearchProgress], Any],
        queue: Queue,
        *,
        user: Hashable = None,
        resumes: bool = False,
        limit_s: float = math.inf,
        long: bool = True,
        wait_s: float = math.inf,
    ) -> None:
        self.kind, self.key, self.title, self.resumes = kind, key, title, resumes
        self.user, self.limit_s, self.long, self.wait_s = user, limit_s, long, wait_s
        self.state, self.result, self.error = WAITING, None, None  # type: str, Any, CellStateError | None
        self.stop = threading.Event()
        self._work: Callable[[SearchProgress], Any] | None = work
        self._queue = queue
        self._ticket: Ticket | None = None
        self._step = Step()
        self._began = self._step_began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"cellstate-{kind}", daemon=True)

    def start(self) -> Job:
        """Start the thread; returns the job itself."""
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Stop the job at its next step."""
        self.stop.set()

    def again(self) -> Job:
        """Return a new job that goes on where this one was stopped."""
        assert self._work is not None
        options = {name: getattr(self, name) for name in ("user", "resumes", "limit_s", "long", "wait_s")}
        return Job(self.kind, self.key, self.title, self._work, self._queue, **options)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end; returns whether the job has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def has_ended(self) -> bool:
        """Whether the job is done, stopped or failed."""
        return self.state in (DONE, STOPPED, FAILED)

    @property
    def can_resume(self) -> bool:
        """Whether `again` goes on where this job was stopped."""
        return self.resumes and self.state == STOPPED

    def step(self) -> Step:
        """Return the progress."""
        step, now = self._step, time.monotonic()
        spent, left = now - self._step_began, None
        if step.done and step.total and spent > _ESTIMATE_AFTER_S:
            left = max(0.0, spent / step.done * (step.total - step.done))
        return Step(step.done, step.total, step.what, now - self._began, left, step.ahead)

    def _run(self) -> None:
        try:
            self._take_slot()
            self.state = RUNNING
            assert self._work is not None
            self.result = self._work(self._progress)
            self.state = DONE
        except OverdueError as error:
            self._fail(error, STOPPED if self.resumes else FAILED)
        except Stopped:
            self.state = STOPPED
        except CellStateError as error:
            self._fail(error)
        except MemoryError:
            self._fail(CellStateError("This needs more memory than the machine has.", "Try fewer genes or samples."))
        except Exception as error:
            # Where it happened, without the message: that may hold a sample's name or values.
            where = "".join(format_tb(error.__traceback__))
            _log.error("%s while running %s\n%s", type(error).__name__, self.kind, where)
            self._fail(CellStateError("Something went wrong here: our mistake, not yours.", "Try it again."))
        finally:
            self._free_slot()
            if not self.can_resume:
                self._work = None  # it holds the sample

    def _fail(self, error: CellStateError, state: str = FAILED) -> None:
        # Without its traceback, whose frames hold the sample.
        self.error, self.state = error.with_traceback(None), state

    def _take_slot(self) -> None:
        self._ticket = self._queue.take(self._report_ahead, user=self.user, long=self.long, wait_s=self.wait_s)

    def _free_slot(self) -> None:
        if self._ticket is not None:
            self._queue.free(self._ticket)
            self._ticket = None

    def _report_ahead(self, ahead: int) -> None:
        self._check_stop()
        self._step = replace(self._step, ahead=ahead)

    def _progress(self, done: int, total: int, what: str) -> None:
        self._check_stop()
        if (total, what) != (self._step.total, self._step.what) or done < self._step.done:
            self._step_began = time.monotonic()
        self._step = Step(done, total, what)
        if self.long and self._queue.is_crowded:
            # Others go first: most of them wait for one prediction.
            self._free_slot()
            self._take_slot()

    def _check_stop(self) -> None:
        if self.stop.is_set():
            raise Stopped("This was stopped.")
        if time.monotonic() - self._began > self.limit_s:
            raise OverdueError(
                f"This took longer than {_duration(self.limit_s)}, the limit of this server, and was stopped.",
                "Finished steps are kept: continue." if self.resumes else "Try fewer genes, or the command line.",
            )


def time_left(seconds: float | None) -> str:
    """Return the estimated time left in words; empty for None."""
    if seconds is None:
        return ""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 90:
        return f"about {round(seconds / 5) * 5} seconds left"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} minutes left"
    return f"about {seconds / 3600:.1f} hours left"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return plural(minutes, "minute") if minutes < 120 else f"{minutes / 60:.3g} hours"
