"""Faults at the writes of a run: every change of a folder's files is a point at which the disk or the process may fail.

Python reports such changes to audit hooks: files opened for writing, names made, moved and removed. What a library
writes behind Python's back has its point where it is sent to the disk. A fault there leaves half of what is new.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

#: Events of the interpreter, each with the position of the path that is changed.
_EVENTS = {"os.rename": 0, "os.mkdir": 0, "os.remove": 0, "os.rmdir": 0, "os.truncate": 0}
_CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
KILL = 0
KINDS = (KILL, errno.ENOSPC, errno.EIO, errno.EACCES)


class Killed(BaseException):
    """The process is dead: nothing catches this, and nothing is written after it."""


class Faults:
    """The writes below a folder, counted; the one of a number fails.

    Parameters
    ----------
    at : int
        Number of the write that fails, counted from 0; with -1 none does.
    kind : int
        Number of an error of the system, or `KILL`.
    """

    def __init__(self, folder: Path, at: int = -1, kind: int = KILL) -> None:
        self.folder, self.at, self.kind = str(folder), at, kind
        self.points: list[str] = []
        self._is_dead = False
        self._synced: dict[int, int] = {}

    @property
    def has_struck(self) -> bool:
        return 0 <= self.at < len(self.points)

    def audit(self, event: str, details: tuple[Any, ...]) -> None:
        """Take one event of the interpreter."""
        if event == "open":
            path, _, flags = details
            if isinstance(path, str) and path.startswith(self.folder) and flags & _CHANGES:
                self.point(f"open {Path(path).name}")
        elif event in _EVENTS:
            path, handle = os.fspath(details[_EVENTS[event]]), details[-1]
            # Whole folders are removed by handles of folders, relative to which the names are.
            if path.startswith(self.folder) or (isinstance(handle, int) and handle >= 0):
                self.point(f"{event} {Path(path).name}")

    def sync(self, path: Path) -> None:
        """Stand for ``fsync``."""
        before, found = len(self.points), path.stat()
        try:
            self.point(f"fsync {path.name}")
        except BaseException:
            # Only of the write that fails itself: of a dead process no write has an effect.
            if before == self.at and path.is_file():
                kept = min(found.st_size, self._synced.get(found.st_ino, 0))
                with _hook().watching(None):
                    os.truncate(path, (kept + found.st_size) // 2)
            raise
        self._synced[found.st_ino] = found.st_size

    def point(self, what: str) -> None:
        if self._is_dead:
            raise Killed
        self.points.append(what)
        if len(self.points) - 1 == self.at:
            if self.kind != KILL:
                raise OSError(self.kind, os.strerror(self.kind), what.partition(" ")[2])
            self._is_dead = True
            raise Killed


class _Hook:
    """The one audit hook of this process, which cannot be removed again."""

    def __init__(self) -> None:
        self.faults: Faults | None = None
        sys.addaudithook(self)

    def __call__(self, event: str, details: tuple[Any, ...]) -> None:
        if self.faults is not None:
            self.faults.audit(event, details)

    @contextmanager
    def watching(self, faults: Faults | None) -> Iterator[None]:
        before, self.faults = self.faults, faults
        try:
            yield
        finally:
            self.faults = before


@cache
def _hook() -> _Hook:
    return _Hook()


@contextmanager
def injected(faults: Faults) -> Iterator[Faults]:
    """Let the writes of the block fail as ``faults`` says."""
    with pytest.MonkeyPatch.context() as patch, _hook().watching(faults):
        for module in ("cellstate.files", "train.callbacks", "train.checkpoints", "train.run_folder"):
            patch.setattr(f"{module}.fsync", faults.sync)
        yield faults
