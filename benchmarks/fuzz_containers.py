"""What goes wrong inside HDF5 and safetensors files: their parts are changed, then their bytes."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from random import Random
from typing import Any

import h5py
import numpy as np

from benchmarks.fuzz_mutations import BYTES, mutate

_BIG = 10**9
_ENCODINGS = (
    "array", "string-array", "csr_matrix", "csc_matrix", "dataframe", "categorical", "nullable-integer",
    "nullable-boolean", "nullable-string-array", "rec-array", "dict", "anndata", "awkward-array", "string",
    "numeric-scalar", "null", "raw", "mudata", "", "\x00", "é",
)  # fmt: skip
_ATTRIBUTES: tuple[tuple[str, Any], ...] = (
    ("shape", (_BIG, _BIG)), ("shape", (3, 2**62)), ("shape", (-3, -60)), ("shape", (3,)), ("shape", "three"),
    ("shape", (20_000, 12_000)), ("shape", (3, 61)), ("shape", (2.5, np.nan)), ("_index", "../X"),
    ("_index", "/X/data"), ("_index", "absent"), ("_index", ""), ("column-order", ["absent"]),
    ("column-order", ["_index", "_index"]),
    ("column-order", np.arange(5)), ("column-order", "gene_ids"), ("encoding-version", "99.9"),
    ("encoding-version", 7), ("ordered", "perhaps"), ("length", _BIG), ("form", "{}"),
)  # fmt: skip


def _claim(shape: tuple[int, ...], dtype: str = "f8") -> Callable[[h5py.Group, str], object]:
    """Return what makes a dataset that claims to be large and holds nothing."""
    return lambda group, name: group.create_dataset(name, shape, dtype, chunks=tuple(min(n, 1000) for n in shape))


def _put(value: Any) -> Callable[[h5py.Group, str], object]:
    return lambda group, name: group.create_dataset(name, data=value)


def _virtual(group: h5py.Group, name: str) -> None:
    layout = h5py.VirtualLayout((3, 60), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "X", (3, 60))
    group.create_virtual_dataset(name, layout)


def _bloom(group: h5py.Group, name: str) -> None:
    """Nest groups so that each level is reached twice as often as the one above."""
    inner = group.create_group(name)
    for _ in range(40):
        below = inner.create_group("a")
        inner["b"] = below
        inner = below


def _loop(group: h5py.Group, name: str) -> None:
    group.create_group(name)["again"] = group


def _nest(group: h5py.Group, name: str) -> None:
    for _ in range(250):
        group = group.create_group(name)


_PUT: tuple[Callable[[h5py.Group, str], object], ...] = (
    _claim((_BIG, _BIG)), _claim((20_000, 12_000)), _claim((200_000_000,)), _claim((3, 60)), _claim((_BIG,), "i8"),
    _claim((10_000_000,), h5py.string_dtype()), _virtual, _bloom, _loop, _nest, _put(h5py.Empty("f8")), _put(3.5),
    _put(np.zeros((0, 60))), _put(np.zeros((3, 0))), _put(np.zeros((3, 60, 2))), _put(np.full((3, 60), np.nan)),
    _put(np.full((3, 60), np.inf)), _put(np.full((3, 60), 1e308)), _put(np.ones((3, 60), "c16")),
    _put(np.ones((3, 60), "f2")), _put(np.ones((3, 60), bool)), _put(np.full((3, 60), 2**63, "u8")),
    _put(np.full((3, 60), -7)), _put(np.full(60, b"\xff\xfe")), _put(np.full(60, b"<b>")),
    _put(np.array(["TP53"] * 60, object)), _put(np.array([["1"] * 60] * 3, object)), _put(np.arange(60)),
    _put(np.arange(-30, 30)), _put(np.arange(60) * 2**40), _put(np.zeros(60, [("a", "f8"), ("b", "S5")])),
    _put(np.zeros(3, [("a", "f8", (60,))])), _put(np.zeros(60, "V9")), _put("text"), _put(np.full(60, "x" * 5000, "S")),
    lambda group, name: group.create_group(name),
    lambda group, name: group.create_dataset(name, (60,), h5py.ref_dtype),
    lambda group, name: group.create_dataset(name, (3, 60), "f8", external=[("/etc/hostname", 0, 1440)]),
    lambda group, name: group.__setitem__(name, h5py.SoftLink(f"{group.name}/{name}")),
    lambda group, name: group.__setitem__(name, h5py.SoftLink("/obs")),
    lambda group, name: group.__setitem__(name, h5py.ExternalLink("other.h5", "/X")),
    lambda group, name: group.__setitem__(name, group.file),
)  # fmt: skip


#: Sizes whose product, or whose number of bytes, is small again in 64 or 32 bits.
_WRAPS = (
    2**61, 2**61 + 3, 2**61 + 60, 2**63, 2**63 - 1, 2**64 - 1, 2**64 - 8, 2**62 + 3, 2**32, 2**32 + 3, 2**32 + 60,
    2**31, 2**29 + 3, 2**33, 2**58 + 3, 0,
)  # fmt: skip


def change_hdf5(random: Random, data: bytes, other: bytes) -> bytes:
    """Change parts of an HDF5 file, the sizes and addresses that hold it together, or its bytes."""
    chance = random.random()
    if chance < 0.7:
        data = _change_parts(random, data)
    if chance > 0.6:
        data = random.choice((_wrap_sizes, _redirect))(random, data)
    return mutate(random, data, other, BYTES) if random.random() < 0.2 else data


def _change_parts(random: Random, data: bytes) -> bytes:
    """Change one to three groups, datasets or attributes, as a library would write them."""
    held = io.BytesIO(data)
    with h5py.File(held, "r+") as file:
        for _ in range(random.choice((1, 1, 2, 3))):
            paths: list[str] = []
            file.visit(paths.append)
            if not paths:
                break
            # What the library itself refuses to write stays as it was.
            with (
                suppress(ValueError, KeyError, TypeError, OSError, RuntimeError, AttributeError, OverflowError),
                np.errstate(all="ignore"),
            ):
                _change_part(random, file, random.choice(paths))
    return held.getvalue()


def _wrap_sizes(random: Random, data: bytes) -> bytes:
    """Write sizes that wrap where the file holds a dimension or a number of bytes."""
    sizes: set[int] = set()

    def note(_: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Dataset) and node.shape:
            sizes.update((*node.shape, *(node.chunks or ()), node.id.get_storage_size()))

    with h5py.File(io.BytesIO(data), "r") as file:
        file.visititems(note)
    return _overwrite(random, data, sizes - {0}, _WRAPS)


def _redirect(random: Random, data: bytes) -> bytes:
    """Let addresses of objects point to other objects, back to where they come from, or out of the file."""
    with h5py.File(io.BytesIO(data), "r") as file:
        addresses = {int(h5py.h5o.get_info(file.id).addr)}
        file.visititems(lambda _, node: addresses.add(int(h5py.h5o.get_info(node.id).addr)))
    others = (*sorted(addresses), 0, len(data), len(data) - 8, 2**64 - 1, 2**63)
    return _overwrite(random, data, addresses, others)


def _overwrite(random: Random, data: bytes, numbers: Collection[int], others: Sequence[int]) -> bytes:
    """Exchange some of the places of a file that hold one of these numbers in 64 bits."""
    places = [
        match.start() for number in numbers for match in re.finditer(re.escape(number.to_bytes(8, "little")), data)
    ]
    changed = bytearray(data)
    for at in random.sample(sorted(places), min(len(places), random.choice((1, 1, 2, 4)))):
        changed[at : at + 8] = random.choice(others).to_bytes(8, "little")
    return bytes(changed)


def _change_part(random: Random, file: h5py.File, path: str) -> None:
    node = file[path]
    group, name = node.parent, path.rpartition("/")[2]
    what = random.choice(("attribute", "encoding", "numbers", "delete", "put", "put", "put", "move"))
    if what == "attribute":
        key, value = random.choice(_ATTRIBUTES)
        node.attrs[key] = value
    elif what == "encoding":
        encoding = random.choice(_ENCODINGS)
        node.attrs["encoding-type"] = encoding if encoding != "\x00" else b"\xff"
    elif what == "numbers" and isinstance(node, h5py.Dataset) and node.size and node.dtype.kind in "iuf":
        # One number, as a declared shape may be larger than any memory.
        at = tuple(random.randrange(n) for n in node.shape)
        node[at] = random.choice((-1, 0, 120, 127, *((np.nan, 1e308, -np.inf) if node.dtype.kind == "f" else ())))
    else:
        del group[name]
        if what == "put":
            random.choice(_PUT)(group, name)
        elif what == "move":
            group.create_group("raw")["X"] = node


_METADATA = (
    "{", "[]", "7", "null", '"x"', "{}", '{"schema_version": 1}', '{"schema_version": 1e999}',
    '{"schema_version": 1, "config": [], "gene_hash": 7}', "[" * 100_000, "9" * 5000, "\x00",
)  # fmt: skip
_CONFIG: tuple[tuple[str, Any], ...] = (
    ("widths", [30, 10**12, 30]), ("widths", [10**9, 10**9, 1, 10**9, 10**9]), ("widths", [30, 1e999, 30]),
    ("widths", [30] * 50_000), ("widths", [30, -1, 30]), ("widths", [30, float("nan"), 30]), ("widths", []),
    ("widths", "30"), ("widths", [[30], 4, [30]]), ("widths", {"30": 1}), ("widths", [30, 2**63, 30]),
    ("widths", [True, True, True]), ("widths", [30, 10**400, 30]), ("widths", None), ("activation", "eval"),
    ("activation", ["relu"]), ("activation", {}), ("name", 7), ("name", "<b>"), ("name", None), ("residual", 1),
    ("residual", True), ("residual", None), ("__class__", "os.system"), ("extra", 1),
)  # fmt: skip
_TYPES = ("F64", "F32", "F16", "BF16", "I64", "I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "U64", "F4", "C64", "X", "", 7)
_SHAPES: tuple[Any, ...] = (
    [],
    [0],
    [30],
    [8, 30],
    [30, 8],
    [2**62, 4],
    [-1],
    [1.5],
    [2**32, 2**32],
    "30",
    None,
    [1] * 70,
    [30, 0],
)


#: NaN and both infinities as a file holds them.
_NO_NUMBERS = {
    "F32": (b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"\x00\x00\x80\xff"),
    "F16": (b"\x00\x7e", b"\x00\x7c", b"\x00\xfc"),
}


def change_safetensors(random: Random, data: bytes, other: bytes) -> bytes:
    """Change what a safetensors header says, its length, a number of its tensors, or the bytes of the file."""
    if random.random() < 0.25:
        return mutate(random, data, other, BYTES)
    size = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    if random.random() < 0.1:
        return data[: 8 + size] + _spoil(random, header, body)
    for _ in range(random.choice((1, 1, 2))):
        _change_entry(random, header)
    text = json.dumps(header).encode()
    lie = random.choice((0,) * 12 + (-1, 1, 8, 10**6, 2**40, 2**62))
    packed = max(0, len(text) + lie).to_bytes(8, "little") + text + body
    return mutate(random, packed, other, BYTES) if random.random() < 0.1 else packed


def _spoil(random: Random, header: dict[str, Any], body: bytes) -> bytes:
    """Put what is no number in place of one number of a tensor."""
    entry = random.choice([entry for entry in header.values() if entry.get("dtype") in _NO_NUMBERS])
    value = random.choice(_NO_NUMBERS[entry["dtype"]])
    begin, end = entry["data_offsets"]
    at = random.randrange(begin, end, len(value))
    return body[:at] + value + body[at + len(value) :]


def _change_entry(random: Random, header: dict[str, Any]) -> None:
    names = [name for name in header if name != "__metadata__"]
    if random.random() < 0.45 or not names:
        metadata = header.get("__metadata__")
        _change_metadata(random, header, metadata if isinstance(metadata, dict) else {})
        return
    entry = header[name := random.choice(names)]
    what = random.choice(("dtype", "shape", "offsets", "delete", "rename", "swap", "entry"))
    if what == "dtype" and isinstance(entry, dict):
        entry["dtype"] = random.choice(_TYPES)
    elif what == "shape" and isinstance(entry, dict):
        entry["shape"] = random.choice(_SHAPES)
    elif what == "offsets" and isinstance(entry, dict):
        entry["data_offsets"] = [random.choice((0, -1, 8, 2**62, 2**64, 1.5, None)) for _ in range(2)]
    elif what == "swap":
        other = random.choice(names)
        header[name], header[other] = header[other], header[name]
    elif what == "entry":
        header[name] = random.choice((None, [], {}, 7, "x"))
    else:
        del header[name]
        if what == "rename":
            header[random.choice(("x", "", "\x00", "layers.0.weight", "a" * 9999, "../x"))] = entry


def _change_metadata(random: Random, header: dict[str, Any], metadata: dict[str, Any]) -> None:
    key = next(iter(metadata), "cellstate")
    try:
        inner = json.loads(metadata[key])
        config = inner["config"]
    except (KeyError, TypeError, ValueError, RecursionError):
        inner, config = None, None
    if isinstance(config, dict) and random.random() < 0.75:
        name, value = random.choice(_CONFIG)
        config[name] = value
        header["__metadata__"] = {key: json.dumps(inner)}
    else:
        header["__metadata__"] = random.choice(({key: random.choice(_METADATA)}, {}, None, 7, {"x": "y"}, {key: 7}))
