"""Tables for download, safe to open in a spreadsheet."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pandas as pd

from cellstate.errors import CellStateError
from cellstate.files import atomic_write

#: A spreadsheet runs text that begins with one of these as a formula, some of them with the wide forms too.
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
#: Text that begins with one of these may be split before them.
_BREAKS = ("\t", "\r", "\n")


def harmless(value: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would run as a formula; leave numbers as they are."""
    if not isinstance(value, str) or not (value.startswith(_BREAKS) or value.lstrip().startswith(_FORMULA_STARTS)):
        return value
    return f"'{value}"


def to_csv(frame: pd.DataFrame, *, index: bool = False) -> str:
    """Return a table as CSV text without formulas, also in its headings."""
    safe = frame.copy()
    for position in range(safe.shape[1]):
        if not pd.api.types.is_numeric_dtype(safe.iloc[:, position]):
            safe.isetitem(position, safe.iloc[:, position].astype(object).map(harmless))
    safe.columns = pd.Index([harmless(name) for name in safe.columns], name=harmless(safe.columns.name))
    if index:
        safe.index = pd.Index([harmless(name) for name in safe.index], name=harmless(safe.index.name))
    return safe.to_csv(index=index, lineterminator="\n")


def write_table(frame: pd.DataFrame, path: Path | str, *, index: bool = False) -> Path:
    """Write a table as CSV (UTF-8) and return its path; the file is there whole or not at all.

    Raises
    ------
    CellStateError
        When it cannot be written there.
    """
    return write_file(to_csv(frame, index=index).encode(), path)


def write_file(data: bytes, path: Path | str) -> Path:
    """Write a file and return its path; it is there whole or not at all.

    Raises
    ------
    CellStateError
        When it cannot be written there.
    """
    path = Path(path)
    try:
        _write_whole(data, path)
    except OSError as error:
        raise CellStateError(f"{path} cannot be written: {error.strerror}.", "Give another path.") from error
    return path


def check_writable(path: Path | str) -> None:
    """Raise ``CellStateError`` where a file could not be written, before the work that would fill it."""
    path = Path(path)
    if not path.resolve().parent.is_dir():
        raise CellStateError(f"There is no folder {path.parent}.", f"Make it, or write {path.name} to another one.")
    if path.is_dir():
        raise CellStateError(f"{path} is a folder.", "Name a file in it.")
    if not os.access(path if path.exists() else path.resolve().parent, os.W_OK):
        raise CellStateError(f"{path} cannot be written: permission denied.", "Give another path.")


def _write_whole(data: bytes, path: Path) -> None:
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):  # a pipe or /dev/stdout: nothing to put in its place
        path.write_bytes(data)
        return
    target = path.resolve()  # a link stays a link
    with atomic_write(target, unique=True) as partial:
        partial.write_bytes(data)
