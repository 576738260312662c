"""Any files that CellState reads: tables of counts or TPM, quantifiers' output, h5ad; and a table about the samples.

A text file is read whole, one at a time. A large h5ad file is read in parts, each again a small h5ad file.

Shape suffixes: S samples.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import h5py
import numpy as np
import pandas as pd

from cellstate.errors import DataError, ReadError, summarise_list
from cellstate.io import ReadOptions, read_samples
from cellstate.samples import Samples

from .source import Block, labels

#: Column names of the samples in the table about them.
_NAMES = ("sample", "name", "sample_id", "geo_accession")
#: An h5ad file with more values is read in parts.
PART_VALUES = 20_000_000


@dataclass(frozen=True)
class TablePart:
    """A file, or some samples of it.

    Attributes
    ----------
    path : Path
    label : str
        The file's label in the store.
    first, end : int
        Samples of a file that is read in parts; ``end`` is 0 for a whole file.
    unit : list of str
        The unit of the whole file, shared by its parts; empty until one of them is read.
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
            TablePart(self.path, self.label, 0, self.end - self.first, self.unit).read()
        decided = ReadOptions(format="h5ad", unit=self.unit[0] if self.unit else None)
        samples = read_samples(_rows(self.path, self.first, self.end), name=self.path.name, options=decided)
        if not self.unit:
            self.unit.append(samples.report.unit)
        return samples


def parts_of(path: Path, label: str) -> list[TablePart]:
    """Return the parts of a large h5ad file whose samples are rows; of any other file, the whole."""
    whole = [TablePart(path, label)]
    if not (path.is_file() and h5py.is_hdf5(path)):
        return whole
    try:
        with h5py.File(path, "r") as file:
            shapes = {_shape(file[name]) for name in _matrices(file)}
            index = file["obs"][file["obs"].attrs["_index"]]
            if len({n_rows for n_rows, _ in shapes}) != 1 or shapes.copy().pop()[0] != len(index):
                return whole
    except (OSError, RuntimeError, KeyError, ValueError, TypeError):
        return whole  # the reader reports the error
    n_samples, n_columns = max(shapes)
    if n_samples * n_columns <= PART_VALUES:
        return whole
    size, unit = max(1, PART_VALUES // n_columns), list[str]()
    return [TablePart(path, label, i, min(i + size, n_samples), unit) for i in range(0, n_samples, size)]


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
    """Yield the paths of matrices of samples x genes."""
    yield from (name for name in ("X", "raw/X") if name in file)
    yield from (f"layers/{name}" for name in file.get("layers", ()))


def _shape(node: Any) -> tuple[int, int]:
    """Return the shape of a matrix; raises ``ValueError`` where samples are not rows."""
    if isinstance(node, h5py.Group) and node.attrs["encoding-type"] != "csr_matrix":
        raise ValueError("not row by row")
    n_rows, n_columns = node.shape if isinstance(node, h5py.Dataset) else node.attrs["shape"]
    return int(n_rows), int(n_columns)


@dataclass(frozen=True, eq=False)
class Tables:
    """Samples of any files that `cellstate.read_samples` reads; see `open_tables`.

    Attributes
    ----------
    parts : sequence of TablePart
    about : DataFrame or None
        One row a sample, by name: series, split, batch and further columns, all of text.
    """

    files: Sequence[Path]
    parts: Sequence[TablePart]
    about: pd.DataFrame | None
    _one_reads: Lock = field(default_factory=Lock)

    @property
    def n_parts(self) -> int:
        """Files, or parts of large ones."""
        return len(self.parts)

    def read(self, part: int) -> Block:
        """Read one part; raises ``ReadError`` with the file's name for what is no expression profile."""
        chosen = self.parts[part]
        # A whole file may fill much of the memory: never two of them.
        with self._one_reads:
            try:
                samples = chosen.read()
            except ReadError as error:
                raise ReadError(f"{chosen.label}: {error.message}", error.hint) from error
            return _block(samples, chosen)

    def describe(self, table: pd.DataFrame) -> pd.DataFrame:
        """Add the columns of the table about the samples."""
        if self.about is None:
            return table
        if missing := [name for name in table["sample"] if name not in self.about.index]:
            raise DataError(
                f"{len(missing):,} samples are not in the table of series: {summarise_list(missing)}.",
                "Add a row for each.",
            )
        return table.drop(columns="series").join(self.about, on="sample", rsuffix="_given")


def open_tables(files: Sequence[Path], about: Path | None = None) -> Tables:
    """Open files for ingest, and a table about their samples: columns sample and series, split and batch if wanted.

    Raises
    ------
    ReadError, DataError
        A file that is missing; a table without a column of samples, without series, or with a sample twice.
    """
    if missing := [path for path in files if not path.is_file()]:
        raise ReadError(f"There is no file {missing[0]}.", "Check the name.")
    parts = [part for path, label in zip(files, labels(files), strict=True) for part in parts_of(path, label)]
    if about is None:
        return Tables(tuple(files), tuple(parts), None)
    return Tables((*files, about), tuple(parts), _read_about(about))


def _block(samples: Samples, part: TablePart) -> Block:
    log1p_SA = np.empty(samples.tpm_SA.shape, np.float16)
    for row_A, tpm_A in zip(log1p_SA, samples.tpm_SA, strict=True):
        row_A[:] = np.log1p(tpm_A)
    table = pd.DataFrame(
        {
            "sample": samples.names,
            "series": "",
            "library_size": samples.library_size_S,
            "detected_genes": samples.detected_genes_S,
            "single_cell_probability": np.nan,
            "source": part.label,
            "position": part.first + np.arange(len(samples)),
        }
    )
    return Block(log1p_SA, table)


def _read_about(path: Path) -> pd.DataFrame:
    try:
        with open(path, encoding="utf-8-sig") as lines:
            separator = "\t" if "\t" in lines.readline() else ","
        table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"{path.name} cannot be read as a table.", "Write CSV or TSV with a header.") from error
    table.columns = [str(column).strip() for column in table.columns]
    name = next((column for column in _NAMES if column in table), None)
    if name is None or "series" not in table:
        raise DataError(
            f"{path.name} lacks a column {'series' if name else 'sample'}.",
            "Its columns are sample, series and, where wanted, split and batch.",
        )
    table = table.rename(columns={name: "sample"}).apply(lambda column: column.str.strip())
    if (twice := table["sample"][table["sample"].duplicated()]).size:
        raise DataError(f"{path.name} has sample {twice.iloc[0]!r} twice.", "Write one row a sample.")
    return table.set_index("sample")
