"""From a file to this user's samples, and what is kept of a file that could not be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamlit.runtime.scriptrunner import get_script_run_ctx

from cellstate.errors import CellStateError, ReadError, Stopped
from cellstate.io import ReadOptions, preview_file, read_gmt
from cellstate.samples import Samples
from cellstate.ui.components.examples import Example
from cellstate.ui.components.read_upload import read
from cellstate.ui.runtime.limits import check_memory
from cellstate.ui.state.session import GENE_SETS, REFERENCE, FailedUpload, GeneSets, Loaded, session

#: What a pasted table is called.
PASTED = "pasted table"


def load_example(example: Example) -> bool:
    """Read an example patient; returns whether that went well."""
    return _load(example.path, example.path.name, ReadOptions(), is_example=True)


def load_upload(upload: Any) -> bool:
    """Read an uploaded file and drop Streamlit's copy of it; returns whether that went well."""
    return _load(pop_upload_bytes(upload), upload.name, ReadOptions(), is_example=False)


def load_paste(text: str) -> bool:
    """Read a pasted table; returns whether that went well."""
    return _load(text.encode(), PASTED, ReadOptions(), is_example=False)


def read_again(overrides: ReadOptions) -> bool:
    """Read the file at hand with the user's decisions; the samples stay as they were if that fails."""
    loaded = session().loaded
    assert loaded is not None
    return _load(loaded.source, loaded.name, overrides, is_example=loaded.is_example)


def retry(overrides: ReadOptions) -> bool:
    """Read a file that could not be read with the user's decisions; returns whether that went well."""
    what = session().failed_upload
    assert what is not None
    return _load(what.source, what.name, overrides, is_example=False)


def load_group(upload: Any, group: str) -> bool:
    """Read a file of the experiment page and drop Streamlit's copy of it; returns whether that went well."""
    data, state = pop_upload_bytes(upload), session()
    try:
        samples = _fitting(data, upload.name)
    except CellStateError as error:
        state.refuse(group, upload.name, bare(error))
        return False
    state.load_group(group, Loaded(samples, b"", upload.name))
    return True


def load_reference(upload: Any) -> None:
    """Read the samples that a goal leads to, and drop Streamlit's copy of the file."""
    data, state = pop_upload_bytes(upload), session()
    try:
        state.load_reference(Loaded(_fitting(data, upload.name), b"", upload.name))
    except CellStateError as error:
        state.refuse(REFERENCE, upload.name, bare(error))


def load_gene_sets(upload: Any) -> None:
    """Read gene sets, and drop Streamlit's copy of the file."""
    data, state = pop_upload_bytes(upload), session()
    try:
        sets = GeneSets(upload.name, read_gmt(data, name=upload.name))
        check_memory(state, sets)
        state.load_gene_sets(sets)
    except CellStateError as error:
        state.refuse(GENE_SETS, upload.name, bare(error))


def pop_upload_bytes(upload: Any) -> bytes:
    """Return an upload's bytes and take it out of Streamlit's store, where it would stay until the session ends."""
    data: bytes = upload.getvalue()
    context = get_script_run_ctx()
    if context is not None and hasattr(context.uploaded_file_mgr, "remove_file"):
        context.uploaded_file_mgr.remove_file(context.session_id, upload.file_id)
    return data


def bare(error: CellStateError) -> CellStateError:
    """Return an error without its history, whose frames hold the file."""
    return type(error)(error.message, error.hint)


def _load(source: Path | bytes, name: str, overrides: ReadOptions, *, is_example: bool) -> bool:
    state, before = session(), session().loaded
    # True until the end is known: a run of the page that is interrupted can say nothing any more. A file that was
    # refused before is still there then.
    stopped = Stopped("The reading was stopped before its end.", "Bring the file again.")
    state.failed_upload = state.failed_upload or FailedUpload(name, stopped, overrides)
    try:
        check_memory(state, source)
        samples = read(source, name, overrides)
        check_memory(state, source, samples)
    except CellStateError as error:
        # The samples before it stay.
        state.failed_upload = _refuse(source, name, overrides, bare(error))
        state.round += 1
        return False
    # The same samples, read in another way, are still the user's choice and in the groups that they were put in.
    same = before is not None and before.source is source and before.samples.names == samples.names
    kept = (state.selected, state.labels) if same else (0, {})
    state.load(Loaded(samples, source, name, overrides, is_example))
    state.selected, state.labels = kept
    return True


def _fitting(data: bytes, name: str) -> Samples:
    """Read a file that is never read again, so that its bytes need no room once it is read."""
    samples = read(data, name, ReadOptions())
    check_memory(session(), samples)
    return samples


def _refuse(source: Path | bytes, name: str, overrides: ReadOptions, error: CellStateError) -> FailedUpload:
    """Keep what can be decided otherwise: a table, and nothing of what is none or does not fit."""
    if not isinstance(error, ReadError):
        return FailedUpload(name, error, overrides)
    for asked in (overrides, ReadOptions()):
        try:
            return FailedUpload(name, error, overrides, source, preview_file(source, name, asked))
        except ReadError:  # the file is not of the format that the user asked for, or no table
            continue
    return FailedUpload(name, error, overrides)
