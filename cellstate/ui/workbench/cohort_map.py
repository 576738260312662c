"""The cohort map: the selected sample among the training profiles, before and after the perturbations."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cellstate.errors import CellStateError
from cellstate.evaluation.cohort_map import CohortMap, cohort_map
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.report.narrative.prediction import baselines_of, cohort_map_sentence
from cellstate.ui.components.errors import show_error
from cellstate.ui.components.layout import READABLE, chart
from cellstate.ui.help.content import how_to_read
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.prediction import PredictionResult, prediction_key
from cellstate.ui.state.session import Session
from cellstate.viz import cohort_arrow, cohort_scatter
from cellstate.viz.columns import CHANGE, CHANGE_OF, TPM_BEFORE


def cohort_section(state: Session, opened: Model, result: PredictionResult) -> None:
    """Draw the sample among the training profiles, and its change enlarged."""
    if load_profiles(opened) is None:
        st.info("This model carries no training profiles, so there is no map.", icon=":material/info:")
        return
    key, method = prediction_key(state, opened, result.predictor), result.predictor
    placed: CohortMap = state.cached("cohort-map", key, lambda: _place(opened, result))
    st.markdown(cohort_map_sentence(placed), width=READABLE)
    gene, log1p_S = _colour(opened)
    left, right = st.columns(2, gap="medium")
    with left:
        drawn = cohort_scatter(
            placed.cohort_S2,
            placed.before_2,
            placed.after_2[method],
            placed.explained_2,
            distance=placed.moved[method],
            predictor=method,
            sample=result.sample,
            gene=gene,
            log1p_S=log1p_S,
        )
        chart(drawn, key="cohort-map")
    with right:
        arrows = cohort_arrow(placed.before_2, placed.after_2, placed.explained_2, sample=result.sample)
        chart(arrows, key="cohort-arrow")
    how_to_read("Cohort")


def _place(opened: Model, result: PredictionResult) -> CohortMap:
    table = result.table.set_index("ensembl_id").loc[list(opened.space.ensembl)]
    before_G = np.log1p(table[TPM_BEFORE].to_numpy(float))
    columns = {result.predictor: CHANGE} | {name: CHANGE_OF + name for name in baselines_of(table)}
    after = {name: before_G + np.log(2) * table[column].to_numpy(float) for name, column in columns.items()}
    with queue().turn():
        return cohort_map(opened, before_G, after)


def _colour(opened: Model) -> tuple[str, np.ndarray | None]:
    """Return the gene whose level colours the profiles, and that level; empty and None for no gene."""
    text = st.text_input(
        "Colour the profiles by a gene",
        placeholder="CDX2, p53, ENSG00000141510 …",
        icon=":material/palette:",
        key="map-gene",
        persist_state="session",
        width=360,
    )
    if not (text or "").strip():
        return "", None
    try:
        gene = opened.space.find(text or "")
    except CellStateError as error:
        show_error(error)
        return "", None
    profiles = load_profiles(opened)
    assert profiles is not None
    return opened.space.symbols[gene], profiles.log1p_S(gene)
