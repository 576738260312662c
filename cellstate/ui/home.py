"""The home page: what this is, for whom and what it is not, on one screen; or where a returning user is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import streamlit as st

from cellstate.evidence import PredictorId
from cellstate.formatting import escape_markdown, percent, plural
from cellstate.labels import DATASETS, in_sentence, predictor_label
from cellstate.model import Model
from cellstate.model.record import ModelRecord
from cellstate.report.narrative.reconstruction import error_removed
from cellstate.report.section import decimal
from cellstate.report.sections import held_out
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.layout import READABLE, metric_row, start_buttons
from cellstate.ui.runtime.resources import model
from cellstate.ui.state.session import Session, session

_STEPS = (
    (
        ":material/person: 1. Bring a sample",
        "One tumour's gene expression, as nearly any table writes it. The app says what it read and how well it fits.",
    ),
    (
        ":material/edit: 2. Edit genes",
        "Knock genes out or down, multiply or set them, and see what else would shift. Or name a goal: **Regulators** "
        "ranks the edits that lead to it.",
    ),
    (
        ":material/target: 3. Doubt the answer",
        "Each answer stands beside what simpler predictors say, with its error on patients that the model never saw.",
    ),
)
_NAMED_EDITS = 4


@dataclass(frozen=True)
class Next:
    """Something to do next: its button and the page that it leads to."""

    key: str
    label: str
    icon: str

    @property
    def page(self) -> str:
        """Where it leads."""
        return f"pages/{self.key}.py"


def home() -> None:
    """Draw the home page."""
    state = session()
    st.title("What else would move?", anchor=False)
    st.markdown(
        "CellState edits genes in one patient's transcriptome and predicts how all others would shift. "
        "It is a tool for **researchers in gene regulation and cancer biology** who look for hypotheses to test.",
        width=READABLE,
    )
    if state.loaded is None:
        start_buttons("home")
    else:
        _returning(state)
    st.caption(
        ":material/lock: Your file stays in the memory of the machine that serves this page: not on a disk, not "
        "sent elsewhere. **Delete my data** drops it.",
        width=READABLE,
    )
    with st.grid(3, min_column_width=250):
        for title, text in _STEPS:
            with st.container(border=True, height="stretch"):
                st.markdown(f"**{title}**")
                st.markdown(text)
    left, right = st.columns(2, gap="medium")
    with left:
        st.warning(
            "For research only. What it predicts are hypotheses for the laboratory, not advice about a patient. The "
            "model has learned how genes go together in tumours, not what causes what: a real knock-out can do the "
            "opposite.",
            title="What this is not",
            icon=":material/science:",
        )
    # What needs the model comes last: a first visitor reads while it is opened.
    with error_boundary("opening the model"):
        opened = model()
        with right:
            _measured(opened)


def whereabouts(state: Session) -> str:
    """Say which sample is open, what is edited and what became of a search, as Markdown."""
    assert state.loaded is not None
    names = state.loaded.samples.names
    text = f"**{escape_markdown(names[state.selected])}** is open"
    if len(names) > 1:
        text += f", one of {len(names):,} samples of {escape_markdown(state.loaded.name)}"
    labels = [escape_markdown(edit.label) for edit in state.perturbations]
    if labels:
        more = f" and {len(labels) - _NAMED_EDITS:,} more" if len(labels) > _NAMED_EDITS else ""
        text += f", with {plural(len(labels), 'edit')} in force: {', '.join(labels[:_NAMED_EDITS])}{more}"
    else:
        text += "; nothing is edited"
    text += "."
    if _is_searching(state):
        return text + " A search is running."
    return text + (" A search has ended: its result waits on **Regulators**." if state.runs else "")


def next_steps(state: Session) -> list[Next]:
    """Return what to do next, the most sensible first."""
    edit = Next("perturb", "See what would move" if state.perturbations else "Edit genes", ":material/edit:")
    label = "Look at the search" if _is_searching(state) else "See what was found" if state.runs else ""
    search = Next("regulators", label or "Search for regulators", ":material/hub:")
    first = [search, edit] if label and not state.perturbations else [edit, search]
    accuracy = Next("accuracy", "How accurate?", ":material/target:")
    return [*first, accuracy, Next("sample", "Another sample", ":material/person:")]


def _is_searching(state: Session) -> bool:
    return state.job is not None and not state.job.has_ended


def _returning(state: Session) -> None:
    st.markdown(f":material/play_arrow: {whereabouts(state)}", width=READABLE)
    with st.container(horizontal=True):
        steps = next_steps(state)
        for step in steps:
            kind: Literal["primary", "secondary"] = "primary" if step is steps[0] else "secondary"
            if st.button(step.label, type=kind, icon=step.icon, key=f"home-{step.key}"):
                st.switch_page(step.page)


def measured(record: ModelRecord) -> list[tuple[str, str, str]]:
    """Return what was measured of a model on patients that it never saw, as tiles; none for random weights."""
    every = held_out(record)
    if not every:
        return []
    split, found = next(iter(every.items()))
    pca, mean = found.baselines.get(PredictorId.PCA), found.baselines[PredictorId.GENE_MEAN].r2_pooled
    told = (
        f"Of the squared error that each gene's training mean leaves, on {found.n_samples:,} "
        f"patients ({in_sentence(DATASETS[split])})."
    )
    rows = [("Autoencoder removes", percent(error_removed(found.r2_pooled, mean)), told)]
    if pca is not None:
        rows.append(("PCA removes", percent(error_removed(pca.r2_pooled, mean)), told))
    default = record.evidence.default_predictor
    if default is not None and default.reason.value is not None:
        label = in_sentence(predictor_label(default.predictor))
        told = f"Of the default method, {label}; 0 is chance."
        rows.append(("Target specificity", decimal(default.reason.value), told))
    return rows


def _measured(opened: Model) -> None:
    rows = measured(opened.record)
    if not rows:
        st.info("Random weights: this model was not trained on anything.", icon=":material/info:")
        return
    metric_row(rows, columns=3)
    st.caption(
        "How much of the gene means' error the autoencoder and the much simpler PCA remove on held-out patients; and "
        "how well a regulator's own known targets are discriminated from those of others, where 0 is chance."
    )
    st.page_link("pages/quality.py", label="How good is this?", icon=":material/fact_check:")
