"""The sessions of all users, and the deletion of those whose tab was closed.

Streamlit keeps the state of a closed tab for a while, so that a lost connection can resume, and drops it only when
another tab is closed: the last user's data would stay until somebody else comes and goes. A thread here ends such
sessions in time.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable

import streamlit as st

from cellstate.ui.state.session import Session, session
from cellstate.ui.streamlit_compat import browser_tab, connections

_log = logging.getLogger("cellstate.app")
#: Polling interval for closed tabs, in seconds.
_POLL_S = 5.0
#: A closed tab's session ends after this share of the time that Streamlit would keep it; later it could not be ended.
_SHARE_OF_TTL = 0.5


class SessionRegistry:
    """Weak references to sessions by the id of their browser tab.

    Parameters
    ----------
    is_connected : callable
        Whether the tab of an id is connected.
    end_session : callable
        Drops all that is kept for the tab of an id.
    keep_s : float
        Seconds for which a closed tab's session is kept.
    """

    def __init__(self, is_connected: Callable[[str], bool], end_session: Callable[[str], None], keep_s: float) -> None:
        self._is_connected, self._end_session, self._keep_s = is_connected, end_session, keep_s
        self._lock = threading.Lock()
        self._sessions: dict[str, weakref.ref[Session]] = {}
        self._closed_since: dict[str, float] = {}

    def add(self, tab: str, state: Session) -> None:
        """Register the session of a tab."""
        with self._lock:
            self._sessions[tab] = weakref.ref(state)

    def sessions(self) -> list[Session]:
        """Return every living session."""
        with self._lock:
            states = [reference() for reference in self._sessions.values()]
        return [state for state in states if state is not None]

    def end_closed(self) -> int:
        """End the sessions of tabs that were closed for too long; returns how many."""
        now, ended = time.monotonic(), []
        with self._lock:
            for tab in list(self._sessions):
                if self._is_connected(tab):
                    self._closed_since.pop(tab, None)
                elif now - self._closed_since.setdefault(tab, now) >= self._keep_s:
                    del self._sessions[tab], self._closed_since[tab]
                    ended.append(tab)
        for tab in ended:
            self._end_session(tab)
        return len(ended)


def register_session() -> None:
    """Register the user of this page; called on every run."""
    if (tab := browser_tab()) is not None:
        session_registry().add(tab, session())


@st.cache_resource(show_spinner=False)
def session_registry() -> SessionRegistry:
    """Return the one registry of this server, and start the thread that watches it."""
    keep_s = _SHARE_OF_TTL * st.get_option("server.disconnectedSessionTTL")
    registry = SessionRegistry(*connections(), keep_s)
    threading.Thread(target=_watch, args=(weakref.ref(registry),), name="cellstate-sessions", daemon=True).start()
    return registry


def _watch(reference: weakref.ref[SessionRegistry]) -> None:
    while (registry := reference()) is not None:
        n_ended = 0
        try:
            n_ended = registry.end_closed()
        except Exception as error:
            # The watch goes on: the next closed tab's data has to be deleted too.
            _log.error("ending closed sessions: %s", type(error).__name__)
        if n_ended:
            # No data waits in a reference cycle until somebody else draws a page.
            gc.collect()
        del registry
        time.sleep(_POLL_S)
