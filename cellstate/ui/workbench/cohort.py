"""The view of a whole cohort: regulators of every sample as a heat map, one click from a cell to that sample."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np
import pandas as pd
import streamlit as st

from cellstate.evaluation.answer_evidence import cohort_evidence
from cellstate.evaluation.cohort_regulators import (
    CohortRegulators,
    Shown,
    cohort_regulators,
    regulators_among,
    sample_order,
    similar_order,
)
from cellstate.formatting import escape_markdown, plural
from cellstate.io import to_csv
from cellstate.labels import in_sentence, predictor_label
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.regulators.search import NORMAL_STATE
from cellstate.report.narrative.figures import legend
from cellstate.report.narrative.regulators import cohort_line, cohort_sentence
from cellstate.ui.candidates.compared_with import (
    MOST_SAMPLES,
    NORMAL,
    Kind,
    Reference,
    compared_with,
    references_of_cohort,
)
from cellstate.ui.components.controls import choose_one
from cellstate.ui.components.drawings import draw_regulator_heatmap
from cellstate.ui.components.errors import error_boundary
from cellstate.ui.components.evidence_card import evidence_card
from cellstate.ui.components.figure_files import FRAME, figure_files
from cellstate.ui.components.layout import READABLE, hypothesis_header
from cellstate.ui.components.searches import search_progress, start_search
from cellstate.ui.runtime.resources import model_of_normal_tissue
from cellstate.ui.state.session import COHORT, Loaded, Session, session
from cellstate.ui.workbench.sample import all_samples
from cellstate.ui.workbench.sample_groups import labels_hash
from cellstate.ui.workbench.sample_sheet import groups_of
from cellstate.ui.workbench.top_bar import show_one, view_switch
from cellstate.viz.regulators import RegulatorHeatmap, regulator_heatmap

#: Regulators in the heat map.
ROWS = 40
_SHOWN: dict[str, str] = {
    Shown.RECURRENT: "Recurrent",
    Shown.VARIABLE: "Most variable",
    Shown.PRIVATE: "Private",
}
_BY_GROUP, _BY_SIMILARITY = "group", "similarity"
_ORDERS = {_BY_GROUP: "By group", _BY_SIMILARITY: "By similarity"}
#: Key of the choice of a reference.
_REFERENCE = "cohort-reference"


def cohort_view(state: Session, opened: Model) -> None:
    """Draw the regulators of every sample of the file."""
    loaded = state.loaded
    assert loaded is not None
    groups = groups_of(state.labels, loaded.samples.names)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="top-bar"):
        st.title("Workbench", anchor=False, width="content")
        view_switch(state)
        st.markdown(f":small[{cohort_line(groups, loaded.name)}]", width="content")
        place = st.container(width="content")
    model = model_of_normal_tissue(opened)
    if model is None:
        st.info("No model here knows normal tissue, which samples are compared with.", icon=":material/info:")
        return
    with place:
        reference = _reference(len(loaded.samples))
    found = _ranked(state, loaded, model, reference)
    if found is not None:
        with error_boundary("drawing the cohort"):
            _answer(state, found)
    with st.expander("Samples and groups", icon=":material/group:", key=f"cohort-samples-{state.round}"):
        all_samples(state, loaded, labels_hash(state))


def _reference(n: int) -> Reference:
    """Draw the choice of a reference where there is one."""
    references = [one for one in references_of_cohort(n) if len(one.rows) <= MOST_SAMPLES]
    if len(references) == 1:
        return NORMAL
    return compared_with(references, _REFERENCE)


def _ranked(state: Session, loaded: Loaded, model: Model, reference: Reference) -> CohortRegulators | None:
    """Return the regulators of every sample; until they are found, follow the search, which begins by itself."""
    key = (state.round, model.stamp, reference.kind)
    if (finished := state.finished(COHORT, key)) is not None:
        return finished.result
    if (job := state.job) is not None and job.kind == COHORT and job.key != key:
        if job.has_ended:
            job = None
        else:
            # The user chose another reference: when this search has ended, the page is drawn again.
            job.cancel()
    if job is None or (job.has_ended and job.kind != COHORT):
        _start(state, loaded, model, reference, key)
    search_progress(state, COHORT)
    # It may have ended while this was drawn.
    if (finished := state.finished(COHORT, key)) is not None:
        return finished.result
    if (job := state.job) is not None and job.has_ended and not job.can_resume:
        st.button("Rank regulators", icon=":material/play_arrow:", key="cohort-again", on_click=_again)
    return None


def _start(state: Session, loaded: Loaded, model: Model, reference: Reference, key: Hashable) -> None:
    samples, title = loaded.samples, f"{plural(len(loaded.samples), 'sample')}, each against the {reference.label}"
    if reference.kind is Kind.OTHERS:
        start_search(
            state, COHORT, key, title, lambda progress: regulators_among(model, samples, reference.label, progress)
        )
        return
    blocks: dict[int, CohortRegulators] = {}
    start_search(
        state,
        COHORT,
        key,
        title,
        lambda progress: cohort_regulators(model, samples, progress, blocks),
        can_resume=True,
    )


def _again() -> None:
    """Forget the search that was stopped or failed: the page begins it anew."""
    state = session()
    if state.job is not None and state.job.has_ended:
        state.job = None


def _answer(state: Session, found: CohortRegulators) -> None:
    made = (found.model.stamp, found.reference)
    table = state.cached("cohort-recurrence", made, found.recurrence)
    hypothesis_header("Regulators of every sample")
    evidence_card(
        state.cached("cohort-evidence", made, lambda: cohort_evidence(found)),
        found.model,
        found.predictor,
        genes=table["gene"].head(1).tolist(),
        key=COHORT,
        is_candidate=True,
        reason="The model of normal tissue was fitted with this method.",
    )
    said = cohort_sentence(table, len(found.samples), found.reference, int(found.is_ood_S.sum()))
    st.markdown(said, width=READABLE)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        shown = Shown(choose_one("Regulators", *_choices(found)))
        order = choose_one("Order of samples", _ORDERS, "cohort-order") if state.labels else _BY_SIMILARITY
    drawn = state.cached(
        "cohort-heatmap",
        (*made, shown, order, tuple(state.labels.items())),
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
    whose = "its own" if found.reference == NORMAL_STATE else "the"
    st.caption(
        f"Each sample against {whose} {escape_markdown(found.reference)}, by {method} of the model "
        f"{escape_markdown(found.model.config.name)}; at most {ROWS} regulators, clustered by Ward's method."
    )
    with st.container(horizontal=True):
        about = {"reference": found.reference, "model": found.model.config.name}
        _download("Activities (TSV)", "activities", lambda: found.activities().assign(**about))
        _download("Recurrence (TSV)", "recurrence", lambda: table.assign(**about))


def _choices(found: CohortRegulators) -> tuple[dict[str, str], str]:
    """Return which regulators can be shown, and the widget's key; few recur among samples, so variable ones lead."""
    if found.reference == NORMAL_STATE:
        return _SHOWN, "cohort-shown"
    return {Shown.VARIABLE: _SHOWN[Shown.VARIABLE]} | _SHOWN, "cohort-shown-among"


def _cohort_axes(found: CohortRegulators) -> str:
    return (
        "Rows: regulators; columns: samples, both clustered by Ward's method; colour: activity in SD of "
        f"{_spread(found)}, by {in_sentence(predictor_label(found.predictor))}"
    )


def _spread(found: CohortRegulators) -> str:
    """Return of what the activity is in SD."""
    return "normal samples" if found.reference == NORMAL_STATE else "the other samples"


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
        spread=_spread(found),
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
