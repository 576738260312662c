"""Ingested samples on disk.

A store is a folder with ``log1p_tpm.npy`` (samples x 19,383 genes, float16 log1p TPM, NaN = not measured; half a unit
in the last place is at most 0.4 % of a TPM), ``samples.parquet`` (one row a sample: series, split, quality, source) and
``store.json``. The folder is created atomically, and values are read on demand.

Shape suffixes: S samples, A genes of the axis.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellstate.errors import DataError
from cellstate.expression.reading import ReadReport
from cellstate.files import sha256
from cellstate.genes import N_AXIS, gene_axis
from cellstate.samples import Samples

VALUES, TABLE, MANIFEST = "log1p_tpm.npy", "samples.parquet", "store.json"
SPLITS = ("train", "validation", "test")
#: Columns of every table of a store; ``batch`` and other facts of a source are further columns.
COLUMNS = (
    "sample",
    "series",
    "split",
    "library_size",
    "detected_genes",
    "single_cell_probability",
    "median_correlation",
    "duplicate_group",
    "source",
)
FORMAT = 1
AGAIN = "Ingest it again: python -m train ingest archs4 (or table) FILE... --out STORE"


@dataclass(frozen=True, eq=False)
class Store:
    """An ingested collection of samples.

    Attributes
    ----------
    path : Path
    log1p_SA : ndarray of float16, shape (S, 19383), memory-mapped
        log1p TPM, NaN where not measured.
    table : DataFrame
        One row a sample, in the order of the values; `COLUMNS` at least.
    manifest : dict
        ``axis_hash``, ``n_samples``, ``splits``, ``filters`` (samples that each removed), ``sources`` (name, sha256,
        ...), ``complete`` (no value is missing), ``sha256`` (of values and table together: another split is another
        store).
    """

    path: Path
    log1p_SA: np.ndarray
    table: pd.DataFrame
    manifest: dict

    def __len__(self) -> int:
        return len(self.table)

    def rows(self, split: str) -> np.ndarray:
        """Return the positions of the samples of one split; raises ``DataError`` where there is none."""
        rows = np.flatnonzero((self.table["split"] == split).to_numpy())
        if not len(rows):
            held = ", ".join(f"{name} ({n:,})" for name, n in self.manifest["splits"].items() if n)
            raise DataError(f"The store has no sample in split {split!r}.", f"It has: {held}.")
        return rows

    def split(self, name: str, limit: int | None = None, seed: int = 0) -> Samples:
        """Return samples of one split in TPM: all, or at most ``limit`` drawn at random, in the store's order."""
        rows = self.rows(name)
        if limit is not None and limit < len(rows):
            rows = np.sort(np.random.default_rng(seed).choice(rows, limit, replace=False))
        return self.take(rows, f"{self.path.name} {name}")

    def take(self, rows: np.ndarray | slice, source: str) -> Samples:
        """Return the samples of some rows in TPM; ``source`` says in their report where they come from."""
        tpm_SA = self.log1p_SA[rows].astype(np.float32)
        return Samples(
            names=tuple(self.table["sample"].iloc[rows]),
            tpm_SA=np.expm1(tpm_SA, out=tpm_SA),
            library_size_S=self.table["library_size"].to_numpy(np.float64)[rows],
            report=ReadReport(source=source, format="store", unit="TPM"),
        )


def open_store(path: Path | str) -> Store:
    """Open a store; only its table is read.

    Raises
    ------
    DataError
        The folder holds no store, one of another gene axis, or one that is incomplete or was changed.
    """
    path = Path(path)
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        facts = {key: manifest[key] for key in ("format", "axis_hash", "n_samples", "values_bytes", "table_sha256")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} holds no complete store.", AGAIN) from error
    if facts["format"] != FORMAT or facts["axis_hash"] != gene_axis().hash:
        raise DataError(f"{path} was ingested for another gene axis or by another version of CellState.", AGAIN)
    values, table = path / VALUES, path / TABLE
    missing = [file.name for file in (values, table) if not file.is_file()]
    if missing:
        raise DataError(f"The store {path} is incomplete: it lacks {' and '.join(missing)}.", AGAIN)
    if values.stat().st_size != facts["values_bytes"]:
        raise DataError(f"{values} has another size than when it was ingested.", AGAIN)
    if sha256(table) != facts["table_sha256"]:
        raise DataError(f"{table} was changed after it was ingested.", AGAIN)
    try:
        log1p_SA = np.load(values, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{values} is damaged.", AGAIN) from error
    if log1p_SA.shape != (facts["n_samples"], N_AXIS) or log1p_SA.dtype != np.float16:
        raise DataError(f"{values} does not fit the store's description.", AGAIN)
    return Store(path, log1p_SA, pd.read_parquet(table), manifest)


def row_bytes(log1p_SA: np.ndarray) -> memoryview:
    """Return rows in the format of the file."""
    return np.ascontiguousarray(log1p_SA, dtype="<f2").reshape(-1).view(np.uint8).data


def write_store(folder: Path, blocks: Iterable[np.ndarray], table: pd.DataFrame, about: dict[str, Any]) -> dict:
    """Write the files of a store into an existing folder and check the values by reading; returns the manifest.

    Parameters
    ----------
    blocks : iterable of ndarray of float16, shape (any number, 19383)
        The rows, in the order of the table.
    table : DataFrame
        `COLUMNS` at least.
    about : dict
        Entries of the manifest: filters, sources, settings.

    Raises
    ------
    DataError
        The values on disk differ from those that were written.
    """
    values, digest, complete, n_written = folder / VALUES, hashlib.sha256(), True, 0
    with open(values, "wb") as file:
        header = {"descr": "<f2", "fortran_order": False, "shape": (len(table), N_AXIS)}
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        for block_SA in blocks:
            rows = row_bytes(block_SA)
            digest.update(rows)
            file.write(rows)
            complete = complete and not np.isnan(block_SA).any()
            n_written += len(block_SA)
        file.flush()
        os.fsync(file.fileno())
    if n_written != len(table):
        raise ValueError(f"{n_written} rows were given for a table of {len(table)}")
    with open(values, "rb") as file:
        file.seek(start)
        if hashlib.file_digest(file, "sha256").digest() != digest.digest():
            raise DataError(f"{values.name} reads back other than it was written.", "Check the disk, then run again.")
    table.to_parquet(folder / TABLE, index=False)
    sums = {"values_sha256": digest.hexdigest(), "table_sha256": sha256(folder / TABLE)}
    manifest = about | {
        "format": FORMAT,
        "axis_hash": gene_axis().hash,
        "n_samples": len(table),
        "splits": {split: int((table["split"] == split).sum()) for split in SPLITS},
        "complete": complete,
        "values_bytes": values.stat().st_size,
        **sums,
        "sha256": hashlib.sha256("\n".join(sums.values()).encode()).hexdigest(),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest
