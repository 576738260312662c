"""Finished blocks of rows of a pair screen, kept in a folder so that a stopped or killed run goes on where it was.

Their numbers come from a patient's profile: such a folder exists only where the user named one.

Shape suffixes: N pairs of a block.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from cellstate.errors import CellStateError
from cellstate.files import atomic_write

_SETTINGS = "settings.json"
_FILE = re.compile(r"block-(\d{6,})\.npz(\.partial)?")
#: What a cut, overwritten or foreign file raises when it is read as a block.
_DAMAGED = (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError)


@dataclass(frozen=True, eq=False)
class Block:
    """What is left of one block of rows: its best pairs, and a sample of all of them.

    Attributes
    ----------
    a_N, b_N : ndarray of int, shape (N,)
        Positions in the model of the genes of the best pairs.
    value_N : ndarray of float, shape (N,)
        What the pairs are ranked by.
    null_a, null_b, null_value : ndarray, all of one shape
        Pairs drawn at random from the same rows: what the best are held against.
    n_pairs : int
        Pairs of the block, kept or not.
    """

    a_N: np.ndarray
    b_N: np.ndarray
    value_N: np.ndarray
    null_a: np.ndarray
    null_b: np.ndarray
    null_value: np.ndarray
    n_pairs: int

    def __post_init__(self) -> None:
        for names in (("a_N", "b_N", "value_N"), ("null_a", "null_b", "null_value")):
            first, second, value = (np.asarray(getattr(self, name)) for name in names)
            if not first.shape == second.shape == value.shape or value.ndim != 1:
                raise ValueError(f"{', '.join(names)} are not vectors of one length")
            if first.dtype.kind not in "iu" or second.dtype.kind not in "iu" or value.dtype.kind != "f":
                raise ValueError(f"{', '.join(names)} are not two vectors of positions and one of numbers")


class FolderBlocks(MutableMapping[int, Block]):
    """Blocks by their number, one ``.npz`` file each.

    A file is there whole or not at all, so a process may be killed at any moment, and processes that share the folder
    never see half a block. A damaged file counts as missing and is removed: its rows are computed again.

    Parameters
    ----------
    folder : path
        Made where it is not there yet. A folder that holds anything else is refused.
    fingerprint : str
        Names sample, goal, model and settings. A folder of another fingerprint is refused.

    Raises
    ------
    CellStateError
        A folder that was made for something else, or that cannot be read or written.
    """

    def __init__(self, folder: Path | str, fingerprint: str) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._claim(fingerprint)
            found = [number for number in self if number in self]  # reads each block once: drops the damaged
        except OSError as error:
            raise self._unusable(error) from error
        #: Blocks that were there when the folder was opened.
        self.n_found = len(found)

    def _claim(self, fingerprint: str) -> None:
        """Check whose blocks these are, or write it down in a new folder."""
        path = self.folder / _SETTINGS
        # Listed before the settings are looked for: another process may be claiming the folder at this moment.
        foreign = [name for name in os.listdir(self.folder) if not name.startswith(_SETTINGS)]
        if not path.exists():
            if foreign:
                raise CellStateError(
                    f"The folder {self.folder} holds something other than a stopped run.", "Name a new folder."
                )
            text = json.dumps({"fingerprint": fingerprint}, indent=2) + "\n"
            with atomic_write(path, unique=True) as partial:  # each process writes the same
                partial.write_bytes(text.encode())
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))["fingerprint"]
        except (ValueError, KeyError, TypeError) as error:
            raise CellStateError(f"{path} is damaged.", "Choose another folder.") from error
        if kept != fingerprint:
            raise CellStateError(
                f"The folder {self.folder} was made for another sample, goal, model or choice of genes.",
                "Choose another folder, or repeat the command that made this one.",
            )

    def __getitem__(self, number: int) -> Block:
        path = self._path(number)
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                values: dict[str, Any] = {field.name: arrays[field.name] for field in fields(Block)}
            return Block(**values | {"n_pairs": int(values["n_pairs"])})
        except FileNotFoundError as error:
            raise KeyError(number) from error
        except _DAMAGED as error:
            path.unlink(missing_ok=True)
            raise KeyError(number) from error
        except OSError as error:
            raise self._unusable(error) from error

    def __setitem__(self, number: int, block: Block) -> None:
        arrays: dict[str, Any] = {field.name: getattr(block, field.name) for field in fields(Block)}
        try:
            with atomic_write(self._path(number)) as partial, open(partial, "wb") as file:
                np.savez(file, **arrays)
        except OSError as error:
            raise self._unusable(error) from error

    def __delitem__(self, number: int) -> None:
        try:
            self._path(number).unlink()
        except FileNotFoundError as error:
            raise KeyError(number) from error

    def __iter__(self) -> Iterator[int]:
        matches = map(_FILE.fullmatch, os.listdir(self.folder))
        return iter(sorted(int(match[1]) for match in matches if match and not match[2]))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _path(self, number: int) -> Path:
        return self.folder / f"block-{number:06d}.npz"

    def _unusable(self, error: OSError) -> CellStateError:
        return CellStateError(
            f"The folder {self.folder} cannot be used: {error.strerror or error}.",
            "Free or change it, or name another; what is finished is kept.",
        )


def fingerprint(*parts: object) -> str:
    """Return a text that differs when any of some arrays, texts and numbers differs."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype} {part.shape} ".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(f"{type(part).__name__} {part!r} ".encode())
    return digest.hexdigest()
