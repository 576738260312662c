"""Atomic file writes and checksums."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path, *, unique: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` on success, delete it on an error.

    Parameters
    ----------
    path : Path
        The file to write.
    unique : bool
        Put the process id into the temporary name: needed where several processes may write the same file at once.
        Otherwise the name is always the same, so that the next run overwrites what a killed process left behind.
    """
    partial = path.with_name(f"{path.name}{f'.{os.getpid()}' if unique else ''}.partial")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sha256(path: Path) -> str:
    """Return the SHA-256 checksum of a file as hexadecimal text."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
