"""h5ad (AnnData 0.7 or later): one matrix of expression values, the observations' names and what names the genes best.

The parts are read one by one, as `cellstate.io.hdf5` does: AnnData's own reader trusts the file.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import pandas as pd

from cellstate.errors import ReadError
from cellstate.io import hdf5
from cellstate.io.cells import to_numbers
from cellstate.io.columns import MOST_NAME_COLUMNS, best_names, names_of, unit_in
from cellstate.io.content import Content
from cellstate.io.hdf5_texts import check_attributes, texts
from cellstate.io.progress import READING
from cellstate.io.table import COLUMNS, Overrides, RawTable, check_size

#: Layers that hold unaltered values, by lower-case name, the most telling first.
_LAYERS = {"tpm": "TPM", "counts": "counts", "raw_counts": "counts", "count": "counts", "raw": "counts"}
_LENGTHS = ("effective_length", "length", "gene_length", "feature_length")
_LOOKED_AT = 100_000


@dataclass(frozen=True)
class Matrix:
    """Where a matrix lies in the file, and the table of its genes."""

    path: str
    var: str = "var"
    hint: str | None = None


@dataclass(frozen=True, eq=False)
class Beginning:
    """The first samples and genes of a file.

    Attributes
    ----------
    path : str
        Of the matrix.
    shape : (int, int)
        All samples, all genes.
    samples, genes : list of str
        The first ones.
    values_SF : ndarray of float64
    """

    path: str
    shape: tuple[int, int]
    samples: list[str]
    genes: list[str]
    values_SF: np.ndarray


def read(content: Content, overrides: Overrides) -> RawTable:
    """Read the counts if the file keeps them, otherwise its main matrix."""
    content.told(READING)
    with _opened(content) as file:
        table = _read(file, content, overrides)
    content.told(READING, 1.0)
    return table


def begin(content: Content, *, n_samples: int, n_genes: int) -> Beginning:
    """Read the first samples and genes of the matrix that `read` takes."""
    with _opened(content) as file:
        obs, matrix = _parts(file)
        node, var = hdf5.part(file, matrix.path), hdf5.part(file, matrix.var)
        samples, genes = _column(obs, _index(obs), content.data), _column(var, _index(var), content.data)
        values_SF = hdf5.corner(node, n_samples, n_genes)
        found = Beginning(matrix.path, hdf5.shape(node), samples[:n_samples], genes[:n_genes], values_SF)
    if found.shape != (len(samples), len(genes)):
        raise _misfit()
    return found


@contextmanager
def _opened(content: Content) -> Iterator[Any]:
    """Open the file; whatever fails inside is a damaged file, or a ``ReadError``."""
    try:
        check_attributes(content.data)
        with h5py.File(io.BytesIO(content.data), "r") as file:
            yield file
    except ReadError:
        raise
    # A damaged file fails anywhere in h5py, with errors of any kind.
    except Exception as error:
        raise hdf5.damaged() from error


def _parts(file: Any) -> tuple[Any, Matrix]:
    """Return the table of the samples, and where the matrix is."""
    obs, layers = hdf5.part(file, "obs"), hdf5.part(file, "layers")
    if obs is None or "var" not in file or not ("X" in file or layers):
        raise ReadError("This HDF5 file is not an h5ad file.", "Write it with AnnData's write_h5ad.")
    return obs, _choose(file, layers)


def _misfit() -> ReadError:
    return ReadError("The h5ad file's matrix does not fit its names.", "Write or download it again.")


def _read(file: Any, content: Content, overrides: Overrides) -> RawTable:
    obs, matrix = _parts(file)
    node, var = hdf5.part(file, matrix.path), hdf5.part(file, matrix.var)
    check_size(*hdf5.shape(node))
    values_SF = hdf5.dense(node)
    sample_names, ids = _column(obs, _index(obs), content.data), _column(var, _index(var), content.data)
    if values_SF.shape != (len(sample_names), len(ids)):
        raise _misfit()
    candidates = [names_of("var_names", ids)]
    for name in _name_columns(var):
        column = _column(var, name, content.data)
        if len(column) != len(ids):
            raise hdf5.damaged()
        candidates.append(names_of(name, column))
    names = best_names(candidates, overrides.id_type)
    assert names is not None
    length = next((name for name in _LENGTHS if name in var), None)
    return RawTable(
        values_SF,
        names.ids,
        sample_names,
        "h5ad",
        COLUMNS,
        unit_hint=matrix.hint or unit_in(content.stem),
        length_bp=_lengths(_column(var, length, content.data), len(ids)) if length else None,
        warnings=() if matrix.path == "X" else (f"The values are those of {matrix.path!r} in the h5ad file.",),
    )


def _choose(file: Any, layers: Any) -> Matrix:
    named = {name.lower(): name for name in layers} if isinstance(layers, h5py.Group) else {}
    for wanted, hint in _LAYERS.items():
        if wanted in named:
            return Matrix(f"layers/{named[wanted]}", hint=hint)
    x, raw = hdf5.part(file, "X"), hdf5.part(file, "raw/X")
    has_x = x is not None and hdf5.shape(x)[1] > 0
    if raw is not None and hdf5.part(file, "raw/var") is not None and not (has_x and _is_whole(x)) and _is_whole(raw):
        return Matrix("raw/X", "raw/var")
    return Matrix("X" if x is not None else f"layers/{next(iter(named.values()))}")


def _is_whole(node: Any) -> bool:
    """Whether the first values are whole numbers, as counts are."""
    stored = node if isinstance(node, h5py.Dataset) else hdf5.part(node, "data")
    width = hdf5.shape(node)[1] if stored is node else 1
    first = hdf5.numbers(stored, max(1, _LOOKED_AT // max(1, width)))
    return bool((first == np.floor(first)).all())


def _index(table: Any) -> str:
    """Return the name of the column that names the rows."""
    if not isinstance(table, h5py.Group):
        raise ReadError("This h5ad file is of AnnData before 0.7.", "Write it again with a newer AnnData.")
    return hdf5.attribute(table, "_index") or "_index"


def _name_columns(var: Any) -> list[str]:
    """Return the columns that could name the genes: text, and Entrez ids as numbers."""
    found = []
    for name in var:
        node = hdf5.part(var, name)
        is_text = isinstance(node, h5py.Dataset) and (node.dtype.kind in "SO" or "categories" in node.attrs)
        is_category = isinstance(node, h5py.Group) and ("codes" in node or "values" in node)
        if name != _index(var) and (is_text or is_category or "entrez" in name.lower()):
            found.append(name)
    return found[:MOST_NAME_COLUMNS]


def _column(table: Any, name: str, data: bytes) -> list[str]:
    """Return a column as text: plain, with a mask, or by categories (of AnnData 0.7 beside the column)."""
    node = hdf5.part(table, name)
    if isinstance(node, h5py.Group):
        if "values" in node:
            return texts(hdf5.part(node, "values"), data)
        codes, categories = hdf5.part(node, "codes"), hdf5.part(node, "categories")
    else:
        codes, categories = node, hdf5.part(table, f"__categories/{name}")
    if categories is None:
        return texts(node, data)
    listed = [*texts(categories, data), ""]  # -1 is a missing value
    positions = hdf5.numbers(codes)
    if positions.ndim != 1 or positions.dtype.kind not in "iu":
        raise hdf5.damaged()
    return [listed[position] for position in positions.tolist()]


def _lengths(column: list[str], n_genes: int) -> np.ndarray:
    if len(column) != n_genes:
        raise hdf5.damaged()
    return to_numbers(pd.Series(column, dtype=object))
