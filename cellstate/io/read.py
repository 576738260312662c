"""Reading expression profiles from a file: `read_samples`, and `read_selection` for ``FILE#NAME``."""

from __future__ import annotations

from pathlib import Path

from cellstate.io.convert import convert_to_samples
from cellstate.io.detect import choose_reader
from cellstate.io.raw_table import ReadOptions
from cellstate.io.source import ProgressCallback, ProgressReporter, load_content
from cellstate.samples import Samples

_DETECT = ReadOptions()


def read_samples(
    source: str | Path | bytes,
    *,
    name: str | None = None,
    options: ReadOptions = _DETECT,
    progress: ProgressCallback | None = None,
) -> Samples:
    """Read expression profiles from a file or an upload.

    Parameters
    ----------
    source : path or bytes
        A file or its content, plain or packed with gzip.
    name : str, optional
        File name of an upload. It names a single sample that has no name in the file.
    options : ReadOptions
        Settings that are not to be detected.
    progress : callable, optional
        Called as ``progress(step, fraction)`` in the thread that reads. The steps are "Unpacking", "Reading the table",
        "Matching names" and "Converting to TPM"; the fraction of the whole (0 to 1) never decreases. An exception
        raised by it stops reading and reaches the caller.

    Returns
    -------
    Samples
        TPM over the measured genes of the axis. ``report`` has all settings and warnings.

    Raises
    ------
    ReadError
        When the file has no human expression profiles, or values that cannot be interpreted.
    """
    report_progress = ProgressReporter(progress)
    content = load_content(source, name, report_progress)
    file_name = content.name
    table = choose_reader(content, options)(content, options)
    del content  # frees the unpacked file, which may be large
    return convert_to_samples(table, options, file_name, report_progress)


def read_selection(text: str | Path, *, options: ReadOptions = _DETECT) -> Samples:
    """Read all samples of a file, or those named after a ``#``: ``FILE``, ``FILE#NAME`` or ``FILE#NAME,NAME``.

    Raises
    ------
    ReadError
        As `read_samples`, or when the file has no sample with one of the names.
    """
    path, selection = split_selection(str(text))
    samples = read_samples(path, options=options)
    if not selection:
        return samples
    names = [selection] if selection in samples.names else [name.strip() for name in selection.split(",")]
    return samples.take([samples.names.index(samples.select(name).names[0]) for name in names])


def split_selection(text: str) -> tuple[str, str]:
    """Split ``FILE#SELECTION`` into the path and the selection (empty if there is none).

    A ``#`` that belongs to the name of an existing file does not split.
    """
    positions = [at for at, letter in enumerate(text) if letter == "#"]
    for at in (len(text), *reversed(positions)):
        if _is_file(text[:at]):
            return text[:at], text[at + 1 :].strip()
    path, _, selection = text.partition("#")
    return path, selection.strip()


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # not a valid file name, for example too long
        return False
