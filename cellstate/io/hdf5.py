"""Parts of an HDF5 file that nobody vouches for: only what lies in the file itself, and no more than it can hold.

A file may name datasets of other files (links, external storage, virtual datasets), claim sizes that it does not have,
lead in circles, and point outside an array. Nothing here follows a link, and each size is checked before it is read.
"""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np
import scipy.sparse

from cellstate.errors import ReadError

#: What a file unfolds to may be this large, or so many times the file; sparse counts of single cells reach about 100.
MOST_BYTES, MOST_RATIO = 100_000_000, 100
#: What a chunk may take beyond what it unfolds to: a check sum, or packing that did not help.
_CHUNK_EXTRA = 1.1, 4096
#: gzip stops at a chunk's own size (since HDF5 2.0), LZF at no size: it makes up to 88 bytes of one, so only small
#: chunks are trusted.
_LZF, _LZF_BYTES = 32000, 1_000_000


def damaged(why: str = "") -> ReadError:
    """Return the error for a file that contradicts itself."""
    return ReadError(f"The h5ad file is damaged or cut short{why}.", "Write or download it again.")


def part(group: Any, path: str) -> Any:
    """Return a group or dataset below a group, or None; raises ``ReadError`` for one that lies elsewhere."""
    node = group
    for name in filter(None, path.split("/")):
        link = node.get(name, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise _elsewhere()
        node = node[name]
    if isinstance(node, h5py.Dataset) and (node.external or node.is_virtual):
        raise _elsewhere()
    return node


def check_bytes(n_bytes: int, node: Any) -> None:
    """Raise ``ReadError`` for what would unfold to far more than the file's own size."""
    if n_bytes > max(MOST_BYTES, MOST_RATIO * node.file.id.get_filesize()):
        raise ReadError("The h5ad file is too large once unfolded.", "Split it by samples.")


def check_dataset(node: Any) -> None:
    """Raise ``ReadError`` for a dataset that would unfold to far more than the file's own size."""
    chunk = math.prod(node.chunks or ())
    check_bytes(max(8, node.dtype.itemsize) * max(node.size, chunk), node)
    if node.chunks:
        # Of a text of any length, where it lies is stored in its place, in 16 bytes.
        _check_chunks(node, chunk * (16 if node.dtype.kind == "O" else node.dtype.itemsize))


def _check_chunks(node: Any, n_bytes: int) -> None:
    """Raise ``ReadError`` where a chunk of so many bytes is stored as more, or may unfold to far more."""
    stored: list[int] = [0]
    node.id.chunk_iter(lambda chunk: stored.append(chunk.size) if chunk.size > stored[-1] else None)
    times, more = _CHUNK_EXTRA
    if stored[-1] > times * n_bytes + more:
        raise damaged()
    made = node.id.get_create_plist()
    if stored[-1] > _LZF_BYTES and any(made.get_filter(i)[0] == _LZF for i in range(made.get_nfilters())):
        raise ReadError("The h5ad file is packed by LZF in blocks that are too large.", "Write it with gzip.")


def attribute(node: Any, name: str) -> str:
    """Return an attribute that is one word, empty where there is none."""
    if name not in node.attrs or (stored := node.attrs.get_id(name)).shape != () or stored.get_type().committed():
        return ""
    value = node.attrs[name]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def shape(node: Any) -> tuple[int, int]:
    """Return the shape of a dense or sparse matrix; ``ReadError`` where it is none."""
    found: Any = None
    if isinstance(node, h5py.Dataset):
        found = node.shape
    elif name := next((n for n in ("shape", "h5sparse_shape") if n in node.attrs), None):
        stored = node.attrs.get_id(name)
        found = node.attrs[name].tolist() if stored.shape == (2,) and stored.dtype.kind in "iu" else None
    if found is None or len(found) != 2 or min(found) < 0:
        raise ReadError("The h5ad file has no matrix of expression values.", "Write it with the counts in X.")
    return int(found[0]), int(found[1])


def numbers(node: Any, rows: int | None = None) -> np.ndarray:
    """Return a dataset of numbers, or its first rows."""
    if not isinstance(node, h5py.Dataset) or node.dtype.kind not in "iufb" or not node.shape:
        raise damaged()
    check_dataset(node)
    return node[: node.shape[0] if rows is None else rows]


def dense(node: Any) -> np.ndarray:
    """Return a dense or sparse matrix as float64."""
    n_rows, n_columns = shape(node)
    check_bytes(8 * n_rows * n_columns, node)
    if isinstance(node, h5py.Dataset):
        return np.asarray(numbers(node), dtype=np.float64)
    form = _form(node)
    values, inner, ends = (numbers(part(node, name)) for name in ("data", "indices", "indptr"))
    n_outer, n_inner = (n_rows, n_columns) if form == "csr" else (n_columns, n_rows)
    sound = (
        values.ndim == inner.ndim == ends.ndim == 1
        and {inner.dtype.kind, ends.dtype.kind} <= {"i", "u"}
        and len(ends) == n_outer + 1
        and ends[0] == 0
        and ends[-1] == len(values) == len(inner)
        and bool((ends[1:] >= ends[:-1]).all())
        and (not len(inner) or (inner.min() >= 0 and inner.max() < n_inner))
    )
    if not sound:  # unfolding would write outside the matrix
        raise damaged()
    made = {"csr": scipy.sparse.csr_matrix, "csc": scipy.sparse.csc_matrix}[form]
    parts = (values.astype(np.float64), inner.astype(np.int64), ends.astype(np.int64))
    return made(parts, shape=(n_rows, n_columns)).toarray()


def corner(node: Any, n_rows: int, n_columns: int) -> np.ndarray:
    """Return at most so many first rows and columns of a dense or sparse matrix as float64."""
    whole = shape(node)
    n_rows, n_columns = min(n_rows, whole[0]), min(n_columns, whole[1])
    if isinstance(node, h5py.Dataset):
        return np.asarray(numbers(node, n_rows)[:, :n_columns], dtype=np.float64)
    by_row = _form(node) == "csr"
    n_outer, n_inner = (n_rows, n_columns) if by_row else (n_columns, n_rows)
    ends = numbers(part(node, "indptr"), n_outer + 1)
    if ends.shape != (n_outer + 1,) or ends.dtype.kind not in "iu" or ends[0] or (ends[1:] < ends[:-1]).any():
        raise damaged()
    values, inner = (numbers(part(node, name), int(ends[-1])) for name in ("data", "indices"))
    if not values.shape == inner.shape == (int(ends[-1]),) or inner.dtype.kind not in "iu" or (inner < 0).any():
        raise damaged()
    outer = np.repeat(np.arange(n_outer), [int(n) for n in np.diff(ends)])
    found, shown = np.zeros((n_outer, n_inner)), inner < n_inner
    np.add.at(found, (outer[shown], inner[shown]), values[shown])
    return found if by_row else found.T


def _form(node: Any) -> str:
    """Return ``csr`` or ``csc``."""
    form = attribute(node, "encoding-type").removesuffix("_matrix") or attribute(node, "h5sparse_format")
    if form not in ("csr", "csc"):
        raise damaged()
    return form


def _elsewhere() -> ReadError:
    return ReadError("The h5ad file refers to other files or places.", "Write it with AnnData's write_h5ad.")
