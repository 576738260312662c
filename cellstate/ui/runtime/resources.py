"""What all users share: the model and its queue."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from cellstate.evaluation.model_choice import BASE
from cellstate.model import Model, describe_model, load_model
from cellstate.model.folder import default_model_folder, folder_stamp, shipped_models
from cellstate.perturb.predictors.registry import all_predictors
from cellstate.perturb.regulators.reference import load_reference
from cellstate.ui.runtime.queue import Queue

#: Environment variables: folder of another model, and its device.
MODEL_VARIABLE, DEVICE_VARIABLE = "CELLSTATE_MODEL", "CELLSTATE_DEVICE"
#: The model of this user, in session state: its folder.
_CHOSEN = "model-folder"
#: Predictions that run at once; more would only share the same processors and need more memory.
AT_ONCE = 2
#: Models that are open at once.
MODELS = 2


def model() -> Model:
    """Return this user's model, opened again when its folder has changed.

    Raises
    ------
    ModelError
    """
    return open_model(_folder())


def open_model(path: Path | str) -> Model:
    """Return the model of a folder, opened once and shared by all users; opened again when the folder has changed.

    Raises
    ------
    ModelError
    """
    folder, device = str(path), os.environ.get(DEVICE_VARIABLE, "auto")
    stamp = folder_stamp(Path(folder))
    if (before := _stamps().get(folder)) not in (None, stamp):
        _open.clear(folder, device, before)
    _stamps()[folder] = stamp
    return _open(folder, device, stamp)


def model_of_normal_tissue(opened: Model) -> Model | None:
    """Return a model that knows normal tissue, which samples are compared with: the one at hand, else the base model.

    None where neither does.
    """
    if load_reference(opened) is not None:
        return opened
    shipped = shipped_models()
    base = open_model(shipped[BASE]) if BASE in shipped else None
    return base if base is not None and load_reference(base) is not None else None


def model_folder_name() -> str:
    """Return the name of the model folder without opening it."""
    return os.path.basename(_folder().rstrip("/\\"))


def is_chosen_by_server() -> bool:
    """Whether the server names the model, so that no user chooses."""
    return bool(os.environ.get(MODEL_VARIABLE))


def use_model(folder: Path) -> None:
    """Use a model for this user from now on."""
    st.session_state[_CHOSEN] = str(folder)


def _folder() -> str:
    return os.environ.get(MODEL_VARIABLE) or st.session_state.get(_CHOSEN) or str(default_model_folder())


@st.cache_resource(show_spinner=False)
def _stamps() -> dict[str, tuple[int, ...]]:
    """Return the stamp of each folder as it was last opened."""
    return {}


@st.cache_resource(show_spinner="Opening the model …", max_entries=MODELS)
def _open(folder: str, device: str, stamp: tuple[int, ...]) -> Model:
    """Open a folder; an earlier model is freed when its last user is done."""
    description.clear()
    opened = load_model(folder, device=device)
    # Computed now, and not in a user's first prediction.
    all_predictors(opened)
    return opened


@st.cache_resource(show_spinner=False, max_entries=2)
def description(_model: Model, folder: str) -> dict:
    """Return `describe_model` of a folder."""
    return describe_model(folder)


@st.cache_resource(show_spinner=False)
def queue() -> Queue:
    """Return the one queue of this server."""
    return Queue(AT_ONCE)
