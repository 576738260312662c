"""The form of a search, one sentence: in this tumour, find knock-outs that make it less proliferative."""

from __future__ import annotations

import streamlit as st

from cellstate.evaluation.tissue import State
from cellstate.formatting import escape_markdown
from cellstate.model import Model
from cellstate.perturb.search.goal import Goal
from cellstate.ui.candidates.goal import choose_goal, choose_kind
from cellstate.ui.candidates.options import Plan, amounts, choose_action, options
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.searches import start_search
from cellstate.ui.state.prediction import distance
from cellstate.ui.state.session import Session

#: In session state: whether the form stays open above a result.
IS_OPEN = "search-form-is-open"


def subject(state: Session, opened: Model) -> str:
    """Return what the sample is called: tumour or sample."""
    call = distance(state, opened).call
    return "tumour" if call is not None and call.is_known and call.state is State.TUMOUR else "sample"


def form(state: Session, opened: Model, kind: str) -> tuple[Goal | None, Plan | None]:
    """Draw the form of a kind of search; returns the goal and the search that were chosen, None while incomplete."""
    goal: Goal | None = None
    plan: Plan | None = None
    with st.container(border=True, key="search-form"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="sentence"):
            st.markdown(f"In this {subject(state, opened)}, find", width="content")
            action = choose_action(kind, opened)
            st.markdown("that make it", width="content")
            wanted = choose_kind()
            button = st.container(width="content")
        with error_boundary("choosing the goal"):
            goal = choose_goal(state, opened, wanted)
        with error_boundary("preparing the search"):
            actions = amounts(kind, action, opened)
            with st.expander("More options", icon=":material/tune:"):
                plan = options(kind, state, opened, actions)
                if plan is not None:
                    st.caption(escape_markdown(plan.description, 250))
        with button:
            _search_button(state, opened, kind, goal, plan)
    return goal, plan


def search_key(state: Session, opened: Model) -> tuple:
    """Return what a result depends on, beside goal and options."""
    return state.round, state.selected, opened.stamp


def _search_button(state: Session, opened: Model, kind: str, goal: Goal | None, plan: Plan | None) -> None:
    state.pending_search = None if goal is None or plan is None else (search_key(state, opened), goal, plan)
    missing = "Choose a goal first." if goal is None else "Choose genes and perturbations first."
    st.button(
        "Search",
        type="primary",
        icon=":material/play_arrow:",
        key="run",
        disabled=state.pending_search is None,
        on_click=_start,
        args=(state, kind),
        help=None if state.pending_search is not None else missing,
    )


def _start(state: Session, kind: str) -> None:
    if state.pending_search is None:
        return
    key, goal, plan = state.pending_search
    work = plan.work
    st.session_state[IS_OPEN] = False
    start_search(state, kind, key, plan.description, lambda progress: work(goal, progress), can_resume=plan.resumes)
