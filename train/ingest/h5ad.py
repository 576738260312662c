"""Large h5ad files in parts: some samples of an h5ad file are an h5ad file again, which the same reader reads."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cellstate.io import ReadOptions, read_samples
from cellstate.samples import Samples

#: Values that are unfolded at once; a file of more is read in parts.
PART_VALUES = 20_000_000


@dataclass(frozen=True)
class Part:
    """A file, or some samples of it.

    Attributes
    ----------
    path : Path
    label : str
        What the file is called in the store.
    first, end : int
        Samples of a file that is read in parts; ``end`` is 0 for a whole file.
    unit : list of str
        The unit, one for the whole file, whatever a few samples look like: shared by its parts, empty until one of
        them is read.
    """

    path: Path
    label: str
    first: int = 0
    end: int = 0
    unit: list[str] = field(default_factory=list)

    def read(self) -> Samples:
        """Read the samples of this part; raises ``ReadError``."""
        if not self.end:
            return read_samples(self.path)
        if self.first and not self.unit:
            Part(self.path, self.label, 0, self.end - self.first, self.unit).read()
        decided = ReadOptions(format="h5ad", unit=self.unit[0] if self.unit else None)
        samples = read_samples(_rows(self.path, self.first, self.end), name=self.path.name, options=decided)
        if not self.unit:
            self.unit.append(samples.report.unit)
        return samples


def parts_of(path: Path, label: str) -> list[Part]:
    """Return the parts to read one by one: the whole file, but for a large h5ad file whose samples lie row by row."""
    whole = [Part(path, label)]
    if not (path.is_file() and h5py.is_hdf5(path)):
        return whole
    try:
        with h5py.File(path, "r") as file:
            shapes = {_shape(file[name]) for name in _matrices(file)}
            index = file["obs"][file["obs"].attrs["_index"]]
            if len({n_rows for n_rows, _ in shapes}) != 1 or shapes.copy().pop()[0] != len(index):
                return whole
    except (OSError, RuntimeError, KeyError, ValueError, TypeError):
        return whole  # the reader says what is wrong with it
    n_samples, n_columns = max(shapes)
    if n_samples * n_columns <= PART_VALUES:
        return whole
    size, unit = max(1, PART_VALUES // n_columns), list[str]()
    return [Part(path, label, i, min(i + size, n_samples), unit) for i in range(0, n_samples, size)]


def _rows(path: Path, first: int, end: int) -> bytes:
    """Return an h5ad file of some samples: their names, all matrices, all genes."""
    target = io.BytesIO()
    with h5py.File(path, "r") as file, h5py.File(target, "w") as part:
        part.attrs.update(file.attrs)
        for name in ("var", "raw/var"):
            if name in file:
                file.copy(file[name], part, name)
        obs, index = part.create_group("obs"), file["obs"].attrs["_index"]
        obs.attrs.update(dict(file["obs"].attrs) | {"column-order": np.array([], dtype=h5py.string_dtype())})
        _copy(file["obs"][index], obs, index, first, end)
        for name in _matrices(file):
            node = file[name]
            if isinstance(node, h5py.Dataset):
                _copy(node, part, name, first, end)
                continue
            sparse, start = part.create_group(name), node["indptr"][first : end + 1]
            sparse.attrs.update(dict(node.attrs) | {"shape": np.array([end - first, _shape(node)[1]])})
            sparse["indptr"] = start - start[0]
            for values in ("data", "indices"):
                sparse[values] = node[values][int(start[0]) : int(start[-1])]
    return target.getvalue()


def _copy(node: Any, group: Any, name: str, first: int, end: int) -> None:
    copy = group.create_dataset(name, data=node[first:end], dtype=node.dtype)
    copy.attrs.update(node.attrs)


def _matrices(file: Any) -> Iterator[str]:
    """Yield where matrices of samples x genes lie."""
    yield from (name for name in ("X", "raw/X") if name in file)
    yield from (f"layers/{name}" for name in file.get("layers", ()))


def _shape(node: Any) -> tuple[int, int]:
    """Return the shape of a matrix; raises ``ValueError`` for one whose samples do not lie row by row."""
    if isinstance(node, h5py.Group) and node.attrs["encoding-type"] != "csr_matrix":
        raise ValueError("not row by row")
    n_rows, n_columns = node.shape if isinstance(node, h5py.Dataset) else node.attrs["shape"]
    return int(n_rows), int(n_columns)
