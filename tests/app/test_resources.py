"""One model for all users: opened once, opened again when its folder has changed, and then the old one is freed."""

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


def replace_weights(folder: Path) -> None:
    """Replace the weights by another file, as training does."""
    again = folder / "again"
    shutil.copy(folder / WEIGHTS, again)
    os.replace(again, folder / WEIGHTS)


def test_the_model_is_opened_once(folder: Path) -> None:
    assert model() is model()


def test_a_changed_folder_is_opened_again_and_the_old_model_is_freed(folder: Path) -> None:
    old = model()
    load_profiles(old)
    replace_weights(folder)
    new = model()
    assert new is not old and new is model()
    new.check_unchanged()
    kept = weakref.ref(old)
    del old
    gc.collect()
    assert kept() is None
