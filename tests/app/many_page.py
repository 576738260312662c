"""A page for the tests of many users: it waits in a queue, keeps a sample and a search, and counts both."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable

import streamlit as st

from cellstate.errors import CellStateError
from cellstate.perturb.predictors.base import SearchProgress
from cellstate.samples import Samples
from cellstate.ui.runtime.jobs import Job
from cellstate.ui.runtime.queue import Queue
from cellstate.ui.state import sessions
from cellstate.ui.state.session import Loaded, Session, session
from cellstate.ui.streamlit_compat import browser_tab
from tests.support.factories import make_samples

# A closed tab is kept for two seconds, and Streamlit itself would keep it for long.
sessions._POLL_S, sessions._SHARE_OF_TTL = 0.1, 0.02


@st.cache_resource
def shared() -> tuple[Queue, list]:
    """One slot for all users, and its tickets."""
    return Queue(1), []


def search(sample: Samples) -> Callable[[SearchProgress], Samples]:
    """Return a search that goes on until it is stopped, and holds the sample."""

    def work(progress: SearchProgress) -> Samples:
        while True:
            progress(len(sample), 10, "steps")
            time.sleep(0.01)

    return work


def page() -> None:
    """Draw the page."""
    sessions.register_session()
    state, (queue, tickets) = session(), shared()
    if st.button("Take the slot", key="hold"):
        tickets.append(queue.take(lambda ahead: None))
    if st.button("Free it", key="release"):
        queue.free(tickets.pop())
    if st.button("Load a sample, and search", key="load"):
        state.load(Loaded(make_samples(1, seed=1), b"", "file"))
        state.run(Job("pairs", 0, "a search", search(state.sample()), Queue(1), user=browser_tab()))
    if st.button("Compute", key="compute"):
        st.session_state["wants"] = True
    if st.session_state.get("wants"):
        try:
            with queue.turn():
                st.markdown("It was computed.")
        except CellStateError as error:
            st.error(f"{error.message} {error.hint}")
    gc.collect()
    n_sessions = sum(type(one) is Session for one in gc.get_objects())
    n_searches = sum(thread.name == "cellstate-pairs" for thread in threading.enumerate())
    st.markdown(f"sessions {n_sessions}, searches {n_searches}, waiting {len(queue._waiting)}")


page()
