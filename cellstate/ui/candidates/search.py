"""The regulators page: choose a goal, search for the genes that move the sample toward it, read what was found."""

from __future__ import annotations

import streamlit as st

from cellstate.formatting import escape_markdown
from cellstate.model import Model
from cellstate.perturb.search.goal import Goal
from cellstate.ui.candidates.goal import choose_goal
from cellstate.ui.candidates.options import KINDS, Plan, options
from cellstate.ui.candidates.results import result
from cellstate.ui.components.errors import error_boundary, show_error
from cellstate.ui.components.layout import need_sample
from cellstate.ui.runtime.jobs import STOPPED, WAITING, Job, time_left
from cellstate.ui.runtime.limits import run_seconds
from cellstate.ui.runtime.resources import model, queue
from cellstate.ui.state.session import Session, session
from cellstate.ui.streamlit_compat import browser_tab
from cellstate.ui.workbench.qc import distance

#: How often a running search is looked at.
_LOOK_S = 1.0


def regulators_page() -> None:
    """Draw the regulators page."""
    state = session()
    if state.loaded is None:
        need_sample(
            "Here you name a goal: genes to move up or down, a reference sample, or one end of the model's cohort. "
            "The app then ranks every single edit, pairs of edits that cooperate, or a small combination, by how far "
            "each would move this very sample toward it."
        )
        return
    opened = model()
    _doubts(state, opened)
    goal: Goal | None = None
    with error_boundary("choosing the goal"):
        goal = choose_goal(state, opened)
    plan: Plan | None = None
    with st.container(border=True):
        st.subheader("What should be searched?", anchor=False)
        kind = (
            st.segmented_control(
                "Search",
                list(KINDS),
                format_func=KINDS.__getitem__,
                default="screen",
                required=True,
                key="regulators-kind",
                persist_state="session",
                label_visibility="collapsed",
            )
            or "screen"
        )
        with error_boundary("preparing the search"):
            plan = options(kind, state, opened)
        _run_button(state, opened, kind, goal, plan)
    with error_boundary("following the search"):
        _progress(state)
    finished = state.finished(kind, _key(state, opened))
    if finished is not None:
        with error_boundary("showing what was found"):
            result(state, opened, finished, goal, plan)
    elif state.job is None or state.job.has_ended:
        st.caption("Once a search has run, what it found appears here.")


def _key(state: Session, opened: Model) -> tuple:
    """Return what results are about."""
    return state.round, state.selected, opened.stamp


def _doubts(state: Session, opened: Model) -> None:
    """Warn where the model has little to say about this sample."""
    if not opened.is_trained:
        st.warning("Random weights: this model is not trained, so its results mean nothing.", icon=":material/warning:")
    with error_boundary("judging the sample"):
        if distance(state, opened).is_ood:
            st.warning(
                "This sample is unlike the training samples, so nothing that is found here is trusted.",
                icon=":material/warning:",
            )


def _run_button(state: Session, opened: Model, kind: str, goal: Goal | None, plan: Plan | None) -> None:
    busy = state.job is not None and not state.job.has_ended
    state.pending_search = None if goal is None or plan is None else (_key(state, opened), goal, plan)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Search",
            type="primary",
            icon=":material/play_arrow:",
            key="run",
            disabled=busy or state.pending_search is None,
            on_click=_begin,
            args=(state, kind),
        )
        if busy:
            st.caption("A search is under way; one runs at a time.")
        elif goal is None:
            st.caption("Choose a goal above first.")
        elif plan is None:
            st.caption("Say first which genes and edits to try.")
        else:
            st.caption(escape_markdown(plan.said, 200))


def _begin(state: Session, kind: str) -> None:
    if state.pending_search is None:
        return
    key, goal, plan = state.pending_search
    work = plan.work
    state.run(
        Job(
            kind,
            key,
            plan.said,
            lambda progress: work(goal, progress),
            queue(),
            user=browser_tab(),
            resumes=plan.resumes,
            limit_s=run_seconds(),
        )
    )


def _progress(state: Session) -> None:
    """Say where the last search stands, unless it is done."""
    job = state.job
    if job is None:
        return
    if not job.has_ended:
        _running(state)
    elif job.error is not None:
        show_error(job.error, title="The search ended early")
        if job.can_resume:
            _continue_button(state)
    elif job.state == STOPPED:
        _stopped(state, job)


@st.fragment(run_every=_LOOK_S)
def _running(state: Session) -> None:
    """Follow a running search; the page is drawn anew when it has ended."""
    job = state.job
    if job is None or job.has_ended:
        st.rerun()
    step = job.step()
    with st.container(border=True):
        st.markdown(
            f":material/hourglass_top: **{escape_markdown(KINDS[job.kind])}:** {escape_markdown(job.title, 200)}"
        )
        if job.stop.is_set():
            text = "Stopping …"
        elif job.state == WAITING or not step.what:
            text = f"The model is busy: {step.ahead} ahead of you." if step.ahead else "Starting …"
        else:
            left = time_left(step.seconds_left)
            text = f"{escape_markdown(step.what).capitalize()}: {step.done:,} of {step.total:,}" + (
                f", {left}" if left else ""
            )
        st.progress(min(1.0, step.done / step.total) if step.total else 0.0, text=text)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Cancel",
                icon=":material/stop_circle:",
                key="cancel",
                on_click=job.cancel,
                disabled=job.stop.is_set(),
            )
            st.caption(f"{step.seconds:,.0f} s so far. You may use the other pages meanwhile.")


def _stopped(state: Session, job: Job) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        kept = " What was finished is kept." if job.can_resume else ""
        st.markdown(
            f":material/stop_circle: You stopped this search: {escape_markdown(job.title, 200)}.{kept}", width="stretch"
        )
        if job.can_resume:
            _continue_button(state)


def _continue_button(state: Session) -> None:
    st.button("Continue", icon=":material/resume:", key="continue", on_click=_again, args=(state,))


def _again(state: Session) -> None:
    if state.job is not None and state.job.can_resume:
        state.run(state.job.again())
