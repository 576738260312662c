"""From a file to this user's samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cellstate.errors import CellStateError, ReadError
from cellstate.expression import Samples
from cellstate.io import Overrides, read_gmt, read_samples
from cellstate.ui.examples import Example
from cellstate.ui.resources import queue
from cellstate.ui.session import GENE_SETS, REFERENCE, GeneSets, Loaded, session


def load_example(example: Example) -> bool:
    """Read an example patient; returns whether that went well."""
    return _load(example.path, example.path.name, Overrides(), is_example=True)


def load_upload(upload: Any) -> bool:
    """Read an uploaded file and drop Streamlit's copy of it; returns whether that went well."""
    data, name = upload.getvalue(), upload.name
    _drop(upload.file_id)
    return _load(data, name, Overrides(), is_example=False)


def load_group(upload: Any, group: str) -> bool:
    """Read a file of the experiment page and drop Streamlit's copy of it; returns whether that went well."""
    data, name = upload.getvalue(), upload.name
    _drop(upload.file_id)
    state = session()
    try:
        samples = _read(data, name, Overrides())
    except CellStateError as error:
        state.refuse(group, name, error)
        return False
    # It is never read again, so the bytes are not kept.
    state.load_group(group, Loaded(samples, b"", name))
    return True


def load_reference(upload: Any) -> None:
    """Read the samples that a goal leads to, and drop Streamlit's copy of the file."""
    data, name = upload.getvalue(), upload.name
    _drop(upload.file_id)
    try:
        session().load_reference(Loaded(_read(data, name, Overrides()), b"", name))
    except CellStateError as error:
        session().refuse(REFERENCE, name, error)


def load_gene_sets(upload: Any) -> None:
    """Read gene sets, and drop Streamlit's copy of the file."""
    data, name = upload.getvalue(), upload.name
    _drop(upload.file_id)
    try:
        session().load_gene_sets(GeneSets(name, read_gmt(data, name=name)))
    except CellStateError as error:
        session().refuse(GENE_SETS, name, error)


def read_again(overrides: Overrides) -> bool:
    """Read the file at hand with the user's decisions; the samples stay as they were if that fails."""
    loaded = session().loaded
    assert loaded is not None
    return _load(loaded.source, loaded.name, overrides, is_example=loaded.is_example)


def _load(source: Path | bytes, name: str, overrides: Overrides, *, is_example: bool) -> bool:
    state = session()
    try:
        samples = _read(source, name, overrides)
    except CellStateError as error:
        # Nothing of this file is kept; the samples before it stay.
        state.problem = (name, error)
        state.round += 1
        return False
    state.load(Loaded(samples, source, name, overrides, is_example))
    return True


def _read(source: Path | bytes, name: str, overrides: Overrides) -> Samples:
    with queue().turn(), st.spinner("Reading the file …"):
        samples = read_samples(source, name=name, overrides=overrides)
    if not len(samples):
        raise ReadError("The file holds no sample.", "Check that it has a column or row of values.")
    return samples


def _drop(file_id: str) -> None:
    """Take an upload out of Streamlit's store, where it would stay until the session ends."""
    context = get_script_run_ctx()
    if context is not None and hasattr(context.uploaded_file_mgr, "remove_file"):
        context.uploaded_file_mgr.remove_file(context.session_id, file_id)
