"""Who is here: the users of this server, what each of them holds, and that those who left are forgotten.

Streamlit keeps the state of a closed tab for a while, so that a lost connection can be resumed, and then drops it when
another tab is closed: the data of the last user would stay until somebody else comes and goes. Here a thread of its own
closes such a state in time.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cellstate.ui.state.session import Session, session

_log = logging.getLogger("cellstate.app")

#: How often it is looked who has left.
_LOOK_S = 5.0
#: A closed tab is forgotten after this share of the time that Streamlit would keep it: later it could not be closed.
_SHARE_OF_TTL = 0.5


class SessionRegistry:
    """Sessions by the id of their browser tab, none of them kept alive by being listed.

    Parameters
    ----------
    is_here : callable
        Whether the tab of an id is connected.
    forget : callable
        Drops all that is kept for the tab of an id.
    keep_s : float
        How long a tab may be away.
    """

    def __init__(self, is_here: Callable[[str], bool], forget: Callable[[str], None], keep_s: float) -> None:
        self._is_here, self._forget, self._keep_s = is_here, forget, keep_s
        self._lock = threading.Lock()
        self._sessions: dict[str, weakref.ref[Session]] = {}
        self._away_since: dict[str, float] = {}

    def add(self, tab: str, state: Session) -> None:
        """List a user."""
        with self._lock:
            self._sessions[tab] = weakref.ref(state)

    def sessions(self) -> list[Session]:
        """Return the state of every user that there is."""
        with self._lock:
            found = [kept() for kept in self._sessions.values()]
        return [state for state in found if state is not None]

    def look(self) -> int:
        """Forget whoever was away too long; returns how many were."""
        now, gone = time.monotonic(), []
        with self._lock:
            for tab in list(self._sessions):
                if self._is_here(tab):
                    self._away_since.pop(tab, None)
                elif now - self._away_since.setdefault(tab, now) >= self._keep_s:
                    del self._sessions[tab], self._away_since[tab]
                    gone.append(tab)
        for tab in gone:
            self._forget(tab)
        return len(gone)


def register_session() -> None:
    """List the user of this page; call it on every run."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None:
        session_registry().add(context.session_id, session())


@st.cache_resource(show_spinner=False)
def session_registry() -> SessionRegistry:
    """Return the one list of this server, which is looked through from now on."""
    server = runtime.get_instance()
    keep_s = _SHARE_OF_TTL * st.get_option("server.disconnectedSessionTTL")
    # Streamlit's way to end a closed tab's session from any thread; it is made for signing out.
    listed = SessionRegistry(server.is_active_session, server.clear_user_info_for_session, keep_s)
    threading.Thread(target=_watch, args=(weakref.ref(listed),), name="cellstate-visitors", daemon=True).start()
    return listed


def _watch(kept: weakref.ref[SessionRegistry]) -> None:
    while (listed := kept()) is not None:
        n_gone = 0
        try:
            n_gone = listed.look()
        except Exception as error:
            # Whatever it was, the next user who leaves has to be forgotten too.
            _log.error("looking for users who left: %s", type(error).__name__)
        if n_gone:
            # Nothing of theirs waits in a reference cycle until somebody else draws a page.
            gc.collect()
        del listed
        time.sleep(_LOOK_S)
