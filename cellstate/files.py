"""Files: written whole or not at all, and known by their checksum."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path, *, unique: bool = False) -> Iterator[Path]:
    """Give a path beside a file's place; what is written there takes the place in one step, or is removed on an error.

    Parameters
    ----------
    unique : bool
        A name of this process alone, where several may write the same file at once. Otherwise what a killed process
        left behind is overwritten by the next.
    """
    partial = path.with_name(f"{path.name}{f'.{os.getpid()}' if unique else ''}.partial")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sha256(path: Path) -> str:
    """Return the checksum of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
