"""The queue in front of the model: a fair semaphore with "n ahead of you" and a cancel button.

First come, first served. Of each user one prediction and one search run at a time. Searches never take every slot, so
predictions wait for other predictions only.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cellstate.errors import CellStateError
from cellstate.ui.streamlit_compat import browser_tab

#: The longest wait of a page, in seconds.
WAIT_S = 120.0
#: Polling interval for waiting requests, in seconds: progress and cancel. A free slot is taken at once.
TICK_S = 0.25
_CANCEL = "cancel-waiting-"
_numbers = itertools.count()


class BusyError(CellStateError):
    """The wait was too long, or the user cancelled it."""


@dataclass(frozen=True, eq=False)
class Ticket:
    """A request that waits or runs.

    Attributes
    ----------
    user : hashable
    long : bool
        A search.
    """

    user: Hashable
    long: bool


class Queue:
    """Runs at most `at_once` requests at a time; the others wait in order."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._changed = threading.Condition()
        self._waiting: list[Ticket] = []
        self._running: list[Ticket] = []

    @property
    def is_crowded(self) -> bool:
        """Whether any request is waiting."""
        return bool(self._waiting)

    def take(
        self, report: Callable[[int], None], *, user: Hashable = None, long: bool = False, wait_s: float = math.inf
    ) -> Ticket:
        """Wait for a slot; `free` gives it back.

        Parameters
        ----------
        report : callable
            Receives the number of requests ahead, again and again while waiting; it cancels by raising.
        user : hashable, optional
            None is a user of its own.
        long : bool, optional
            A search.
        wait_s : float, optional
            The longest wait in seconds.

        Raises
        ------
        BusyError
            If the wait was too long.
        """
        ticket, end = Ticket(object() if user is None else user, long), time.monotonic() + wait_s
        with self._changed:
            self._waiting.append(ticket)
        try:
            while not self._enter(ticket):
                report(self._ahead(ticket))
                if time.monotonic() > end:
                    raise BusyError(
                        f"The model was busy for {wait_s:g} seconds, so this was not computed.",
                        "Try again in a while: others are using this server.",
                    )
        except BaseException:  # Streamlit's own signals (rerun, stop) are no Exception
            self.free(ticket)
            raise
        return ticket

    def free(self, ticket: Ticket) -> None:
        """Give a slot, or a place in the queue, back."""
        with self._changed:
            (self._running if ticket in self._running else self._waiting).remove(ticket)
            self._changed.notify_all()

    def _enter(self, ticket: Ticket) -> bool:
        """Wait one interval for the ticket's turn; returns whether it came."""
        with self._changed:
            if came := self._changed.wait_for(lambda: self._next() is ticket, TICK_S):
                self._waiting.remove(ticket)
                self._running.append(ticket)
                self._changed.notify_all()  # there may be another slot for the next one
            return came

    def _next(self) -> Ticket | None:
        """Return the first waiting ticket that may run now."""
        if len(self._running) >= self._at_once:
            return None
        running = {(ticket.user, ticket.long) for ticket in self._running}
        no_search = sum(ticket.long for ticket in self._running) >= max(1, self._at_once - 1)
        may_run = (t for t in self._waiting if (t.user, t.long) not in running and not (t.long and no_search))
        return next(may_run, None)

    def _ahead(self, ticket: Ticket) -> int:
        """Count the waiting requests ahead; a prediction does not wait for searches."""
        with self._changed:
            return sum(ticket.long or not other.long for other in self._waiting[: self._waiting.index(ticket)])

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold a slot inside; while the page waits for it, it shows the place in the queue and a cancel button.

        Raises
        ------
        BusyError
            If the wait was too long, or cancelled.
        """
        place, lines = st.empty(), list[DeltaGenerator]()
        ticket: Ticket | None = None

        def show(ahead: int) -> None:
            if not lines:
                with place.container(border=True, horizontal=True, vertical_alignment="center"):
                    lines.append(st.empty())
                    st.button("Cancel", icon=":material/close:", key=f"{_CANCEL}{next(_numbers)}")
            where = f"{ahead:,} ahead of you" if ahead else "you are next"
            lines[0].markdown(f":material/hourglass_top: The model is busy: {where}.", width="stretch")

        try:
            if _is_cancelled():
                raise BusyError("You cancelled this, so it was not computed.", "Try again whenever you like.")
            ticket = self.take(show, user=browser_tab(), wait_s=WAIT_S)
            if lines:
                place.empty()
            yield
        except BusyError:
            place.button("Try again", icon=":material/refresh:", key=f"try-again-{next(_numbers)}")
            raise
        finally:
            if ticket is not None:
                self.free(ticket)


def _is_cancelled() -> bool:
    """Whether this run of the page follows a click on "Cancel"; a button is only true in that very run."""
    if browser_tab() is None:
        return False
    return any(str(key).startswith(_CANCEL) and st.session_state[key] for key in list(st.session_state))
