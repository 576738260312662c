"""The loaded sample in one line: name, file, genes measured and the worst of its quality verdicts."""

from __future__ import annotations

import streamlit as st

from cellstate.formatting import escape_markdown
from cellstate.ui.runtime.resources import model
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.qc import distance
from cellstate.ui.workbench.qc_verdicts import badge, figures, verdicts, worst


def sample_line(state: Session) -> None:
    """Draw the line."""
    assert state.loaded is not None
    opened, samples = model(), state.loaded.samples
    of_many = f" ({state.selected + 1:,} of {len(samples):,})" if len(samples) > 1 else ""
    grade = state.cached("quality", (state.selected, opened.stamp), lambda: _grade(state))
    st.markdown(
        f":material/person: **{escape_markdown(samples.names[state.selected])}**{of_many} · "
        f"{escape_markdown(state.loaded.name)} · {samples.n_measured:,} genes measured · QC {badge(grade)}"
    )


def _grade(state: Session) -> str:
    opened = model()
    found = verdicts(figures(state.sample(), opened.space)[0], distance(state, opened).score)
    return worst(verdict.grade for verdict in found)
