"""Hostile files, made in code and small when sent.

`HOSTILE` maps a name to a function that makes the bytes. Such files may end the process, fill the memory, or read a
file that was not uploaded.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from benchmarks.fuzz_seeds import N_GENES, N_SAMPLES, frame, h5ad_seeds

WIDE = 200_000


def table(cell: str = "3", *, header: str = "gene,a,b", genes: int = N_GENES) -> bytes:
    """Return a valid table with one given cell in its second row."""
    rows = [f"{gene},{5 * i % 7 + 1},{2 * i}" for i, gene in enumerate(frame().index[:genes])]
    rows[1] = f"{rows[1].split(',')[0]},{cell},4"
    return "\n".join([header, *rows, ""]).encode()


def changed(change: Callable[[h5py.File], object], seed: int = 0) -> bytes:
    """Return a valid h5ad file (0 dense, 1 csr, 2 csc) after a change."""
    buffer = io.BytesIO(h5ad_seeds()[seed])
    with h5py.File(buffer, "r+") as file:
        change(file)
    return buffer.getvalue()


def replaced(path: str, make: Callable[[h5py.Group, str], object], seed: int = 0) -> bytes:
    """Return a valid h5ad file with one part replaced by ``make(group, name)``."""

    def change(file: h5py.File) -> None:
        group, name = file[path].parent, path.rpartition("/")[2]
        del group[name]
        make(group, name)

    return changed(change, seed)


def referring(secret: Path) -> dict[str, bytes]:
    """Return h5ad files whose values or names are in another file, by each means of HDF5."""

    def virtual(group: h5py.Group, name: str) -> None:
        layout = h5py.VirtualLayout((N_SAMPLES, N_GENES), "f8")
        layout[:] = h5py.VirtualSource(str(secret), "X", (N_SAMPLES, N_GENES))
        group.create_virtual_dataset(name, layout)

    def behind_a_link(file: h5py.File) -> None:
        file["elsewhere"] = h5py.ExternalLink(str(secret), "/")
        del file["X"]
        file["X"] = h5py.SoftLink("/elsewhere/X")

    def behind_a_reference(file: h5py.File) -> None:
        hidden = file.create_dataset("hidden", (N_GENES,), "S8", external=[(str(secret), 0, 8 * N_GENES)])
        del file["var/gene_ids"]
        file["var/gene_ids"] = np.arange(N_GENES, dtype="i1")
        file["var/gene_ids"].attrs["categories"] = hidden.ref

    external = h5py.ExternalLink(str(secret), "/X")
    stored = [(str(secret), 0, 8 * N_SAMPLES * N_GENES)]
    return {
        "external link": replaced("X", lambda group, name: group.__setitem__(name, external)),
        "external link to names": replaced(
            "var/gene", lambda group, name: group.__setitem__(name, h5py.ExternalLink(str(secret), "/var/gene"))
        ),
        "external storage": replaced(
            "X", lambda group, name: group.create_dataset(name, (N_SAMPLES, N_GENES), "f8", external=stored)
        ),
        "virtual dataset": replaced("X", virtual),
        "soft link to an external link": changed(behind_a_link),
        "reference to external storage": changed(behind_a_reference),
    }


def _claim(*shape: int, dtype: str = "f8") -> Callable[[h5py.Group, str], object]:
    return lambda group, name: group.create_dataset(name, shape, dtype, chunks=tuple(min(n, 1000) for n in shape))


def _set(path: str, at: int, value: int) -> Callable[[h5py.File], object]:
    return lambda file: file[path].__setitem__(at, value)


def _shape(*shape: int) -> Callable[[h5py.File], object]:
    return lambda file: file["X"].attrs.__setitem__("shape", np.array(shape))


def _packed_zeros(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, data=np.zeros((3000, 20_000), "i1"), chunks=(3000, 20_000), compression="gzip")


def _one_long_text(group: h5py.Group, name: str) -> None:
    """Name every gene by the same long text."""
    group.create_dataset(name, data=["A" * 200_000] * N_GENES, dtype=h5py.string_dtype())


def _doubling(group: h5py.Group, name: str) -> None:
    inner = group.create_group(name)
    for _ in range(40):
        below = inner.create_group("a")
        inner["b"] = below
        inner = below


def _bomb(line: bytes, megabytes: int) -> bytes:
    return gzip.compress(line * (megabytes * 1_000_000 // len(line)), mtime=0)


def _zip_bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("counts.csv", bytes(20_000_000))
    return buffer.getvalue()


def _wide(cell: bytes, width: int = WIDE) -> bytes:
    header = b"sample," + b",".join(b"g%d" % i for i in range(width))
    return b"\n".join([header, *[b"a" + (b"," + cell) * width] * 2, b""])


HOSTILE: dict[str, Callable[[], bytes]] = {
    # Text
    "exponent that overflows": lambda: table("1e3000000000"),
    "exponent that overflows among text": lambda: table("1e3000000000").replace(b",2\n", b",-x\n"),
    "exponent that overflows in the header": lambda: table(header="gene,1e3000000000,2"),
    "exponent that overflows in a length": lambda: table("1e3000000000", header="gene,length,b"),
    "values below every number": lambda: b"gene,a\n" + b"".join(b"%s,1e-320\n" % g.encode() for g in frame().index),
    "200,000 columns of numbers": lambda: _wide(b"1"),
    "200,000 columns of text": lambda: _wide(b"x1"),
    "200,000 columns, numbers among text": lambda: _wide(b"1") + b"b" + b",x" * WIDE + b"\n",
    "90,000 columns of numbers": lambda: _wide(b"1", width=90_000),
    "200,000 columns without names": lambda: b"TP53" + b",1" * WIDE + b"\nMYC" + b",2" * WIDE + b"\n",
    "20,000 samples of one gene": lambda: b"sample,TP53\n" + b"".join(b"s%d,1\n" % i for i in range(20_000)),
    "one long word": lambda: b"gene,a\n" + b"Aa" * 1_000_000 + b",1\nTP53,2\n",
    "one long title-case word": lambda: table().replace(b"gene,", b"Gene" + b"a" * 50_000 + b"!,"),
    "long title-case names": lambda: table() + b"".join(b"A" + b"a" * 20_000 + b"!%d,1,2\n" % i for i in range(40)),
    "one long number": lambda: table("9" * 1_000_000),
    "long number with commas": lambda: table().replace(b",", b";") + b"TP53;" + b"1,234" * 40_000 + b";2\n",
    "a million quotes": lambda: table() + b'"' * 1_000_000,
    "one wide row among many": lambda: table() + b"TP53,1,2\n" * 20_000 + b"MYC" + b",1" * 3000 + b"\n",
    "one wide row first": lambda: b"gene" + b",a" * 3000 + b"\n" + b"TP53,1,2\n" * 20_000,
    "lengths below every number": lambda: table("1e-320", header="gene,length,b"),
    "NUL among the values": lambda: table("1\x002"),
    "UTF-16 without byte-order mark": lambda: table().decode().encode("utf-16-le"),
    "UTF-16 cut in a letter": lambda: table().decode().encode("utf-16")[:-1],
    "letters of Latin-1": lambda: table(header="gène,ä,b").decode().encode("latin-1"),
    "HTML in the names": lambda: table(header="gene,<script>alert(1)</script>,<img src=x onerror=alert(2)>"),
    "line ends of Unicode": lambda: table().replace(b"\n", "\u2028".encode()),
    "GCT of a billion": lambda: b"#1.3\n999999999\t999999999\t999999999\t9\n" + table().replace(b",", b"\t"),
    # Packed
    "gzip bomb of zeros": lambda: _bomb(bytes(1000), 150),
    "gzip bomb of short cells": lambda: _bomb(b"1,2\n" * 250, 99),
    "gzip bomb of letters": lambda: _bomb(b"x,y\n" * 250, 99),
    "gzip bomb of one wide line": lambda: _bomb(b"1,", 30),
    "gzip bomb of a gene": lambda: gzip.compress(b"gene,a\n" + b"TP53,1\n" * 14_000_000, mtime=0),
    "gzip with a damaged length": lambda: gzip.compress(table())[:-4] + b"\xff\xff\xff\x7f",
    "gzip with rubbish after it": lambda: gzip.compress(table()) + b"rubbish",
    "zip bomb": _zip_bomb,
    # h5ad
    "dense claim of 10^18 values": lambda: replaced("X", _claim(10**9, 10**9)),
    "dense claim of 240 million values": lambda: replaced("X", _claim(20_000, 12_000)),
    "sparse claim of 10^18 values": lambda: changed(_shape(10**9, 10**9), 1),
    "sparse claim of 240 million values": lambda: changed(_shape(20_000, 12_000), 1),
    "sparse claim of negative size": lambda: changed(_shape(-3, -60), 1),
    "sparse column outside": lambda: changed(_set("X/indices", 3, 10_000_000), 1),
    "sparse column before": lambda: changed(_set("X/indices", 3, -10_000_000), 2),
    "sparse row ends going back": lambda: changed(_set("X/indptr", 1, 2**30), 1),
    "200 million indices": lambda: replaced("X/indices", _claim(200_000_000, dtype="i4"), 1),
    "200 million names": lambda: replaced("var/gene", _claim(200_000_000, dtype="S1")),
    "names of 5 MB each": lambda: replaced("var/gene", _claim(N_GENES, dtype="S5000000")),
    "60 million zeros in one packed chunk": lambda: replaced("X", _packed_zeros),
    "one long text for every gene": lambda: replaced("var/gene", _one_long_text),
    "soft link to itself": lambda: replaced("X", lambda g, n: g.__setitem__(n, h5py.SoftLink("/X"))),
    "group that holds itself": lambda: replaced("layers", lambda g, n: g.create_group(n).__setitem__("tpm", g[n])),
    "groups reached 2^40 ways": lambda: replaced("layers", _doubling),
    "values that are text": lambda: replaced("X", lambda g, n: g.create_dataset(n, data=np.full((3, 60), b"1"))),
    "values that are bytes of any kind": lambda: replaced("X", lambda g, n: g.create_dataset(n, (3, 60), "V8")),
    "values that are complex": lambda: replaced("X", lambda g, n: g.create_dataset(n, data=np.ones((3, 60), "c16"))),
    "category that does not exist": lambda: changed(_set("var/gene_ids/codes", 0, 120)),
    "names that are not text": lambda: replaced("var/gene", lambda g, n: g.create_dataset(n, data=[b"\xff\xfe"] * 60)),
}  # fmt: skip
