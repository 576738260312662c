"""Safe reads from untrusted HDF5 files.

A file may refer to other files (links, external storage, virtual datasets), claim sizes that it does not have, contain
cycles, and point outside an array. Nothing here follows a link, and every size is checked before memory is allocated.
"""

from __future__ import annotations

import math
import re
from typing import Any

import h5py
import numpy as np
import scipy.sparse
from h5py import h5d, h5p

from cellstate.errors import ReadError
from cellstate.io.source import find_matches

#: Expanded data may have this size, or this multiple of the file size; sparse single-cell counts reach about 100.
MAX_BYTES, MAX_RATIO = 100_000_000, 100
#: A stored chunk may be larger than its data by this factor and this number of bytes: checksums, failed compression.
_CHUNK_EXTRA = 1.1, 4096
#: gzip stops at the size of the chunk (since HDF5 2.0). LZF does not stop and expands a byte to up to 88, so only small
#: chunks are accepted.
_LZF, _MAX_LZF_BYTES = 32000, 1_000_000

#: Bytes of text that are read together, if each value may be as long as the file.
_BATCH_BYTES = 200_000_000
#: Stored form of a text of variable length: its number of bytes, address of its heap, index in the heap.
_ENTRY = np.dtype([("bytes", "<u4"), ("heap", "<u8"), ("number", "<u4")])
#: A text attribute in the bytes of the file: its type, its (scalar) shape, and its number of bytes.
_ATTRIBUTE = re.compile(
    rb"[\x19\x29\x39\x49]\x01.{2}\x10\0{3}[\x10-\x4f].{3}\x01\0{3}(?:.{4})?(?:\0{4})?(?:\x01\0{7}|\x02\0{3})(.{4})",
    re.DOTALL,
)


def damaged(why: str = "") -> ReadError:
    """Return the error for a file with contradictory content."""
    return ReadError(f"The h5ad file is damaged or cut short{why}.", "Write or download it again.", code="damaged_h5ad")


def get_node(group: Any, path: str) -> Any:
    """Return a group or dataset below a group, or None; raise ``ReadError`` if it is in another file or place."""
    node = group
    for name in filter(None, path.split("/")):
        link = node.get(name, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise _refers_elsewhere()
        node = node[name]
    if isinstance(node, h5py.Dataset) and (node.external or node.is_virtual):
        raise _refers_elsewhere()
    return node


def check_bytes(n_bytes: int, node: Any) -> None:
    """Raise ``ReadError`` for a size that is out of proportion to the file."""
    if n_bytes > max(MAX_BYTES, MAX_RATIO * node.file.id.get_filesize()):
        raise ReadError("The h5ad file is too large once unfolded.", "Split it by samples.", code="too_large")


def check_dataset(node: Any) -> None:
    """Raise ``ReadError`` for a dataset whose expanded size is out of proportion to the file."""
    chunk = math.prod(node.chunks or ())
    check_bytes(max(8, node.dtype.itemsize) * max(node.size, chunk), node)
    if node.chunks:
        # For a text of variable length, 16 bytes with its address are stored.
        _check_chunks(node, chunk * (16 if node.dtype.kind == "O" else node.dtype.itemsize))


def _check_chunks(node: Any, n_bytes: int) -> None:
    """Raise ``ReadError`` if a chunk of ``n_bytes`` is stored with more bytes, or may expand to far more."""
    stored: list[int] = [0]
    node.id.chunk_iter(lambda chunk: stored.append(chunk.size) if chunk.size > stored[-1] else None)
    times, more = _CHUNK_EXTRA
    if stored[-1] > times * n_bytes + more:
        raise damaged()
    properties = node.id.get_create_plist()
    if stored[-1] > _MAX_LZF_BYTES and any(
        properties.get_filter(i)[0] == _LZF for i in range(properties.get_nfilters())
    ):
        raise ReadError(
            "The h5ad file is packed by LZF in blocks that are too large.",
            "Write it with gzip.",
            code="unsupported_h5ad",
        )


def attribute(node: Any, name: str) -> str:
    """Return a text attribute; empty where there is none."""
    if name not in node.attrs or (stored := node.attrs.get_id(name)).shape != () or stored.get_type().committed():
        return ""
    value = node.attrs[name]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def matrix_shape(node: Any) -> tuple[int, int]:
    """Return the shape of a dense or sparse matrix; raise ``ReadError`` if the node is not a matrix."""
    found: Any = None
    if isinstance(node, h5py.Dataset):
        found = node.shape
    elif name := next((n for n in ("shape", "h5sparse_shape") if n in node.attrs), None):
        stored = node.attrs.get_id(name)
        found = node.attrs[name].tolist() if stored.shape == (2,) and stored.dtype.kind in "iu" else None
    if found is None or len(found) != 2 or min(found) < 0:
        raise ReadError(
            "The h5ad file has no matrix of expression values.", "Write it with the counts in X.", code="no_matrix"
        )
    return int(found[0]), int(found[1])


def read_numbers(node: Any, rows: int | None = None) -> np.ndarray:
    """Return a numeric dataset, or its first rows; raise ``ReadError`` for other nodes."""
    if not isinstance(node, h5py.Dataset) or node.dtype.kind not in "iufb" or not node.shape:
        raise damaged()
    check_dataset(node)
    return node[: node.shape[0] if rows is None else rows]


def read_matrix(node: Any) -> np.ndarray:
    """Return a dense or sparse matrix as float64."""
    n_rows, n_columns = matrix_shape(node)
    check_bytes(8 * n_rows * n_columns, node)
    if isinstance(node, h5py.Dataset):
        return np.asarray(read_numbers(node), dtype=np.float64)
    form = _sparse_form(node)
    values, inner, ends = (read_numbers(get_node(node, name)) for name in ("data", "indices", "indptr"))
    n_outer, n_inner = (n_rows, n_columns) if form == "csr" else (n_columns, n_rows)
    is_consistent = (
        values.ndim == inner.ndim == ends.ndim == 1
        and {inner.dtype.kind, ends.dtype.kind} <= {"i", "u"}
        and len(ends) == n_outer + 1
        and ends[0] == 0
        and ends[-1] == len(values) == len(inner)
        and bool((ends[1:] >= ends[:-1]).all())
        and (not len(inner) or (inner.min() >= 0 and inner.max() < n_inner))
    )
    if not is_consistent:  # expanding it would write outside the matrix
        raise damaged()
    constructor = {"csr": scipy.sparse.csr_matrix, "csc": scipy.sparse.csc_matrix}[form]
    parts = (values.astype(np.float64), inner.astype(np.int64), ends.astype(np.int64))
    return constructor(parts, shape=(n_rows, n_columns)).toarray()


def read_corner(node: Any, n_rows: int, n_columns: int) -> np.ndarray:
    """Return at most the first ``n_rows`` rows and ``n_columns`` columns of a dense or sparse matrix as float64."""
    whole = matrix_shape(node)
    n_rows, n_columns = min(n_rows, whole[0]), min(n_columns, whole[1])
    if isinstance(node, h5py.Dataset):
        return np.asarray(read_numbers(node, n_rows)[:, :n_columns], dtype=np.float64)
    by_row = _sparse_form(node) == "csr"
    n_outer, n_inner = (n_rows, n_columns) if by_row else (n_columns, n_rows)
    ends = read_numbers(get_node(node, "indptr"), n_outer + 1)
    if ends.shape != (n_outer + 1,) or ends.dtype.kind not in "iu" or ends[0] or (ends[1:] < ends[:-1]).any():
        raise damaged()
    values, inner = (read_numbers(get_node(node, name), int(ends[-1])) for name in ("data", "indices"))
    if not values.shape == inner.shape == (int(ends[-1]),) or inner.dtype.kind not in "iu" or (inner < 0).any():
        raise damaged()
    outer = np.repeat(np.arange(n_outer), [int(n) for n in np.diff(ends)])
    corner, is_inside = np.zeros((n_outer, n_inner)), inner < n_inner
    np.add.at(corner, (outer[is_inside], inner[is_inside]), values[is_inside])
    return corner if by_row else corner.T


def _sparse_form(node: Any) -> str:
    """Return ``csr`` or ``csc``; raise ``ReadError`` for another form."""
    form = attribute(node, "encoding-type").removesuffix("_matrix") or attribute(node, "h5sparse_format")
    if form not in ("csr", "csc"):
        raise damaged()
    return form


def _refers_elsewhere() -> ReadError:
    return ReadError(
        "The h5ad file refers to other files or places.", "Write it with AnnData's write_h5ad.", code="refers_elsewhere"
    )


def check_attributes(data: bytes) -> None:
    """Raise ``ReadError`` if a text attribute claims to be longer than the file: HDF5 would allocate that memory."""
    if any(int.from_bytes(found[1], "little") > len(data) for found in find_matches(data, _ATTRIBUTE)):
        raise damaged()


def read_texts(node: Any, data: bytes) -> list[str]:
    """Return a one-dimensional dataset as text.

    Parameters
    ----------
    node : h5py.Dataset
    data : bytes
        Content of the file.

    Raises
    ------
    ReadError
        When the node is not text, or its texts claim to be longer than the file.
    """
    if not isinstance(node, h5py.Dataset) or node.shape is None or len(node.shape) != 1:
        raise damaged()
    check_dataset(node)
    if node.dtype.kind in "iufb":
        return [str(value) for value in node[:].tolist()]
    has_variable_length = node.dtype.kind == "O" and h5py.check_string_dtype(node.dtype) is not None
    if node.dtype.kind != "S" and not has_variable_length:
        raise damaged()
    if has_variable_length and (_entries(node, data)["bytes"] > len(data)).any():
        raise damaged()
    # All values may point to the same long text.
    batch = max(16, _BATCH_BYTES // max(1, len(data)))
    texts: list[str] = []
    n_chars = 0
    for start in range(0, len(node), batch):
        texts += [value.decode("utf-8", "replace") for value in node[start : start + batch].tolist()]
        n_chars += sum(map(len, texts[start:]))
        check_bytes(n_chars, node)
    return texts


def _entries(node: Any, data: bytes) -> np.ndarray:
    """Return the stored form of texts of variable length, without reading the texts."""
    properties = node.id.get_create_plist()
    has_wide_addresses = node.file.id.get_create_plist().get_sizes() == (8, 8)
    if not has_wide_addresses or properties.get_layout() not in (h5d.CONTIGUOUS, h5d.CHUNKED):
        raise ReadError(
            "The h5ad file stores its names in an unusual way.",
            "Write it with AnnData's write_h5ad.",
            code="unsupported_h5ad",
        )
    if properties.get_layout() == h5d.CHUNKED:
        return _unpack_entries(node, properties)
    # A dataset to which nothing was written has no stored data.
    start, n = node.id.get_offset(), len(node)
    if start is None:
        return np.empty(0, _ENTRY)
    if start + n * _ENTRY.itemsize > len(data):
        raise damaged()
    return np.frombuffer(data, _ENTRY, n, start)


def _unpack_entries(node: Any, properties: Any) -> np.ndarray:
    """Return the entries of a chunked dataset: HDF5 unpacks a copy that is declared as plain bytes."""
    as_bytes = h5p.create(h5p.DATASET_CREATE)
    as_bytes.set_chunk(node.chunks)
    for place in range(properties.get_nfilters()):
        code, flags, values, _ = properties.get_filter(place)
        as_bytes.set_filter(code, flags, values)
    with h5py.File.in_memory() as file:
        space = h5py.h5s.create_simple(node.shape)
        raw = h5py.Dataset(h5d.create(file.id, b"entries", h5py.h5t.py_create(np.dtype("V16")), space, as_bytes))
        chunks: list[tuple[int, ...]] = []
        node.id.chunk_iter(lambda chunk: chunks.append(chunk.chunk_offset))
        for offset in chunks:
            mask, stored = node.id.read_direct_chunk(offset)
            raw.id.write_direct_chunk(offset, stored, mask)
        return np.frombuffer(raw[:].tobytes(), _ENTRY)
