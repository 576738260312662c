"""The regulators page: choose a goal, search for the genes that move the sample toward it, read the result."""

from __future__ import annotations

import streamlit as st

from cellstate.formatting import escape_markdown
from cellstate.model import Model
from cellstate.perturb.search.goal import Goal
from cellstate.ui.candidates.drivers import drivers
from cellstate.ui.candidates.goal import choose_goal
from cellstate.ui.candidates.options import KINDS, Plan, options
from cellstate.ui.candidates.results import result
from cellstate.ui.components.choice import choose_one
from cellstate.ui.components.errors import error_boundary, show_error
from cellstate.ui.components.layout import need_sample
from cellstate.ui.runtime.jobs import STOPPED, WAITING, Job, Step, time_left
from cellstate.ui.runtime.limits import run_seconds
from cellstate.ui.runtime.resources import model, queue
from cellstate.ui.state.session import Session, session
from cellstate.ui.streamlit_compat import browser_tab
from cellstate.ui.workbench.qc import distance

#: Polling interval of a running search, in seconds.
_POLL_S = 1.0


def regulators_page() -> None:
    """Draw the regulators page."""
    state = session()
    if state.loaded is None:
        need_sample(
            "Choose a goal: genes up or down, a gene set, reference samples, or one end of the model's cohort. This "
            "page then ranks single perturbations, interacting pairs, or a small combination by how far each would "
            "move the sample toward it."
        )
        return
    opened = model()
    _warnings(state, opened)
    drivers(state, opened)
    st.header("Reach a goal", anchor=False)
    goal: Goal | None = None
    with error_boundary("choosing the goal"):
        goal = choose_goal(state, opened)
    plan: Plan | None = None
    with st.container(border=True):
        st.subheader("What should be searched?", anchor=False)
        kind = choose_one("Search", KINDS, "regulators-kind")
        with error_boundary("preparing the search"):
            plan = options(kind, state, opened)
        _search_button(state, opened, kind, goal, plan)
    with error_boundary("following the search"):
        _progress(state)
    finished = state.finished(kind, _key(state, opened))
    if finished is not None:
        with error_boundary("showing the result"):
            result(state, opened, finished, goal, plan)
    elif state.job is None or state.job.has_ended:
        st.caption("The result of the search appears here.")


def _key(state: Session, opened: Model) -> tuple:
    """Return what a result depends on, beside goal and options."""
    return state.round, state.selected, opened.stamp


def _warnings(state: Session, opened: Model) -> None:
    """Warn where predictions of this model, or for this sample, are not reliable."""
    if not opened.is_trained:
        st.warning("Random weights: this model is not trained, so its results mean nothing.", icon=":material/warning:")
    with error_boundary("checking the sample"):
        if distance(state, opened).is_ood:
            st.warning(
                "This sample is out of distribution for the model, so no result on this page is reliable.",
                icon=":material/warning:",
            )


def _search_button(state: Session, opened: Model, kind: str, goal: Goal | None, plan: Plan | None) -> None:
    busy = state.job is not None and not state.job.has_ended
    state.pending_search = None if goal is None or plan is None else (_key(state, opened), goal, plan)
    if busy:
        text = "A search is running. One runs at a time."
    elif goal is None:
        text = "Choose a goal first."
    else:
        text = "Choose genes and perturbations first." if plan is None else escape_markdown(plan.description, 250)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Search",
            type="primary",
            icon=":material/play_arrow:",
            key="run",
            disabled=busy or state.pending_search is None,
            on_click=_start,
            args=(state, kind),
        )
        st.caption(text)


def _start(state: Session, kind: str) -> None:
    if state.pending_search is None:
        return
    key, goal, plan = state.pending_search
    work = plan.work
    state.run(
        Job(
            kind,
            key,
            plan.description,
            lambda progress: work(goal, progress),
            queue(),
            user=browser_tab(),
            resumes=plan.resumes,
            limit_s=run_seconds(),
        )
    )


def _progress(state: Session) -> None:
    """Show the state of the last search, unless it is done."""
    job = state.job
    if job is None:
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
        st.markdown(
            f":material/hourglass_top: **{escape_markdown(KINDS[job.kind])}:** {escape_markdown(job.title, 250)}"
        )
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
