"""What all users share: the model, opened once, and the queue in front of it."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from cellstate.model import Model, describe_model, load_model
from cellstate.model.folder import default_model_folder, folder_stamp
from cellstate.perturb.predictors.registry import all_predictors
from cellstate.ui.runtime.queue import Queue

#: Folder of another model, and where it runs; the command ``cellstate app`` sets them.
MODEL_VARIABLE, DEVICE_VARIABLE = "CELLSTATE_MODEL", "CELLSTATE_DEVICE"
#: Predictions that run at once; more would only share the same processors and need more memory.
AT_ONCE = 2


def model() -> Model:
    """Return the model of this server, opened anew where its folder was changed; raises ``ModelError`` if it cannot."""
    folder = _folder()
    return _open(folder, os.environ.get(DEVICE_VARIABLE, "auto"), folder_stamp(Path(folder)))


def model_folder_name() -> str:
    """Return the name of the model folder without opening it."""
    return os.path.basename(_folder().rstrip("/\\"))


def _folder() -> str:
    return os.environ.get(MODEL_VARIABLE) or str(default_model_folder())


@st.cache_resource(show_spinner="Opening the model …", max_entries=1)
def _open(folder: str, device: str, stamp: tuple[int, ...]) -> Model:
    """Open a folder as it is now. The model before, if there was one, goes when nobody works with it any more."""
    description.clear()
    opened = load_model(folder, device=device)
    # What is computed at first use is computed now, once, and not in a user's first edit.
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
