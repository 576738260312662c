"""One trainer a run folder: an exclusive lock that ends with its process, however that ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cellstate.errors import CellStateError


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold a lock file for as long as the block runs.

    Raises
    ------
    CellStateError
        Another process holds it.
    """
    if sys.platform == "win32":  # which has no such locks
        yield
        return
    handle = _locked(path)
    try:
        yield
    finally:
        try:
            # While it is still locked, so that nobody else can hold this file. One that stays does no harm.
            with suppress(OSError):
                path.unlink()
        finally:
            os.close(handle)


def _locked(path: Path) -> int:
    """Return an open handle of the lock file, locked."""
    import fcntl

    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its last holder may have removed the file between the two calls: then nobody else sees this lock.
            with suppress(FileNotFoundError):
                if os.fstat(handle).st_ino == path.stat().st_ino:
                    return handle
        except BlockingIOError as error:
            os.close(handle)
            raise CellStateError(
                f"Another trainer is working on this run: it holds {path}.",
                "Wait until it has finished, or choose another output folder.",
            ) from error
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
