"""The line in front of the model: who goes next, how many are ahead, and how one leaves.

A few predictions run at once, the others wait. First come, first served, counted per user: the second request of one
user stands behind the first of every other. What a page waits for goes before long searches, and these never hold
every slot, so an edit waits for other edits alone.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cellstate.errors import CellStateError, Stopped

#: A page waits so long at most.
WAIT_S = 120.0
#: Whoever waits is told where they stand, and may give up, this often. A slot that comes free is taken at once.
TICK_S = 0.25
#: Whoever changes their mind while they wait, and asks for something else so soon, keeps their place.
_KEEP_PLACE_S = 2.0
_LEAVE = "leave-the-line-"
_numbers = itertools.count()


class BusyError(CellStateError):
    """Nobody's mistake: the wait was too long, or the user gave it up."""


@dataclass(eq=False)
class Ticket:
    """A place in the line, then a slot.

    Attributes
    ----------
    user : hashable
        Whose it is.
    long : bool
        Of a search, which steps back for everyone else.
    round : int
        How many requests of this user came before, counted from the round that is being served.
    number : int
        Counts arrivals.
    is_replaced : bool
        The same user asked for something newer.
    """

    user: Hashable
    long: bool
    round: int
    number: int
    is_replaced: bool = False

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Who has the smallest goes first."""
        return self.long, self.round, self.number


class Queue:
    """Lets a few predictions run at once; the others wait and see how many are ahead of them.

    Parameters
    ----------
    at_once : int
        Slots. All but one of them, if there are several, may be held by long searches.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once, self._at_once_long = at_once, max(1, at_once - 1)
        self._changed = threading.Condition()
        self._waiting: list[Ticket] = []
        self._running: list[Ticket] = []
        # By lane (long or not): the round that is being served, each user's latest, and places that are kept.
        self._round = {False: 0, True: 0}
        self._latest: dict[tuple[Hashable, bool], int] = {}
        self._kept: dict[tuple[Hashable, bool], tuple[Ticket, float]] = {}

    @property
    def crowded(self) -> bool:
        """Whether anyone is waiting."""
        with self._changed:
            return bool(self._waiting)

    def ahead(self, ticket: Ticket) -> int:
        """Return how many of those who wait go before."""
        with self._changed:
            return sum(other.rank < ticket.rank for other in self._waiting)

    def take(
        self,
        told: Callable[[int], None],
        *,
        user: Hashable = None,
        long: bool = False,
        wait_s: float | None = None,
    ) -> Ticket:
        """Wait for a slot; whoever takes one gives it back with `free`.

        Parameters
        ----------
        told : callable
            Receives how many are ahead, again and again while waiting; gives up by raising.
        user : hashable, optional
            Whose request it is. A user's newer request takes the place of their older one that still waits.
        long : bool, optional
            A search, behind everything that a page waits for.
        wait_s : float, optional
            The longest wait.

        Raises
        ------
        BusyError
            When the wait was longer than `wait_s`.
        Stopped
            When a newer request of the same user took this one's place.
        """
        ticket = self._join(object() if user is None else user, long)
        end = None if wait_s is None else time.monotonic() + wait_s
        try:
            while not self._enter(ticket):
                told(self.ahead(ticket))
                if end is not None and time.monotonic() > end:
                    raise BusyError(
                        f"The model was busy for {wait_s:g} seconds, so this was not computed.",
                        "Ask again in a while: others are using this server.",
                    )
        except BaseException as signal:
            # Streamlit's own signals (rerun, stop) are no Exception: the next request may follow at once.
            self._leave(ticket, keep=not isinstance(signal, Exception))
            raise
        return ticket

    def free(self, ticket: Ticket) -> None:
        """Give a slot back."""
        with self._changed:
            self._running.remove(ticket)
            self._changed.notify_all()

    def _join(self, user: Hashable, long: bool) -> Ticket:
        whose, now = (user, long), time.monotonic()
        with self._changed:
            self._kept = {k: (old, end) for k, (old, end) in self._kept.items() if end > now}
            before = next((t for t in self._waiting if (t.user, t.long) == whose), None)
            if before is not None:
                before.is_replaced = True
                self._waiting.remove(before)
            elif whose in self._kept:
                before = self._kept.pop(whose)[0]
            if before is not None:
                ticket = Ticket(user, long, before.round, before.number)
            else:
                turn = max(self._round[long], self._latest.get(whose, -1) + 1)
                ticket = Ticket(user, long, turn, next(_numbers))
            self._latest[whose] = ticket.round
            self._waiting.append(ticket)
            self._changed.notify_all()
        return ticket

    def _enter(self, ticket: Ticket) -> bool:
        """Wait a moment for the ticket's turn; returns whether it came."""
        with self._changed:
            self._changed.wait_for(lambda: ticket.is_replaced or self._may_run(ticket), TICK_S)
            if ticket.is_replaced:
                raise Stopped("A newer request took the place of this one.")
            if not self._may_run(ticket):
                return False
            self._waiting.remove(ticket)
            self._running.append(ticket)
            served = self._round[ticket.long] = max(self._round[ticket.long], ticket.round)
            # A user whose last request lies behind this round is as good as new.
            self._latest = {k: r for k, r in self._latest.items() if k[1] != ticket.long or r >= served}
            # There may be another slot for the next one.
            self._changed.notify_all()
            return True

    def _may_run(self, ticket: Ticket) -> bool:
        if len(self._running) >= self._at_once or any(other.rank < ticket.rank for other in self._waiting):
            return False
        return not ticket.long or sum(other.long for other in self._running) < self._at_once_long

    def _leave(self, ticket: Ticket, *, keep: bool) -> None:
        with self._changed:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                if keep:
                    self._kept[ticket.user, ticket.long] = ticket, time.monotonic() + _KEEP_PLACE_S
            self._changed.notify_all()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a slot, with a sentence and a way out on the page, and hold it inside.

        Raises
        ------
        BusyError
            When the wait was too long, or the user left the line.
        """
        place, ticket = st.empty(), None
        try:
            if _has_left():
                raise BusyError("You left the line, so this was not computed.", "Ask again whenever you like.")
            notice = _Notice(place)
            ticket = self.take(notice.tell, user=this_user(), wait_s=WAIT_S)
            notice.take_down()
            yield
        except BusyError:
            place.button("Ask again", icon=":material/refresh:", key=f"ask-again-{next(_numbers)}")
            raise
        finally:
            if ticket is not None:
                self.free(ticket)


class _Notice:
    """What a page says while it waits."""

    def __init__(self, place: st.delta_generator.DeltaGenerator) -> None:
        self._place, self._line = place, None  # type: st.delta_generator.DeltaGenerator,
        st.delta_generator.DeltaGenerator | None

    def tell(self, ahead: int) -> None:
        if self._line is None:
            with self._place.container(border=True, horizontal=True, vertical_alignment="center"):
                self._line = st.empty()
                st.button("Leave the line", icon=":material/close:", key=f"{_LEAVE}{next(_numbers)}")
        where = f"{ahead:,} ahead of you" if ahead else "you are next"
        self._line.markdown(f":material/hourglass_top: The model is busy: {where}.", width="stretch")

    def take_down(self) -> None:
        if self._line is not None:
            self._place.empty()


def this_user() -> Hashable:
    """Return what tells the user of this page from others: each browser tab is one; None outside of a page."""
    context = get_script_run_ctx(suppress_warning=True)
    return None if context is None else context.session_id


def _has_left() -> bool:
    """Whether this run of the page follows a click on "Leave the line"; a button is only true in that very run."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return False
    return any(str(key).startswith(_LEAVE) and st.session_state[key] for key in list(st.session_state))
