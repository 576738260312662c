"""Who predicts: the choice on the perturb page, with what each predictor is and what was measured of it."""

from __future__ import annotations

import streamlit as st

from cellstate.model import Model
from cellstate.perturb.leader import choose, predictors
from cellstate.perturb.rivals import NETWORK
from cellstate.report import figures_of, lead_reason, said_by, what_it_is
from cellstate.viz.style import look

#: The choice, in session state: the name of a predictor.
KEY = "predictor"


def who_predicts(opened: Model) -> str:
    """Let the user choose who leads; at first the one that the model's own evidence names."""
    names = predictors(opened)
    first = choose(opened, None)
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


def who_sentence(opened: Model, predictor: str) -> str:
    """Say who predicts, what it does and why it stands first."""
    return (
        f"**{said_by(predictor)}** predicts: {_lower(what_it_is(predictor))} {lead_reason(opened.metrics, predictor)}"
    )


def search_sentence(opened: Model, in_table: bool) -> str:
    """Say why a search follows the network where another predictor leads; empty where none does.

    Parameters
    ----------
    in_table : bool
        Whether the table of the search holds that predictor's score too.
    """
    first = choose(opened, None)
    if first == NETWORK:
        return ""
    name = look(first).label
    text = f"Searches follow the network, because a goal needs its gradient; on the Perturb page {name} leads. "
    return text + (
        f"What {name} says of each edit is a column of the table: click its heading for that ranking."
        if in_table
        else f"{name} is linear, so edits simply add up and no two of them work together."
    )


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
