"""The loaded sample in one line: name, file, genes measured and the worst of its quality checks."""

from __future__ import annotations

import streamlit as st

from cellstate.evaluation.qc import Grade, grades, qc_figures, with_ood_score, worst
from cellstate.formatting import escape_markdown
from cellstate.report.narrative.qc import grade_text
from cellstate.ui.runtime.resources import model
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.qc import distance


def sample_line(state: Session) -> None:
    """Draw the line."""
    assert state.loaded is not None
    opened, samples = model(), state.loaded.samples
    of_many = f" ({state.selected + 1:,} of {len(samples):,})" if len(samples) > 1 else ""
    grade = state.cached("quality", (state.selected, opened.stamp), lambda: _grade(state))
    st.markdown(
        f":material/person: **{escape_markdown(samples.names[state.selected])}**{of_many} · "
        f"{escape_markdown(state.loaded.name)} · {samples.n_measured:,} genes measured · QC {grade_text(grade)}"
    )


def _grade(state: Session) -> Grade:
    opened = model()
    figures = with_ood_score(qc_figures(state.sample(), opened.space)[0], distance(state, opened).score)
    return worst(grades(figures).values())
