"""Paths of the files that come with CellState; atomic writes, checksums, and why a file cannot be written."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
#: Checksums of a folder's files, in the format of the command ``sha256sum``.
CHECKSUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n/][^\n]*)\n")
_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the disk is full",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "access is denied",
    errno.EPERM: "access is denied",
    errno.EIO: "the disk reports an error",
}


def resource_path(*parts: str) -> Path:
    """Return the path of a file or folder that comes with CellState: ``resource_path("models", "coadread")``.

    They are next to the package in a checkout, and inside it in an installed wheel.
    """
    inside = _PACKAGE / "_shipped"
    return (inside if inside.is_dir() else _PACKAGE.parent).joinpath(*parts)


@contextmanager
def atomic_write(path: Path, *, unique: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` on success, delete it on an error.

    The content is on the disk before the name is, so that neither a killed process nor a power cut leaves a part.

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
        fsync(partial)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    fsync(path.parent)


def fsync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk itself."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems know no such request for a folder.
        if error.errno != errno.EINVAL or not path.is_dir():
            raise
    finally:
        os.close(handle)


def write_problem(error: OSError) -> str:
    """Return why a file could not be written, as the end of a sentence: ``the disk is full (model.safetensors)``."""
    reason = _REASONS.get(error.errno or 0) or error.strerror or str(error)
    return reason if error.filename is None else f"{reason} ({Path(os.fsdecode(error.filename)).name})"


def sha256(path: Path) -> str:
    """Return the SHA-256 checksum of a file as hexadecimal text."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_checksums(folder: Path, checksums: Mapping[str, str]) -> None:
    """Write the checksums of a folder's files by name, as ``sha256sum --check`` reads them."""
    with atomic_write(folder / CHECKSUMS) as partial:
        partial.write_text("".join(f"{checksums[name]}  {name}\n" for name in sorted(checksums)), encoding="utf-8")


def read_checksums(folder: Path) -> dict[str, str]:
    """Return the checksums that a folder lists by file name; raise ``ValueError`` for a damaged list."""
    text = (folder / CHECKSUMS).read_text(encoding="utf-8")
    entries = _LINE.findall(text)
    # Every line is one, and none leads out of the folder.
    is_whole = sum(len(digest) + len(name) + 3 for digest, name in entries) == len(text)
    if not (entries and is_whole) or any(".." in name.split("/") for _, name in entries):
        raise ValueError(f"{CHECKSUMS} is damaged")
    return {name: digest for digest, name in entries}


def changed_file(folder: Path, checksums: Mapping[str, str], names: Iterable[str] | None = None) -> str | None:
    """Return the first file of ``names`` (all that are listed) that is not as ``checksums`` says; None where all are.

    Raises
    ------
    OSError
        A file that is there and cannot be read.
    """
    for name in checksums if names is None else names:
        path = folder / name
        if name not in checksums or not path.is_file() or sha256(path) != checksums[name]:
            return name
    return None
