"""Load files into this user's session: samples, groups, references, tables and sets of genes, or a failed upload.

The shipped example patients are real tumours that the model was not trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cellstate.errors import CellStateError, ReadError, Stopped
from cellstate.expression.reading import confirm
from cellstate.files import resource_path
from cellstate.io import Preview, ReadOptions, pack_files, preview_file, read_gene_table, read_gmt
from cellstate.ui.components.read_upload import read, run, run_quietly
from cellstate.ui.runtime.reader_process import READER_FAILED
from cellstate.ui.state.memory import check_memory
from cellstate.ui.state.session import (
    GENE_SETS,
    GENE_TABLE,
    REFERENCE,
    DoubtfulFile,
    FailedUpload,
    GeneSets,
    Loaded,
    Session,
    session,
)
from cellstate.ui.streamlit_compat import remove_upload

_DETECT = ReadOptions()
#: The file name of a pasted table.
PASTED = "pasted table"
_ENDING = ".tpm.tsv.gz"
#: Illumina GA measures about 2,200 genes less than HiSeq, on which the training patients were sequenced.
_PLATFORMS = {
    "TCGA-AA-3502-01": "HiSeq",
    "TCGA-AZ-6600-01": "HiSeq",
    "TCGA-DY-A1DF-01": "HiSeq",
    "TCGA-AA-3530-01": "Illumina GA",
    "TCGA-AA-A00R-01": "Illumina GA",
    "TCGA-AG-3601-01": "Illumina GA",
}


@dataclass(frozen=True)
class Example:
    """An example patient: its file, its name, and its label in a list."""

    path: Path
    name: str
    label: str


def examples() -> list[Example]:
    """Return the shipped example patients, those of the training patients' platform first."""
    items = [_example(path) for path in sorted(resource_path("data", "examples").glob("*" + _ENDING))]
    return sorted(items, key=lambda item: _PLATFORMS.get(item.name) == "Illumina GA")


def load_example(example: Example) -> bool:
    """Load an example patient; returns whether it was read."""
    return _load(example.path, example.path.name, ReadOptions(), is_example=True)


def load_uploads(uploads: Sequence[Any]) -> bool:
    """Load an uploaded sample file, or several of one sample each together; returns whether they were read."""
    files = [(upload.name, pop_upload_bytes(upload)) for upload in uploads]
    if len(files) == 1:
        [(name, data)] = files
    else:
        name, data = f"{len(files)} files.zip", pack_files(files)
    return _load(data, name, ReadOptions())


def load_paste(text: str) -> bool:
    """Load a pasted table; returns whether it was read."""
    return _load(text.encode(), PASTED, ReadOptions())


def read_again(overrides: ReadOptions) -> bool:
    """Read the loaded file again with the user's settings; if that fails, the samples stay as they were."""
    loaded = session().loaded
    assert loaded is not None
    return _load(loaded.source, loaded.name, overrides, is_example=loaded.is_example)


def preview(loaded: Loaded) -> Preview:
    """Return the first cells of the loaded file."""
    return run_quietly(preview_file, loaded.source, loaded.name, loaded.overrides)


def retry(overrides: ReadOptions) -> bool:
    """Read the failed upload again with the user's settings; returns whether it was read."""
    failed = session().failed_upload
    assert failed is not None
    return _load(failed.source, failed.name, overrides)


def confirm_settings() -> bool:
    """Read the upload whose settings were unsure with these settings as the user's own; returns whether it was read."""
    failed = session().failed_upload
    assert failed is not None and failed.report is not None
    return _load(failed.source, failed.name, confirm(failed.overrides, failed.report))


def load_group(upload: Any, group: str) -> None:
    """Load a file of the validation page."""
    _load_other(group, pop_upload_bytes(upload), upload.name)


def load_reference(upload: Any) -> None:
    """Load the samples that define a goal."""
    _load_other(REFERENCE, pop_upload_bytes(upload), upload.name)


def confirm_other(file: str) -> None:
    """Load the file that waits for the user's answer as it was read."""
    waiting = session().doubtful[file]
    _load_other(file, waiting.data, waiting.name, confirm(ReadOptions(), waiting.report))


def load_gene_sets(upload: Any) -> None:
    """Load gene sets."""
    _load_about_genes(
        GENE_SETS, upload, lambda data, name: GeneSets(name, run(read_gmt, data, name=name)), Session.load_gene_sets
    )


def load_gene_table(upload: Any) -> None:
    """Load the user's own table about genes."""
    _load_about_genes(
        GENE_TABLE, upload, lambda data, name: run(read_gene_table, data, name=name), Session.load_gene_table
    )


def pop_upload_bytes(upload: Any) -> bytes:
    """Return an upload's bytes and remove it from Streamlit's memory."""
    data: bytes = upload.getvalue()
    remove_upload(upload)
    return data


def bare(error: CellStateError) -> CellStateError:
    """Return an error without its traceback, whose frames hold the file."""
    return type(error)(error.message, error.hint, code=error.code)


def _example(path: Path) -> Example:
    name = path.name.removesuffix(_ENDING)
    platform = _PLATFORMS.get(name)
    return Example(path, name, f"{name} ({platform})" if platform else name)


def _load(source: Path | bytes, name: str, overrides: ReadOptions, *, is_example: bool = False) -> bool:
    state, before = session(), session().loaded
    # Kept until the end is known: a run of the page that is interrupted can show nothing any more. An earlier failed
    # upload stays until then.
    stopped = Stopped("The reading was stopped before its end.", "Upload the file again.")
    state.failed_upload = state.failed_upload or FailedUpload(name, stopped, overrides)
    try:
        check_memory(state, source)
        samples = read(source, name, overrides)
        check_memory(state, source, samples)
    except CellStateError as error:
        # The samples before it stay.
        state.failed_upload = _failed_upload(source, name, overrides, bare(error))
        state.round += 1
        return False
    if samples.report.doubts:
        unsure = ReadError("How this file is read is not sure.", "Confirm it, or choose other settings.")
        state.failed_upload = replace(_failed_upload(source, name, overrides, unsure), report=samples.report)
        state.round += 1
        return False
    # The same samples, read with other settings, keep the user's selection and groups.
    same = before is not None and before.source is source and before.samples.names == samples.names
    kept = (state.selected, state.labels) if same else (0, {})
    state.load(Loaded(samples, source, name, overrides, is_example))
    state.selected, state.labels = kept
    return True


def _load_other(file: str, data: bytes, name: str, options: ReadOptions = _DETECT) -> None:
    """Load a group or a reference. It is never read again, so that its bytes need no memory once it is sure."""
    state = session()
    try:
        samples = read(data, name, options)
        check_memory(state, samples)
    except CellStateError as error:
        state.refuse(file, name, bare(error))
        return
    if samples.report.doubts:
        state.ask_about(file, DoubtfulFile(name, data, samples.report))
    elif file == REFERENCE:
        state.load_reference(Loaded(samples, b"", name))
    else:
        state.load_group(file, Loaded(samples, b"", name))


def _load_about_genes(
    file: str, upload: Any, read: Callable[[bytes, str], Any], load: Callable[[Session, Any], None]
) -> None:
    data, state = pop_upload_bytes(upload), session()
    try:
        content = read(data, upload.name)
        check_memory(state, content)
        load(state, content)
    except CellStateError as error:
        state.refuse(file, upload.name, bare(error))


def _failed_upload(source: Path | bytes, name: str, overrides: ReadOptions, error: CellStateError) -> FailedUpload:
    """Keep the bytes and a preview of a table whose settings can be overridden, and nothing of any other file."""
    # What a reader failed on or took too long for, a preview does too.
    if isinstance(error, ReadError) and error.code != READER_FAILED:
        for options in (overrides, ReadOptions()):
            try:
                first = run_quietly(preview_file, source, name, options)
                return FailedUpload(name, error, overrides, source, first)
            except CellStateError:  # the file is not of the format that the user chose, or no table
                continue
    return FailedUpload(name, error, overrides)
