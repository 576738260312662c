"""One model for all: opened once, opened anew when its folder was changed, and the one before is let go."""

from __future__ import annotations

import gc
import os
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from cellstate.model.cohort import load_profiles
from cellstate.model.folder import WEIGHTS
from cellstate.ui.runtime.resources import MODEL_VARIABLE, model


@pytest.fixture
def folder(small_model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A model folder of this test's own, served by the app."""
    copied = Path(shutil.copytree(small_model.folder, tmp_path / "model"))
    monkeypatch.setenv(MODEL_VARIABLE, str(copied))
    st.cache_resource.clear()
    yield copied
    st.cache_resource.clear()


def put_another(folder: Path) -> None:
    """Write the weights anew, as training does: another file in the place of the one before."""
    again = folder / "again"
    shutil.copy(folder / WEIGHTS, again)
    os.replace(again, folder / WEIGHTS)


def test_the_model_is_opened_once(folder: Path) -> None:
    assert model() is model()


def test_a_changed_folder_is_opened_anew_and_the_old_model_goes(folder: Path) -> None:
    old = model()
    load_profiles(old)
    put_another(folder)
    new = model()
    assert new is not old and new is model()
    new.check_unchanged()
    kept = weakref.ref(old)
    del old
    gc.collect()
    assert kept() is None
