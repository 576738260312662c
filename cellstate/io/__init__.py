"""From a file to expression profiles: the reader is chosen by content, and every decision is reported.

``read_samples(path)`` or ``read_samples(data, name="upload.csv")`` returns `cellstate.samples.Samples`, or raises
``ReadError`` with one sentence about what is wrong and one about what to do. ``preview`` shows the first cells of a
file as they stand in it, also of one that is refused. ``read_group("FILE#NAME,NAME")`` takes
some samples of a file, ``read_gmt(path)`` reads gene sets.
"""

from __future__ import annotations

from pathlib import Path

from cellstate.io.content import load
from cellstate.io.convert import to_samples
from cellstate.io.gmt import read_gmt
from cellstate.io.preview import Preview, preview
from cellstate.io.progress import Progress, Told
from cellstate.io.sniff import READERS, choose_reader
from cellstate.io.table import Overrides
from cellstate.io.writers import check_writable, to_csv, write_table
from cellstate.samples import Samples

__all__ = [
    "READERS",
    "Overrides",
    "Preview",
    "Progress",
    "check_writable",
    "preview",
    "read_gmt",
    "read_group",
    "read_samples",
    "split_fragment",
    "to_csv",
    "write_table",
]

_DECIDE = Overrides()


def read_samples(
    source: str | Path | bytes,
    *,
    name: str | None = None,
    overrides: Overrides = _DECIDE,
    progress: Progress | None = None,
) -> Samples:
    """Read expression profiles from a file or an upload.

    Parameters
    ----------
    source : path or bytes
        A file, or its contents. Plain or packed with gzip.
    name : str, optional
        File name of an upload; it names a single sample that the file itself does not name.
    overrides : Overrides
        What the user decides in the reader's place.
    progress : callable, optional
        Is told the step at hand in words ("Unpacking", "Reading the table", "Matching names", "Converting to TPM") and
        the share of the whole that is done (0 to 1, never less than before), in the thread that reads. What it raises
        ends the read and reaches the caller.

    Returns
    -------
    Samples
        TPM over the measured genes of the axis; ``report`` carries every decision and warning.

    Raises
    ------
    ReadError
        When the file holds no human expression profile, or one that cannot be trusted.
    """
    told = Told(progress)
    content = load(source, name, told)
    table, name = choose_reader(content, overrides)(content, overrides), content.name
    del content  # what was unpacked is not needed any more, and may be large
    return to_samples(table, overrides, name, told)


def read_group(text: str) -> Samples:
    """Read all samples of a file, or those named after a ``#``: ``FILE`` or ``FILE#NAME,NAME``.

    Raises
    ------
    ReadError
        What `read_samples` raises, or a name that the file does not have.
    """
    path, names = split_fragment(text)
    samples = read_samples(path)
    if not names:
        return samples
    wanted = [names] if names in samples.names else [name.strip() for name in names.split(",")]
    return samples.take([samples.names.index(samples.select(name).names[0]) for name in wanted])


def split_fragment(text: str) -> tuple[str, str]:
    """Split ``FILE#WHAT`` into the file and what is meant of it; ``#`` may be part of a file name that exists."""
    marks = [at for at, letter in enumerate(text) if letter == "#"]
    for at in (len(text), *reversed(marks)):
        if _is_file(text[:at]):
            return text[:at], text[at + 1 :].strip()
    path, _, what = text.partition("#")
    return path, what.strip()


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False
