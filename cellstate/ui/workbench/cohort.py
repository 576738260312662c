"""The view of a whole cohort: regulators of every sample as a heat map, one click from a cell to that sample."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import streamlit as st

from cellstate.evaluation.cohort_regulators import (
    CohortRegulators,
    Shown,
    join_blocks,
    regulators_of_block,
    sample_order,
    similar_order,
)
from cellstate.formatting import escape_markdown, plural
from cellstate.io import to_csv
from cellstate.labels import in_sentence, predictor_label
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.report.narrative.figures import legend
from cellstate.report.narrative.regulators import cohort_line, cohort_sentence
from cellstate.ui.components.controls import choose_one
from cellstate.ui.components.drawings import draw_regulator_heatmap
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.figure_files import FRAME, figure_files
from cellstate.ui.components.layout import READABLE, hypothesis_header
from cellstate.ui.runtime.jobs import time_left
from cellstate.ui.runtime.resources import model_of_normal_tissue, queue
from cellstate.ui.state.memory import check_memory
from cellstate.ui.state.session import Loaded, Session, session
from cellstate.ui.workbench.sample import all_samples
from cellstate.ui.workbench.sample_groups import labels_hash
from cellstate.ui.workbench.sample_sheet import groups_of
from cellstate.ui.workbench.top_bar import show_one, view_switch
from cellstate.viz.regulators import RegulatorHeatmap, regulator_heatmap

#: Samples in one turn of the queue: a second or less, so that no other user waits long.
BLOCK = 50
#: Regulators in the heat map.
ROWS = 40
_SHOWN: dict[str, str] = {
    Shown.RECURRENT: "Recurrent",
    Shown.VARIABLE: "Most variable",
    Shown.PRIVATE: "Private",
}
_BY_GROUP, _BY_SIMILARITY = "group", "similarity"
_ORDERS = {_BY_GROUP: "By group", _BY_SIMILARITY: "By similarity"}
#: Elements of the view of one sample that may stand below the top bar.
_LEFT_OVER = 3
#: In session state: the round whose ranking the user cancelled.
_CANCELLED = "cohort-cancelled"


def cohort_view(state: Session, opened: Model) -> None:
    """Draw the regulators of every sample of the file."""
    loaded = state.loaded
    assert loaded is not None
    groups = groups_of(state.labels, loaded.samples.names)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="top-bar"):
        st.title("Workbench", anchor=False, width="content")
        view_switch(state)
        st.markdown(f":small[{cohort_line(len(loaded.samples), groups, loaded.name)}]", width="content")
    model = model_of_normal_tissue(opened)
    if model is None:
        st.info("No model here knows normal tissue, which samples are compared with.", icon=":material/info:")
        return
    found = _ranked(state, loaded, model)
    if found is not None:
        with error_boundary("drawing the cohort"):
            _answer(state, found)
    with st.expander("Samples and groups", icon=":material/group:", key=f"cohort-samples-{state.round}"):
        all_samples(state, loaded, labels_hash(state))


@dataclass
class _Ranking:
    """What is ranked so far: blocks by the position of their first sample, and the whole once nothing is left."""

    blocks: dict[int, CohortRegulators] = field(default_factory=dict)
    whole: CohortRegulators | None = None


def _ranked(state: Session, loaded: Loaded, model: Model) -> CohortRegulators | None:
    """Rank the regulators of every sample; finished blocks are kept when the user cancels, and None is returned."""
    ranking: _Ranking = state.cached("cohort", model.stamp, _Ranking)
    n = len(loaded.samples)
    if ranking.whole is None and st.session_state.get(_CANCELLED) == state.round:
        n_done = sum(len(block.samples) for block in ranking.blocks.values())
        st.markdown(f"Cancelled after {n_done:,} of {plural(n, 'sample')}.")
        st.button("Continue", icon=":material/resume:", key="cohort-continue", on_click=_continue)
        return None
    if ranking.whole is None:
        _rank(state, loaded, model, ranking.blocks)
        ranking.whole = join_blocks([ranking.blocks[first] for first in sorted(ranking.blocks)])
        ranking.blocks.clear()
    return ranking.whole


def _rank(state: Session, loaded: Loaded, model: Model, blocks: dict[int, CohortRegulators]) -> None:
    """Rank the blocks that are missing, with their progress on the page; any click interrupts it."""
    n = len(loaded.samples)
    todo = [first for first in range(0, n, BLOCK) if first not in blocks]
    place, began = st.empty(), time.monotonic()
    # What the other view showed below would stay, greyed out, until the end.
    for _ in range(_LEFT_OVER):
        st.empty()
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, width="stretch")
        # Without it, the click would begin the ranking again.
        st.button("Cancel", icon=":material/stop_circle:", key="cohort-cancel", on_click=_cancel)
    for n_done, first in enumerate(todo):
        left = time_left((time.monotonic() - began) / n_done * (len(todo) - n_done)) if n_done else ""
        bar.progress(first / n, ", ".join(filter(None, (f"Regulators of each sample: {first:,} of {n:,}", left))))
        with queue().turn():
            block = regulators_of_block(model, loaded.samples.take(list(range(first, min(first + BLOCK, n)))))
        check_memory(state, block)
        blocks[first] = block
    place.empty()


def _cancel() -> None:
    st.session_state[_CANCELLED] = session().round


def _continue() -> None:
    st.session_state.pop(_CANCELLED, None)


def _answer(state: Session, found: CohortRegulators) -> None:
    table = state.cached("cohort-recurrence", found.model.stamp, found.recurrence)
    hypothesis_header("Regulators of every sample")
    st.markdown(cohort_sentence(table, len(found.samples), int(found.is_ood_S.sum())), width=READABLE)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        shown = Shown(choose_one("Regulators", _SHOWN, "cohort-shown"))
        order = choose_one("Order of samples", _ORDERS, "cohort-order") if state.labels else _BY_SIMILARITY
    drawn = state.cached(
        "cohort-heatmap",
        (found.model.stamp, shown, order, tuple(state.labels.items())),
        lambda: _drawn(found, shown, state.labels if order == _BY_GROUP else {}, state.labels),
    )
    if not drawn.data["genes"]:
        st.caption("No regulator is called in one sample alone.")
    with st.container(key=FRAME + "regulator-heatmap", gap="xsmall"):
        draw_regulator_heatmap(drawn, "regulator-heatmap", _open)
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.caption("Click a cell to open its sample, with the perturbation that opposes it.", width="stretch")
            text = legend(drawn.title, drawn.alt, found.model.config.name, axes=[_cohort_axes(found)])
            figure_files("regulator-heatmap", drawn.title, "cellstate-hypothesis-cohort", text)
    method = in_sentence(predictor_label(found.predictor))
    st.caption(
        f"Each sample against its own {escape_markdown(found.reference)}, by {method} of the model "
        f"{escape_markdown(found.model.config.name)}; at most {ROWS} regulators, clustered by Ward's method."
    )
    with st.container(horizontal=True):
        _download("Activities (TSV)", "activities", found.activities)
        _download("Recurrence (TSV)", "recurrence", lambda: table)


def _cohort_axes(found: CohortRegulators) -> str:
    return (
        "Rows: regulators; columns: samples, both clustered by Ward's method; colour: activity in SD of normal "
        f"samples, by {in_sentence(predictor_label(found.predictor))}"
    )


def _drawn(
    found: CohortRegulators, shown: Shown, ordered_by: dict[str, str], labels: dict[str, str]
) -> RegulatorHeatmap:
    rows = found.shown(shown, ROWS)
    z_SR = found.z_ST[:, rows]
    across = similar_order(z_SR.T)
    down = sample_order(z_SR, found.samples, ordered_by)
    symbols = np.array(found.symbols_T, dtype=object)[rows]
    names = [found.samples[s] for s in down]
    return regulator_heatmap(
        names,
        symbols[across].tolist(),
        z_SR[np.ix_(down, across)],
        groups=[labels.get(name, "") for name in names] if labels else (),
        reference=found.reference,
    )


def _open(sample: str, gene: str, is_more_active: bool) -> None:
    """Select the sample of a cell, and oppose the activity of its regulator: knock out, or double what is too low."""
    state = session()
    if state.loaded is not None and sample in state.loaded.samples.names:
        state.select(state.loaded.samples.names.index(sample))
        state.put([Perturbation(gene, "knock-out") if is_more_active else Perturbation(gene, "multiply", 2.0)])
        show_one(state)


def _download(label: str, what: str, table: Callable[[], pd.DataFrame]) -> None:
    st.download_button(
        label,
        lambda: to_csv(table().assign(kind="hypothesis"), sep="\t").encode(),
        file_name=f"cellstate-hypothesis-cohort-{what}.tsv",
        mime="text/tab-separated-values",
        icon=":material/download:",
        key=f"download-cohort-{what}",
        on_click="ignore",
    )
