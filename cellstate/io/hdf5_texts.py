"""Texts of an HDF5 file that nobody vouches for.

A text of any length is stored as how long it is and where it lies, and HDF5 makes room for what the file says, whatever
lies there. So what it says is looked at first.
"""

from __future__ import annotations

import re
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5p

from cellstate.errors import ReadError
from cellstate.io.hdf5 import check_bytes, check_dataset, damaged
from cellstate.io.pieces import matches

#: Bytes of text read at once when each of its values may be as long as the file.
_AT_ONCE_BYTES = 200_000_000
#: What is stored of a text of any length: bytes of it, where its heap begins, and which entry of the heap it is.
_ENTRY = np.dtype([("bytes", "<u4"), ("heap", "<u8"), ("number", "<u4")])
#: An attribute that is one text, as HDF5 writes its type, its shape (none), and then how many bytes it has.
_ATTRIBUTE = re.compile(
    rb"[\x19\x29\x39\x49]\x01.{2}\x10\0{3}[\x10-\x4f].{3}\x01\0{3}(?:.{4})?(?:\0{4})?(?:\x01\0{7}|\x02\0{3})(.{4})",
    re.DOTALL,
)


def check_attributes(data: bytes) -> None:
    """Raise ``ReadError`` for a file with an attribute that says it is longer than the file."""
    if any(int.from_bytes(found[1], "little") > len(data) for found in matches(data, _ATTRIBUTE)):
        raise damaged()


def texts(node: Any, data: bytes) -> list[str]:
    """Return a one-dimensional dataset as text.

    Parameters
    ----------
    node : h5py.Dataset
    data : bytes
        The file.

    Raises
    ------
    ReadError
        Where it is no text, or longer than the file can hold.
    """
    if not isinstance(node, h5py.Dataset) or node.shape is None or len(node.shape) != 1:
        raise damaged()
    check_dataset(node)
    if node.dtype.kind in "iufb":
        return [str(value) for value in node[:].tolist()]
    of_any_length = node.dtype.kind == "O" and h5py.check_string_dtype(node.dtype) is not None
    if node.dtype.kind != "S" and not of_any_length:
        raise damaged()
    if of_any_length and (_entries(node, data)["bytes"] > len(data)).any():
        raise damaged()
    # Values of any length may all point to one long text.
    at_once = max(16, _AT_ONCE_BYTES // max(1, len(data)))
    found: list[str] = []
    n_letters = 0
    for start in range(0, len(node), at_once):
        found += [value.decode("utf-8", "replace") for value in node[start : start + at_once].tolist()]
        n_letters += sum(map(len, found[start:]))
        check_bytes(n_letters, node)
    return found


def _entries(node: Any, data: bytes) -> np.ndarray:
    """Return what is stored of texts of any length, without following it."""
    made = node.id.get_create_plist()
    wide = node.file.id.get_create_plist().get_sizes() == (8, 8)
    if not wide or made.get_layout() not in (h5d.CONTIGUOUS, h5d.CHUNKED):
        raise ReadError("The h5ad file stores its names in an unusual way.", "Write it with AnnData's write_h5ad.")
    if made.get_layout() == h5d.CHUNKED:
        return _unpacked(node, made)
    # Of a dataset to which nothing was written, nothing is stored.
    start, n = node.id.get_offset(), len(node)
    if start is None:
        return np.empty(0, _ENTRY)
    if start + n * _ENTRY.itemsize > len(data):
        raise damaged()
    return np.frombuffer(data, _ENTRY, n, start)


def _unpacked(node: Any, made: Any) -> np.ndarray:
    """Return the entries of a dataset in chunks: HDF5 unpacks them, told that they are nothing but bytes."""
    as_bytes = h5p.create(h5p.DATASET_CREATE)
    as_bytes.set_chunk(node.chunks)
    for place in range(made.get_nfilters()):
        code, flags, values, _ = made.get_filter(place)
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
