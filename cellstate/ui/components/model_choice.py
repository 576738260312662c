"""Choice of the model: the one that fits the sample, or the user's own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import streamlit as st

from cellstate.evaluation.model_choice import Proposal, propose_model
from cellstate.formatting import escape_markdown
from cellstate.model import Model
from cellstate.model.folder import default_model_folder, folder_stamp, shipped_models
from cellstate.model.record import read_record
from cellstate.report.narrative.model import model_caption, proposal_sentence
from cellstate.ui.runtime.resources import is_chosen_by_server, model_folder_name, use_model
from cellstate.ui.state.session import Session

#: The choice, in session state: a name, or this for the model that fits.
KEY, AUTOMATIC = "model-choice", "automatic"


def follow_sample(state: Session) -> bool:
    """Use the model that the user chose or that fits the selected sample; returns whether it is another than before."""
    if is_chosen_by_server():
        return False
    wanted = _wanted(state)
    if wanted == model_folder_name():
        return False
    use_model(shipped_models()[wanted])
    state.drop_runs()
    return True


def proposal(state: Session) -> Proposal | None:
    """Return the model that fits the selected sample, None without a sample."""
    if state.loaded is None:
        return None
    return state.cached("proposal", state.selected, lambda: propose_model(state.sample()))


def model_picker(state: Session, opened: Model, label: str) -> None:
    """Draw the name of the model, with the others to choose from."""
    shipped = shipped_models()
    found = proposal(state)
    fits = found.model if found is not None else default_model_folder().name
    names = [AUTOMATIC, *shipped]

    def title(name: str) -> str:
        return f"The model that fits the sample – {fits}" if name == AUTOMATIC else name

    captions = ["" if found is None else proposal_sentence(found)]
    captions += [_caption(folder, folder_stamp(folder)) for folder in shipped.values()]
    with st.popover(
        label, icon=":material/network_node:", help="The model." if opened.is_trained else "Random weights."
    ):
        st.radio(
            "Model",
            names,
            format_func=lambda name: escape_markdown(title(name)),
            captions=captions,
            key=KEY,
            persist_state="session",
            on_change=lambda: _choose(state),
            width=440,
        )


@lru_cache(maxsize=16)
def _caption(folder: Path, stamp: tuple[int, ...]) -> str:
    """Return the line about a model: its record is read once, and not each time that a page is drawn."""
    return model_caption(read_record(folder))


def _choose(state: Session) -> None:
    chosen = st.session_state[KEY]
    state.model = None if chosen == AUTOMATIC else chosen


def _wanted(state: Session) -> str:
    if state.model is not None:
        return state.model
    found = proposal(state)
    return default_model_folder().name if found is None else found.model
