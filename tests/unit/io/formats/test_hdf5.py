"""Parts of HDF5 files: matrices whole and their corners, dense and sparse, and what is damage."""

from __future__ import annotations

import io
from collections.abc import Iterator

import anndata
import h5py
import numpy as np
import pytest
import scipy.sparse

from cellstate.io.formats import hdf5
from tests.support.read_codes import raises_code

VALUES = np.array([[0.0, 2.0, 0.0, 5.0], [1.0, 0.0, 3.0, 0.0], [0.0, 0.0, 4.0, 6.0]])
FORMS = {"dense": np.asarray, "csr": scipy.sparse.csr_matrix, "csc": scipy.sparse.csc_matrix}


@pytest.fixture
def file() -> Iterator[h5py.File]:
    """A file in memory with the matrix in each form."""
    with h5py.File(io.BytesIO(), "w") as opened:
        for name, make in FORMS.items():
            anndata.io.write_elem(opened, name, make(VALUES))
        yield opened


@pytest.mark.parametrize("form", FORMS)
def test_matrix_and_corner(file: h5py.File, form: str) -> None:
    assert hdf5.matrix_shape(file[form]) == (3, 4)
    np.testing.assert_array_equal(hdf5.read_matrix(file[form]), VALUES)
    for rows, columns in ((1, 1), (2, 3), (3, 4), (9, 2), (2, 9), (0, 0)):
        np.testing.assert_array_equal(hdf5.read_corner(file[form], rows, columns), VALUES[:rows, :columns])


def test_first_rows_of_numbers(file: h5py.File) -> None:
    file["n"] = np.arange(5)
    assert hdf5.read_numbers(file["n"]).tolist() == [0, 1, 2, 3, 4]
    assert hdf5.read_numbers(file["n"], 2).tolist() == [0, 1]
    for name, value in (("text", "abc"), ("one", 3.0), ("complex", np.ones(2, complex))):
        file[name] = value
        with raises_code("damaged_h5ad"):
            hdf5.read_numbers(file[name])
    with raises_code("damaged_h5ad"):
        hdf5.read_numbers(file["csr"])


DAMAGE = {
    "an index behind the end": ("indices", lambda a: np.where(a == a.max(), 4, a)),
    "an index before the start": ("indices", lambda a: np.where(a == a.max(), -1, a)),
    "indices that are not whole": ("indices", lambda a: a.astype(float)),
    "ends that are not whole": ("indptr", lambda a: a.astype(float)),
    "an end too few": ("indptr", lambda a: a[:-1]),
    "an end too many": ("indptr", lambda a: np.append(a, a[-1])),
    "a start that is not 0": ("indptr", lambda a: np.append(1, a[1:])),
    "ends that fall": ("indptr", lambda a: np.array([0, 4, 2, 6])),
    "a last end behind the values": ("indptr", lambda a: np.append(a[:-1], 9)),
    "a value too few": ("data", lambda a: a[:-1]),
    "values in two dimensions": ("data", lambda a: a[:, None]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_sparse_parts_that_do_not_fit_are_refused(file: h5py.File, damage: str) -> None:
    name, change = DAMAGE[damage]
    changed = change(file[f"csr/{name}"][:])
    del file[f"csr/{name}"]
    file[f"csr/{name}"] = changed
    with raises_code("damaged_h5ad"):
        hdf5.read_matrix(file["csr"])


@pytest.mark.parametrize("shape", [(3,), (-3, 4), (3.0, 4.0), "three"])
def test_a_shape_that_is_none_is_no_matrix(file: h5py.File, shape: object) -> None:
    file["csr"].attrs["shape"] = shape
    with raises_code("no_matrix"):
        hdf5.matrix_shape(file["csr"])
    file["cube"] = np.zeros((2, 2, 2))
    with raises_code("no_matrix"):
        hdf5.matrix_shape(file["cube"])


def test_texts_of_every_kind_and_numbers_as_names(file: h5py.File) -> None:
    file["variable"], file["fixed"], file["numbers"] = ["a", "é"], np.array([b"a", b"b"]), [1, 2]
    data = bytes(1000)
    assert hdf5.read_texts(file["fixed"], data) == ["a", "b"]
    assert hdf5.read_texts(file["numbers"], data) == ["1", "2"]
    for name, value in (("table", np.array([["a"]], "S")), ("records", np.zeros(2, [("a", int)])), ("scalar", b"a")):
        file[name] = value
        with raises_code("damaged_h5ad"):
            hdf5.read_texts(file[name], data)


def test_a_size_out_of_proportion_is_refused(file: h5py.File) -> None:
    most = max(hdf5.MAX_BYTES, hdf5.MAX_RATIO * file.id.get_filesize())
    hdf5.check_bytes(most, file["dense"])
    with raises_code("too_large"):
        hdf5.check_bytes(most + 1, file["dense"])
