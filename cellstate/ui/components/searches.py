"""Searches beside the page: one is started, followed, cancelled and continued."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import streamlit as st

from cellstate.formatting import escape_markdown
from cellstate.perturb.predictors.base import SearchProgress
from cellstate.ui.components.errors import show_error
from cellstate.ui.runtime.jobs import STOPPED, WAITING, Job, Step, time_left
from cellstate.ui.runtime.limits import run_seconds
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.session import COHORT, COMBINATION, DRIVERS, PAIRS, SCREEN, Session
from cellstate.ui.streamlit_compat import browser_tab

#: What each kind of search is called.
SEARCHES = {
    SCREEN: "Single genes",
    PAIRS: "Pairs",
    COMBINATION: "Sets",
    DRIVERS: "What drives this sample?",
    COHORT: "Regulators of every sample",
}
#: Polling interval of a running search, in seconds.
_POLL_S = 1.0


def start_search(
    state: Session,
    kind: str,
    key: Hashable,
    title: str,
    work: Callable[[SearchProgress], Any],
    *,
    can_resume: bool = False,
) -> None:
    """Start a search beside the page; parameters are those of `Job`."""
    user, limit_s = browser_tab(), run_seconds()
    state.run(Job(kind, key, title, work, queue(), user=user, resumes=can_resume, limit_s=limit_s))


def search_progress(state: Session, kind: str = "") -> None:
    """Show the state of the last search, unless it is done.

    Parameters
    ----------
    state : Session
    kind : str
        Of what the page shows, where others only matter while they run.
    """
    job = state.job
    if job is None or (job.has_ended and kind not in ("", job.kind)):
        return
    if not job.has_ended:
        _running(state)
    elif job.error is not None:
        show_error(job.error, title="The search ended early")
        _continue_button(state, job)
    elif job.state == STOPPED:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            kept = " Finished parts are kept." if job.can_resume else ""
            text = f":material/stop_circle: You stopped this search: {escape_markdown(job.title, 250)}.{kept}"
            st.markdown(text, width="stretch")
            _continue_button(state, job)


@st.fragment(run_every=_POLL_S)
def _running(state: Session) -> None:
    """Follow a running search; the whole page is drawn again when it has ended."""
    job = state.job
    if job is None or job.has_ended:
        st.rerun()
    step = job.step()
    with st.container(border=True):
        what = f"**{SEARCHES[job.kind]}** · {escape_markdown(job.title, 250)}"
        st.markdown(f":material/hourglass_top: {what}")
        st.progress(min(1.0, step.done / step.total) if step.total else 0.0, text=_step_text(job, step))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Cancel",
                icon=":material/stop_circle:",
                key="cancel",
                on_click=job.cancel,
                disabled=job.stop.is_set(),
            )
            st.caption(f"{step.seconds:,.0f} s so far. You can use the other pages meanwhile.")


def _step_text(job: Job, step: Step) -> str:
    if job.stop.is_set():
        return "Stopping …"
    if job.state == WAITING or not step.what:
        return f"The model is busy: {step.ahead} ahead of you." if step.ahead else "Starting …"
    text = f"{escape_markdown(step.what).capitalize()}: {step.done:,} of {step.total:,}"
    return ", ".join(filter(None, (text, time_left(step.seconds_left))))


def _continue_button(state: Session, job: Job) -> None:
    if job.can_resume:
        st.button("Continue", icon=":material/resume:", key="continue", on_click=_continue, args=(state,))


def _continue(state: Session) -> None:
    if state.job is not None and state.job.can_resume:
        state.run(state.job.again())
