"""The line in front of the model: a fair semaphore, with how many are ahead of one and a way to leave.

First come, first served; of each user one request runs at a time, and one search beside it. Searches never hold every
slot, so an edit waits for other edits alone.
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
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cellstate.errors import CellStateError

#: A page waits so long at most.
WAIT_S = 120.0
#: Whoever waits is told where they stand, and may give up, this often. A slot that comes free is taken at once.
TICK_S = 0.25
_LEAVE = "cancel-waiting-"
_numbers = itertools.count()


class BusyError(CellStateError):
    """Nobody's mistake: the wait was too long, or the user gave it up."""


@dataclass(frozen=True, eq=False)
class Ticket:
    """A place in the line, then a slot: whose it is, and whether it is a long search's."""

    user: Hashable
    long: bool


class Queue:
    """Lets `at_once` requests run at once; the others wait and see how many are ahead of them."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._changed = threading.Condition()
        self._waiting: list[Ticket] = []
        self._running: list[Ticket] = []

    @property
    def crowded(self) -> bool:
        """Whether anyone is waiting."""
        return bool(self._waiting)

    def take(
        self, told: Callable[[int], None], *, user: Hashable = None, long: bool = False, wait_s: float = math.inf
    ) -> Ticket:
        """Wait for a slot; whoever takes one gives it back with `free`.

        Parameters
        ----------
        told : callable
            Receives how many are ahead, again and again while waiting; gives up by raising.
        user : hashable, optional
            Whose request it is; without one, a user of its own.
        long : bool, optional
            A search.
        wait_s : float, optional
            The longest wait; ``BusyError`` when it is over.
        """
        ticket, end = Ticket(object() if user is None else user, long), time.monotonic() + wait_s
        with self._changed:
            self._waiting.append(ticket)
        try:
            while not self._enter(ticket):
                told(self._ahead(ticket))
                if time.monotonic() > end:
                    raise BusyError(
                        f"The model was busy for {wait_s:g} seconds, so this was not computed.",
                        "Ask again in a while: others are using this server.",
                    )
        except BaseException:  # Streamlit's own signals (rerun, stop) are no Exception
            self.free(ticket)
            raise
        return ticket

    def free(self, ticket: Ticket) -> None:
        """Give a slot, or a place in the line, back."""
        with self._changed:
            (self._running if ticket in self._running else self._waiting).remove(ticket)
            self._changed.notify_all()

    def _enter(self, ticket: Ticket) -> bool:
        """Wait a moment for the ticket's turn; returns whether it came."""
        with self._changed:
            if came := self._changed.wait_for(lambda: self._next() is ticket, TICK_S):
                self._waiting.remove(ticket)
                self._running.append(ticket)
                self._changed.notify_all()  # there may be another slot for the next one
            return came

    def _next(self) -> Ticket | None:
        """Return the first in the line who may run now."""
        at_it = {(ticket.user, ticket.long) for ticket in self._running}
        no_search = sum(ticket.long for ticket in self._running) >= max(1, self._at_once - 1)
        may = (t for t in self._waiting if (t.user, t.long) not in at_it and not (t.long and no_search))
        return next(may, None) if len(self._running) < self._at_once else None

    def _ahead(self, ticket: Ticket) -> int:
        """Count those who go before; an edit does not wait for searches."""
        with self._changed:
            return sum(ticket.long or not other.long for other in self._waiting[: self._waiting.index(ticket)])

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a slot, with a sentence and a way out on the page, and hold it inside; ``BusyError`` without one."""
        place, lines = st.empty(), list[DeltaGenerator]()
        ticket: Ticket | None = None

        def tell(ahead: int) -> None:
            if not lines:
                with place.container(border=True, horizontal=True, vertical_alignment="center"):
                    lines.append(st.empty())
                    st.button("Cancel", icon=":material/close:", key=f"{_LEAVE}{next(_numbers)}")
            where = f"{ahead:,} ahead of you" if ahead else "you are next"
            lines[0].markdown(f":material/hourglass_top: The model is busy: {where}.", width="stretch")

        try:
            if _has_left():
                raise BusyError("You left the line, so this was not computed.", "Ask again whenever you like.")
            ticket = self.take(tell, user=this_user(), wait_s=WAIT_S)
            if lines:
                place.empty()
            yield
        except BusyError:
            place.button("Ask again", icon=":material/refresh:", key=f"ask-again-{next(_numbers)}")
            raise
        finally:
            if ticket is not None:
                self.free(ticket)


def this_user() -> Hashable:
    """Return what tells the user of this page from others: each browser tab is one; None outside of a page."""
    context = get_script_run_ctx(suppress_warning=True)
    return None if context is None else context.session_id


def _has_left() -> bool:
    """Whether this run of the page follows a click on "Cancel"; a button is only true in that very run."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return False
    return any(str(key).startswith(_LEAVE) and st.session_state[key] for key in list(st.session_state))
