"""Checksums of a model folder: every file is compared with the one that was packaged, before any of it is used.

They stand in ``SHA256SUMS``, in the format of the command ``sha256sum``. A folder without that file, such as one of
random weights, is checked by its schemas alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path

from cellstate.errors import ModelError
from cellstate.files import CHECKSUMS, changed_file, read_checksums, sha256, write_checksums

#: Kinds of file that a model is read from: one that is not listed may be of another model.
_READ = (".safetensors", ".json", ".gz")
#: File systems tell times of change this coarsely, in seconds: what is younger may change unseen.
_SETTLED_S = 2.0
_HINT = "Copy the model folder again; after a change of your own: python -m train checksums {folder}"
_lock = threading.Lock()
#: Folders that were found sound, with what tells their files from others.
_sound: dict[Path, tuple] = {}


def write_model_checksums(folder: Path, without: Iterable[str] = ()) -> dict[str, str]:
    """Write the checksums of all files of a model folder; returns them by name.

    ``without`` names files and folders that will not be part of it.
    """
    names = [name for name in _files(folder) if name.partition("/")[0] not in without]
    checksums = {name: sha256(folder / name) for name in names}
    write_checksums(folder, checksums)
    return checksums


def check_files(folder: Path, later: Iterable[str] = ()) -> None:
    """Check every file of a model folder, once for as long as none is written to.

    Parameters
    ----------
    later : iterable of str
        Files that are too large to be read now: `check_file` is for them.

    Raises
    ------
    ModelError
        One sentence about the first file that is damaged, missing or foreign.
    """
    with _lock:
        stamp = _stamp(folder)
        if not (folder / CHECKSUMS).exists() or _sound.get(folder) == stamp:
            return
        checksums = _listed(folder)
        _refuse(folder, changed_file(folder, checksums, [name for name in checksums if name not in set(later)]))
        for path in folder.iterdir():
            if path.suffix in _READ and path.name not in checksums and path.is_file():
                raise ModelError(
                    f"{path.name} is not listed in {CHECKSUMS} of the model folder {folder.name}.",
                    _HINT.format(folder=folder),
                )
        # Of what was written a moment ago, the next change might not be seen.
        if all(changed < time.time_ns() - _SETTLED_S * 1e9 for *_, changed in stamp):
            _sound[folder] = stamp


def check_file(folder: Path, name: str) -> None:
    """Check one file of a model folder, where it lists checksums; raises as `check_files` does."""
    if (folder / CHECKSUMS).exists():
        _refuse(folder, changed_file(folder, _listed(folder), [name]))


def _listed(folder: Path) -> dict[str, str]:
    try:
        return read_checksums(folder)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{CHECKSUMS} of the model folder {folder.name} is damaged.", _HINT.format(folder=folder)
        ) from error


def _refuse(folder: Path, changed: str | None) -> None:
    if changed is not None:
        what = "is not the one that was packaged" if (folder / changed).exists() else "is missing"
        raise ModelError(f"{changed} of the model folder {folder.name} {what}.", _HINT.format(folder=folder))


def _files(folder: Path) -> list[str]:
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in paths if name != CHECKSUMS)


def _stamp(folder: Path) -> tuple:
    """Return name, inode, size and time of change of every file."""
    found = [(path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
    return tuple((path.name, one.st_ino, one.st_size, one.st_mtime_ns) for path, one in found)
