"""Who predicts: the choice on the perturb page, with what each predictor is and what was measured of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from cellstate.model import Model
from cellstate.perturb.predictors.default import default_predictor
from cellstate.perturb.predictors.registry import SPECS, available_predictors
from cellstate.report import figures_of, lead_reason, said_by, together_reason, what_it_is
from cellstate.viz.style import look

#: The choice, in session state: the name of a predictor.
KEY = "predictor"


def who_predicts(opened: Model) -> str:
    """Let the user choose who leads; at first the one that the model's own evidence names."""
    names = [name.value for name in available_predictors(opened)]
    first = default_predictor(opened).value
    if len(names) == 1:
        return first
    # A choice outlives its page; one that this model does not hold is forgotten.
    if st.session_state.get(KEY, first) not in names:
        del st.session_state[KEY]
    chosen = st.session_state.get(KEY, first)
    with st.popover(f"Who predicts? {look(chosen).label}", icon=":material/groups:"):
        return st.radio(
            "Who predicts?",
            names,
            index=names.index(first),
            format_func=lambda name: look(name).label + (" – leads by the evidence" if name == first else ""),
            captions=[f"{what_it_is(name)} {figures_of(opened.metrics, name)}".strip() for name in names],
            key=KEY,
            persist_state="session",
            width=440,
        )


def who_sentence(opened: Model, predictor: str, reason: Callable[[Mapping, str], str] = lead_reason) -> str:
    """Say who predicts, what it does and why it stands first; of combinations, `combination_reason` says why."""
    return f"**{said_by(predictor)}** predicts: {_lower(what_it_is(predictor))} {reason(opened.metrics, predictor)}"


def together_sentence(opened: Model, by_cohort: bool = False) -> str:
    """Say of a search for pairs that work together whom it follows, why, and how far to believe it."""
    first, believed = default_predictor(opened), together_reason(opened.metrics)
    if by_cohort:
        return (
            "The patients of the model's cohort rank these pairs; what the network says of each, alone and together, "
            f"stands beside it. **{believed}**"
        )
    if not SPECS[first].is_linear:
        return believed
    name = look(first).label
    return (
        f"This search follows the network: {name}, who leads by the model's evidence, is linear, so that edits simply "
        f"add up and no two of them work together. **{believed}**"
    )


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
