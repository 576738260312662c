"""From a file to expression profiles: the reader is chosen by content, and every decision is reported.

``read_samples(path)`` or ``read_samples(data, name="upload.csv")`` returns `cellstate.expression.Samples`, or raises
``ReadError`` with one sentence about what is wrong and one about what to do.
"""

from __future__ import annotations

from pathlib import Path

from cellstate.expression import Samples
from cellstate.io.content import load
from cellstate.io.convert import to_samples
from cellstate.io.sniff import READERS, choose_reader
from cellstate.io.table import Overrides
from cellstate.io.writers import to_csv, write_table

__all__ = ["READERS", "Overrides", "read_samples", "to_csv", "write_table"]

_DECIDE = Overrides()


def read_samples(source: str | Path | bytes, *, name: str | None = None, overrides: Overrides = _DECIDE) -> Samples:
    """Read expression profiles from a file or an upload.

    Parameters
    ----------
    source : path or bytes
        A file, or its contents. Plain or packed with gzip.
    name : str, optional
        File name of an upload; it names a single sample that the file itself does not name.
    overrides : Overrides
        What the user decides in the reader's place.

    Returns
    -------
    Samples
        TPM over the measured genes of the axis; ``report`` carries every decision and warning.

    Raises
    ------
    ReadError
        When the file holds no human expression profile, or one that cannot be trusted.
    """
    content = load(source, name)
    table = choose_reader(content, overrides)(content, overrides)
    return to_samples(table, overrides, content.name)
