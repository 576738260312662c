"""Choice of the prediction method, with what each is and what was measured of it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from cellstate.labels import in_sentence, predictor_label
from cellstate.model import Model, ModelRecord
from cellstate.perturb.predictors.registry import SPECS, available_predictors, default_predictor
from cellstate.report.narrative.evidence import default_reason, measured_sentence, method_sentence, pairs_reason

#: The choice, in session state: the name of a predictor.
KEY = "predictor"


def choose_predictor(opened: Model) -> str:
    """Let the user choose the prediction method; at first the default that the model folder names."""
    names = [name.value for name in available_predictors(opened)]
    first = default_predictor(opened).value
    if len(names) == 1:
        return first
    # A choice outlives its page; one that this model does not support is dropped.
    if st.session_state.get(KEY, first) not in names:
        del st.session_state[KEY]
    chosen = st.session_state.get(KEY, first)
    with st.popover(predictor_label(chosen), icon=":material/groups:", help="Prediction method", key="method"):
        return st.radio(
            "Prediction method",
            names,
            index=names.index(first),
            format_func=lambda name: predictor_label(name) + (" – default" if name == first else ""),
            captions=[f"{method_sentence(name)} {measured_sentence(opened.record, name)}".strip() for name in names],
            key=KEY,
            persist_state="session",
            width=440,
        )


def predictor_sentence(
    opened: Model, predictor: str, reason: Callable[[ModelRecord, str], str] = default_reason
) -> str:
    """Name the prediction method, what it does, and why it is the default; for combinations by `combination_reason`."""
    return f"**{predictor_label(predictor)}.** {method_sentence(predictor)} {reason(opened.record, predictor)}"


def pairs_method_sentence(opened: Model, by_cohort: bool = False) -> str:
    """Name the method that a search for interacting pairs uses, why, and how reliable it is."""
    first, believed = default_predictor(opened), pairs_reason(opened.record)
    if by_cohort:
        return (
            "These pairs are ranked by the patients of the model's cohort; the autoencoder's prediction for each gene, "
            f"alone and together, is listed beside it. **{believed}**"
        )
    if not SPECS[first].is_linear:
        return believed
    name = in_sentence(predictor_label(first))
    return (
        f"This search uses the autoencoder: the default method, {name}, is linear, so that perturbations add up and "
        f"none of them interact. **{believed}**"
    )
