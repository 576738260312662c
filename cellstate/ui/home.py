"""What the home page shows: the three steps, the state of the session, and what to do next."""

from __future__ import annotations

from typing import NamedTuple

from cellstate.report.narrative.session import present_state
from cellstate.ui.state.session import Session

#: Title and text of each step.
STEPS = (
    (
        ":material/person: 1. Load a sample",
        "One tumour's gene expression, in nearly any table. The app shows the detected settings and the sample's "
        "quality.",
    ),
    (
        ":material/edit: 2. Perturb genes",
        "Knock genes out or down, multiply or set them, and see the predicted change of all others. Or name a goal: "
        "**Candidates** ranks the perturbations that lead to it.",
    ),
    (
        ":material/fact_check: 3. Check the evidence",
        "Each prediction stands beside those of simpler methods, with its error on patients that the model never saw.",
    ),
)


class NextStep(NamedTuple):
    """Something to do next: the page's name, the button's label and icon."""

    page: str
    label: str
    icon: str


def where_you_are(state: Session) -> str:
    """Return the loaded sample, its perturbations and the state of its search, as Markdown."""
    assert state.loaded is not None
    labels = [item.label for item in state.perturbations]
    return present_state(
        state.loaded.samples.names,
        state.selected,
        state.loaded.name,
        labels,
        is_searching=state.is_searching,
        has_results=bool(state.runs),
    )


def next_steps(state: Session) -> list[NextStep]:
    """Return what to do next, the most useful first."""
    label = "See the search" if state.is_searching else "See the candidates" if state.runs else ""
    search = NextStep("candidates", label or "Search for candidates", ":material/hub:")
    perturb = NextStep(
        "workbench", "See the prediction" if state.perturbations else "Perturb genes", ":material/science:"
    )
    first = [search, perturb] if label and not state.perturbations else [perturb, search]
    return [*first, NextStep("evidence", "Check the evidence", ":material/fact_check:")]
