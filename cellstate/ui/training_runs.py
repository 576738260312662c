"""Training runs on the model page: the loss of each epoch, also of a run that is still going."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import streamlit as st

from cellstate.formatting import digits, plural
from cellstate.ui.guard import guard
from cellstate.ui.jobs import time_left
from cellstate.ui.parts import READABLE, chart
from cellstate.ui.run_files import (
    FINISHED,
    GOING,
    INTERRUPTED,
    Run,
    find_runs,
    is_unfinished,
    newest,
    read_run,
    runs_folder,
)
from cellstate.viz import training_curve

#: Seconds between two looks at a run that may go on.
LOOK_S = 2.0
_BADGES: dict[str, tuple[str, Literal["green", "orange", "blue"]]] = {
    GOING: (":material/play_circle:", "green"),
    INTERRUPTED: (":material/pause_circle:", "orange"),
    FINISHED: (":material/check_circle:", "blue"),
}


def training_runs() -> None:
    """Draw the section; nothing where there is no run."""
    found = find_runs(runs_folder())
    if not found:
        return
    st.header("Training runs", anchor=False)
    st.markdown(
        "Networks in training, and those whose training has ended, in this server's folder of runs. Your questions are "
        "answered by the model above.",
        width=READABLE,
    )
    unfinished = _unfinished(found)
    st.fragment(_follow, run_every=LOOK_S if unfinished else None)(unfinished)


def _follow(unfinished: set[str]) -> None:
    """Draw the chosen run, again and again; the page is drawn anew when a run begins or finishes."""
    with guard("reading the training runs"):
        found = find_runs(runs_folder())
        if _unfinished(found) != unfinished or not found:
            st.rerun()
        names = list(found)
        name = st.selectbox(
            "Run",
            names,
            index=names.index(newest(found)),
            key="run",
            persist_state="session",
            width=460,
        )
        run = read_run(found[name])
        icon, colour = _BADGES[run.state]
        st.badge(run.state.capitalize(), icon=icon, color=colour)
        _how_far(run)
        if not run.history.empty:
            chart(training_curve(run.history, run=name, ended=run.state == FINISHED), key="run-curve")


def _unfinished(found: Mapping[str, Path]) -> set[str]:
    return {name for name, folder in found.items() if is_unfinished(folder)}


def _how_far(run: Run) -> None:
    """Say which step a run has reached, how fast it is, and how it goes on."""
    step = f"Step {run.pace.step:,} of {run.pace.total:,}" if run.pace else ""
    if run.pace and run.state != FINISHED:
        text = f"{step}, {rate(run.pace.samples_per_second)} samples a second"
        if run.state == GOING:
            text += f", {time_left(run.pace.seconds_left)}"
        st.progress(run.pace.step / run.pace.total if run.pace.total else 0.0, text=text)
    if run.state == INTERRUPTED:
        st.caption(
            f"No new line for {long(run.quiet)}. The same command, started again, goes on from its last checkpoint."
        )
    elif run.state == GOING and not run.pace:
        st.caption("No step is recorded yet.")
    elif run.state == FINISHED and step:
        st.caption(f"{step}.")


def rate(value: float) -> str:
    """Return a rate in three digits: ``0.521``, ``51.3``, ``1,204``."""
    return f"{value:,.0f}" if value >= 100 else digits(value)


def long(seconds: float) -> str:
    """Return a time in words, in the largest unit that fits: ``3 minutes``, ``5 hours``, ``2 days``."""
    for unit, size in (("day", 86_400), ("hour", 3_600)):
        if seconds >= 2 * size:
            return plural(int(seconds // size), unit)
    return plural(int(seconds // 60), "minute")
