"""h5ad files of AnnData 0.7 or later.

The parts of the file are read one by one with the safe functions of `cellstate.io.formats.hdf5`. AnnData's own reader
trusts the file, which is unsafe for uploads.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from cellstate.errors import ReadError
from cellstate.expression.gene_names import MAX_NAME_COLUMNS, best_names, resolve_names
from cellstate.expression.reading import COLUMNS, READING, RawTable, ReadOptions, ReadWarning, check_size
from cellstate.expression.units import unit_in
from cellstate.io.formats import hdf5
from cellstate.io.number_text import to_numbers
from cellstate.io.source import FileContent

#: Units of layers with expression values, by lower-case name; the first one in the file is read.
_LAYERS = {"tpm": "TPM", "counts": "counts", "raw_counts": "counts", "count": "counts", "raw": "counts"}
_LENGTH_COLUMNS = ("effective_length", "length", "gene_length", "feature_length")
#: Columns of ``obs`` that name samples.
_SAMPLE_COLUMNS = ("sample", "sample_id", "sample_name", "Sample", "sampleID", "samples", "donor", "patient", "barcode")
_VALUES_EXAMINED = 100_000


@dataclass(frozen=True)
class MatrixLocation:
    """Paths of a matrix and of the table of its genes, and the unit that its name suggests."""

    path: str
    var: str = "var"
    hint: str | None = None


@dataclass(frozen=True, eq=False)
class Beginning:
    """The first samples and genes of a file.

    Attributes
    ----------
    path : str
        Path of the matrix.
    shape : (int, int)
        Numbers of all samples and all genes.
    samples, genes : list of str
        Names of the first ones.
    values_SF : ndarray of float64
    """

    path: str
    shape: tuple[int, int]
    samples: list[str]
    genes: list[str]
    values_SF: np.ndarray


def read(content: FileContent, options: ReadOptions) -> RawTable:
    """Read the layer of TPM or counts if the file has one, otherwise raw counts or the main matrix."""
    content.report_progress(READING)
    with _open(content) as file:
        table = _read(file, content, options)
    content.report_progress(READING, 1.0)
    return table


def read_beginning(content: FileContent, *, n_samples: int, n_genes: int) -> Beginning:
    """Read the first samples and genes of the matrix that `read` reads."""
    with _open(content) as file:
        obs, matrix = _locate(file)
        node, var = hdf5.get_node(file, matrix.path), hdf5.get_node(file, matrix.var)
        samples, genes = _column(obs, _index(obs), content.data), _column(var, _index(var), content.data)
        values_SF = hdf5.read_corner(node, n_samples, n_genes)
        beginning = Beginning(matrix.path, hdf5.matrix_shape(node), samples[:n_samples], genes[:n_genes], values_SF)
    if beginning.shape != (len(samples), len(genes)):
        raise _mismatch()
    return beginning


@contextmanager
def _open(content: FileContent) -> Iterator[Any]:
    """Open the file; turn any error inside the block into a ``ReadError``."""
    try:
        hdf5.check_attributes(content.data)
        with h5py.File(io.BytesIO(content.data), "r") as file:
            yield file
    except ReadError:
        raise
    # A damaged file can fail anywhere in h5py, with any kind of error.
    except Exception as error:
        raise hdf5.damaged() from error


def _locate(file: Any) -> tuple[Any, MatrixLocation]:
    """Return the table of the samples, and the location of the matrix to read."""
    _refuse_other_hdf5(file)
    obs, layers = hdf5.get_node(file, "obs"), hdf5.get_node(file, "layers")
    if obs is None or "var" not in file or not ("X" in file or layers):
        raise ReadError(
            "This HDF5 file is not an h5ad file.", "Write it with AnnData's write_h5ad.", code="unsupported_h5ad"
        )
    return obs, _choose_matrix(file, layers)


#: HDF5 files of other tools: parts that show them, the tool, and what to do.
_OTHER_HDF5 = (
    (("matrix", "row_attrs", "col_attrs"), "a loom file", "In Python: scanpy.read_loom(FILE).write_h5ad(NEW)."),
    (("matrix/indptr", "matrix/shape"), "a 10x Genomics file (.h5)",
     "In Python: scanpy.read_10x_h5(FILE).write_h5ad(NEW), with the cells summed for each sample."),
    (("aux", "est_counts"), "kallisto's abundance.h5", "Upload the file abundance.tsv beside it."),
    (("assays", "cell.names"), "a Seurat file (.h5seurat)", "In R: SeuratDisk::Convert(FILE, dest = \"h5ad\")."),
    (("mod",), "a MuData file", "Write its RNA part as an .h5ad file."),
)  # fmt: skip


def _refuse_other_hdf5(file: Any) -> None:
    for parts, kind, hint in _OTHER_HDF5:
        if all(part in file for part in parts) and "obs" not in file:
            raise ReadError(f"This is {kind}, not an h5ad file.", hint, code="other_file_kind")


def _mismatch() -> ReadError:
    return ReadError(
        "The h5ad file's matrix does not fit its names.", "Write or download it again.", code="damaged_h5ad"
    )


def _read(file: Any, content: FileContent, options: ReadOptions) -> RawTable:
    obs, matrix = _locate(file)
    node, var = hdf5.get_node(file, matrix.path), hdf5.get_node(file, matrix.var)
    shape = hdf5.matrix_shape(node)
    sample_names, ids = _column(obs, _index(obs), content.data), _column(var, _index(var), content.data)
    if shape != (len(sample_names), len(ids)):
        raise _mismatch()
    if shape[0] > shape[1] and resolve_names("", sample_names).n_genes > max(1, resolve_names("", ids).n_genes):
        check_size(*shape[::-1])
        return _transposed(hdf5.read_matrix(node), sample_names, ids, matrix, content)
    check_size(*shape)
    values_SF = hdf5.read_matrix(node)
    candidates = [resolve_names("var_names", ids)]
    for name in _name_columns(var):
        column = _column(var, name, content.data)
        if len(column) != len(ids):
            raise hdf5.damaged()
        candidates.append(resolve_names(name, column))
    names = best_names(candidates, options.id_type)
    assert names is not None
    sample_names = _sample_names(obs, sample_names, content.data)
    length = next((name for name in _LENGTH_COLUMNS if name in var), None)
    return RawTable(
        values_SF,
        names.ids,
        sample_names,
        "h5ad",
        COLUMNS,
        unit_hint=matrix.hint or unit_in(content.stem),
        length_bp=_lengths(_column(var, length, content.data), len(ids)) if length else None,
        warnings=()
        if matrix.path == "X"
        else (ReadWarning(f"The values are those of {matrix.path!r} in the h5ad file.", "matrix_choice"),),
    )


def _transposed(
    values_FS: np.ndarray, genes: list[str], samples: list[str], matrix: MatrixLocation, content: FileContent
) -> RawTable:
    """Return the table of a file with genes in ``obs`` and samples in ``var``."""
    note = ReadWarning("The file has genes in obs and samples in var; it is read so.", "transposed")
    hint = matrix.hint or unit_in(content.stem)
    return RawTable(
        np.ascontiguousarray(values_FS.T), genes, samples, "h5ad", COLUMNS, unit_hint=hint, warnings=(note,)
    )


def _sample_names(obs: Any, index: list[str], data: bytes) -> list[str]:
    """Return the names of the samples: the index, or a column of names if the index only counts."""
    if not all(name.isdigit() for name in index):
        return index
    for name in _SAMPLE_COLUMNS:
        if name in obs:
            column = _column(obs, name, data)
            if len(column) == len(index) and len(set(column)) == len(column):
                return column
    return index


def _choose_matrix(file: Any, layers: Any) -> MatrixLocation:
    named = {name.lower(): name for name in layers} if isinstance(layers, h5py.Group) else {}
    for wanted, hint in _LAYERS.items():
        if wanted in named:
            return MatrixLocation(f"layers/{named[wanted]}", hint=hint)
    x, raw = hdf5.get_node(file, "X"), hdf5.get_node(file, "raw/X")
    has_x = x is not None and hdf5.matrix_shape(x)[1] > 0
    has_raw = raw is not None and hdf5.get_node(file, "raw/var") is not None
    # X is scaled if it is negative; what it was made of is in raw.
    if has_raw and ((not (has_x and _is_whole(x)) and _is_whole(raw)) or (has_x and _is_negative(x))):
        return MatrixLocation("raw/X", "raw/var")
    return MatrixLocation("X" if x is not None else f"layers/{next(iter(named.values()))}")


def _is_negative(node: Any) -> bool:
    """Return whether the first values are negative in part, as after scaling."""
    return bool((_first_values(node) < 0).any())


def _is_whole(node: Any) -> bool:
    """Return whether the first values are whole numbers, as counts are."""
    first = _first_values(node)
    return bool((first == np.floor(first)).all())


def _first_values(node: Any) -> np.ndarray:
    stored = node if isinstance(node, h5py.Dataset) else hdf5.get_node(node, "data")
    width = hdf5.matrix_shape(node)[1] if stored is node else 1
    return hdf5.read_numbers(stored, max(1, _VALUES_EXAMINED // max(1, width)))


def _index(table: Any) -> str:
    """Return the name of the column that names the rows."""
    if not isinstance(table, h5py.Group):
        raise ReadError(
            "This h5ad file is of AnnData before 0.7.", "Write it again with a newer AnnData.", code="unsupported_h5ad"
        )
    return hdf5.attribute(table, "_index") or "_index"


def _name_columns(var: Any) -> list[str]:
    """Return the columns that may hold gene names: text, and numeric Entrez ids."""
    found = []
    for name in var:
        node = hdf5.get_node(var, name)
        is_text = isinstance(node, h5py.Dataset) and (node.dtype.kind in "SO" or "categories" in node.attrs)
        is_category = isinstance(node, h5py.Group) and ("codes" in node or "values" in node)
        if name != _index(var) and (is_text or is_category or "entrez" in name.lower()):
            found.append(name)
    return found[:MAX_NAME_COLUMNS]


def _column(table: Any, name: str, data: bytes) -> list[str]:
    """Return a column as text: plain, masked, or categorical (AnnData 0.7 stores the categories elsewhere)."""
    node = hdf5.get_node(table, name)
    if isinstance(node, h5py.Group):
        if "values" in node:
            return hdf5.read_texts(hdf5.get_node(node, "values"), data)
        codes, categories = hdf5.get_node(node, "codes"), hdf5.get_node(node, "categories")
    else:
        codes, categories = node, hdf5.get_node(table, f"__categories/{name}")
    if categories is None:
        return hdf5.read_texts(node, data)
    labels = [*hdf5.read_texts(categories, data), ""]  # code -1 is a missing value
    positions = hdf5.read_numbers(codes)
    if positions.ndim != 1 or positions.dtype.kind not in "iu":
        raise hdf5.damaged()
    return [labels[position] for position in positions.tolist()]


def _lengths(column: list[str], n_genes: int) -> np.ndarray:
    if len(column) != n_genes:
        raise hdf5.damaged()
    return to_numbers(column)
