"""The cohort map on the perturb page: the patient among the training profiles, before and after the edits."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cellstate.errors import CellStateError
from cellstate.evaluation.cohort_map import CohortMap, cohort_map
from cellstate.formatting import join_with_and, percent
from cellstate.labels import predictor_label
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.ui.components.errors import show_error
from cellstate.ui.components.layout import READABLE, chart
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.prediction import Answer, about, rivals_of
from cellstate.viz import cohort_arrow, cohort_scatter
from cellstate.viz.columns import CHANGE_OF
from cellstate.viz.style import look

#: An arrow shorter than this share of the cohort's spread is not seen on the whole map.
SEEN = 0.05
_READING = """
- Each dot is a training profile, placed by the network's **latent state**: the few numbers into which it packs a
  profile, as its decoder reads them. The axes are the two directions in which the training profiles differ most then (a
  principal component analysis of the training profiles alone; the patient has no say in it). Units are S, a gene's
  standard deviation over the training samples, summed over genes as a distance is.
- **After** is the whole profile as the prediction leaves it, edited genes at their level and all others shifted, sent
  through the network again. *No change* edits the genes and moves no other: what remains of the arrow without it is the
  prediction.
- **Spread** is the root mean square distance of the training profiles from their centre, along all axes.
- There is no UMAP here: it keeps neighbours together, but distances and directions in it mean nothing, and so an arrow
  would mean nothing.
- Near to other patients on two axes does not mean alike: the other axes hold the rest of the variance.
"""


def cohort_section(state: Session, opened: Model, found: Answer) -> None:
    """Draw the patient among the training profiles, and the arrow of the edits enlarged."""
    if load_profiles(opened) is None:
        st.info("This model carries no training profiles, so there is no map.", icon=":material/info:")
        return
    key = about(state, opened, found.predictor)
    placed: CohortMap = state.once("cohort-map", key, lambda: _place(opened, found))
    st.markdown(map_sentence(placed), width=READABLE)
    gene, log1p_S = _colour(opened)
    left, right = st.columns(2, gap="medium")
    with left:
        drawn = cohort_scatter(
            placed.cohort_S2,
            placed.before_2,
            placed.after_2[found.predictor],
            placed.explained_2,
            distance=placed.moved[found.predictor],
            predictor=found.predictor,
            sample=found.sample,
            gene=gene,
            log1p_S=log1p_S,
        )
        chart(drawn, key="cohort-map")
    with right:
        arrows = cohort_arrow(placed.before_2, placed.after_2, placed.explained_2, sample=found.sample)
        chart(arrows, key="cohort-arrow")
    with st.expander("How to read this", icon=":material/help:"):
        st.markdown(_READING)


def _place(opened: Model, found: Answer) -> CohortMap:
    table = found.table.set_index("ensembl_id").loc[list(opened.space.ensembl)]
    before_G = np.log1p(table["tpm_before"].to_numpy(float))
    columns = {found.predictor: "log2_fold_change"} | {name: CHANGE_OF + name for name in rivals_of(table)}
    after = {name: before_G + np.log(2) * table[column].to_numpy(float) for name, column in columns.items()}
    with queue().turn():
        return cohort_map(opened, before_G, after)


def map_sentence(placed: CohortMap) -> str:
    """Say how far each predictor moves the patient, beside the cohort's spread."""
    (first, moved), *others = placed.moved.items()
    text = (
        f"**{predictor_label(first)}** moves this patient by **{_share(moved)} of the cohort's spread**; "
        f"{_share(placed.in_plane[first])} of that way is seen on these two axes."
    )
    if moved < SEEN:
        text += " That is too short to be seen among the patients: beside the map, the arrow is drawn enlarged."
    said = [f"{look(name).label} {_share(far)}" for name, far in others]
    return text + (f" By the others: {join_with_and(said)}." if said else "")


def _share(share: float) -> str:
    return percent(share, 1 if share < 0.1 else 0)


def _colour(opened: Model) -> tuple[str, np.ndarray | None]:
    """Let the user colour the profiles by the level of a gene."""
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
