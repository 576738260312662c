"""Work beside the page, a search or the reading of a file: a thread of its own, with progress and a way to stop.

A job knows nothing of the page: it is handed plain objects, and pages look at it whenever they are drawn. It takes its
turn in a queue; a long one steps back between two steps of its work when someone else is waiting, so a run of minutes
holds nobody up.
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
from cellstate.perturb.predictors.base import ProgressReporter
from cellstate.ui.runtime.queue import Queue, Ticket

WAITING, RUNNING, DONE, STOPPED, FAILED = "waiting", "running", "done", "stopped", "failed"
#: No guess of the time left before so many seconds of a step.
_GUESS_AFTER_S = 1.5
_log = logging.getLogger("cellstate.app")


class OverdueError(CellStateError):
    """A run that took longer than allowed."""


@dataclass(frozen=True)
class Step:
    """Where a run stands.

    Attributes
    ----------
    done, total : int
        Of the step at hand; total is 0 while nothing is known.
    what : str
    seconds : float
        Since the run began.
    seconds_left : float or None
        Of the step at hand; None while there is nothing to guess from.
    ahead : int
        How many are before this run in the queue, while it waits.
    """

    done: int = 0
    total: int = 0
    what: str = ""
    seconds: float = 0.0
    seconds_left: float | None = None
    ahead: int = 0


class Job:
    """One run.

    Parameters
    ----------
    kind : str
        What is run: one result of each kind is kept.
    key : hashable
        What the run is about (file, sample, model); a page shows its result only for the same key.
    said : str
        The run in words.
    work : callable
        Receives a `ProgressReporter` and returns the result. It runs in another thread: no Streamlit in it.
    queue : Queue
    user : hashable, optional
        Whose run it is.
    resumes : bool, optional
        Whether `again` goes on where the run was stopped.
    limit_s : float, optional
        The longest run, waiting included.
    long : bool, optional
        Whether it is a search, which steps back for others.
    wait_s : float, optional
        The longest wait for its turn.

    Attributes
    ----------
    state : str
        ``waiting``, ``running``, ``done``, ``stopped`` or ``failed``.
    result : object
        Of a run that is done.
    error : CellStateError or None
        Of a run that failed, or was stopped for its length.
    """

    def __init__(
        self,
        kind: str,
        key: Hashable,
        said: str,
        work: Callable[[ProgressReporter], Any],
        queue: Queue,
        *,
        user: Hashable = None,
        resumes: bool = False,
        limit_s: float = math.inf,
        long: bool = True,
        wait_s: float = math.inf,
    ) -> None:
        self.kind, self.key, self.said, self.resumes = kind, key, said, resumes
        self.user, self.limit_s, self.long, self.wait_s = user, limit_s, long, wait_s
        self.state, self.result, self.error = WAITING, None, None  # type: str, Any, CellStateError | None
        self.stop = threading.Event()
        self._work: Callable[[ProgressReporter], Any] | None = work
        self._queue = queue
        self._ticket: Ticket | None = None
        self._step = Step()
        self._began = self._step_began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"cellstate-{kind}", daemon=True)

    def start(self) -> Job:
        """Begin; returns the job itself."""
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Ask the run to stop; it does at its next step."""
        self.stop.set()

    def again(self) -> Job:
        """Return a run that goes on where this one was stopped, not yet begun."""
        assert self._work is not None
        return Job(
            self.kind,
            self.key,
            self.said,
            self._work,
            self._queue,
            user=self.user,
            resumes=self.resumes,
            limit_s=self.limit_s,
            long=self.long,
            wait_s=self.wait_s,
        )

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end; returns whether it has come."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def has_ended(self) -> bool:
        """Whether nothing of the run is going on any more."""
        return self.state in (DONE, STOPPED, FAILED)

    @property
    def can_resume(self) -> bool:
        """Whether `again` goes on where this run was stopped, by the user or for its length."""
        return self.resumes and self.state == STOPPED

    def step(self) -> Step:
        """Return where the run stands."""
        step, now = self._step, time.monotonic()
        spent, left = now - self._step_began, None
        if step.done and step.total and spent > _GUESS_AFTER_S:
            left = max(0.0, spent / step.done * (step.total - step.done))
        return Step(step.done, step.total, step.what, now - self._began, left, step.ahead)

    def _run(self) -> None:
        try:
            self._take()
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
            self._fail(
                CellStateError("This run needs more memory than the machine has.", "Try fewer genes or samples.")
            )
        except Exception as error:
            # Where it happened, without the message: that may hold a sample's name or values.
            where = "".join(format_tb(error.__traceback__))
            _log.error("%s while running %s\n%s", type(error).__name__, self.kind, where)
            self._fail(CellStateError("Something went wrong in this run: our mistake, not yours.", "Try it again."))
        finally:
            self._step_back()
            if not self.can_resume:
                self._work = None  # it holds the sample

    def _fail(self, error: CellStateError, state: str = FAILED) -> None:
        # Without its traceback, whose frames hold the sample.
        self.error, self.state = error.with_traceback(None), state

    def _take(self) -> None:
        self._ticket = self._queue.take(self._waits, user=self.user, long=self.long, wait_s=self.wait_s)

    def _step_back(self) -> None:
        if self._ticket is not None:
            self._queue.free(self._ticket)
            self._ticket = None

    def _waits(self, ahead: int) -> None:
        self._check()
        self._step = replace(self._step, ahead=ahead)

    def _progress(self, done: int, total: int, what: str) -> None:
        self._check()
        if (total, what) != (self._step.total, self._step.what) or done < self._step.done:
            self._step_began = time.monotonic()
        self._step = Step(done, total, what)
        if self.long and self._queue.crowded:
            # Whoever is waiting goes first: most of them want one prediction.
            self._step_back()
            self._take()

    def _check(self) -> None:
        if self.stop.is_set():
            raise Stopped("The run was stopped.")
        if time.monotonic() - self._began > self.limit_s:
            raise OverdueError(
                f"This run took longer than {_duration(self.limit_s)}, the most that this server allows, and was "
                "stopped.",
                "What was finished is kept: continue." if self.resumes else "Try fewer genes, or the command line.",
            )


def time_left(seconds: float | None) -> str:
    """Return a time in words, roughly; empty where nothing is known."""
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
