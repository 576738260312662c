"""Finished parts of an ingest, kept until the store is complete, so that a killed run can continue.

``.STORE.partial`` holds ``rows.f16`` (the rows of the finished parts) and ``journal.jsonl``: a fingerprint of sources
and settings, then a line a part. A part counts once its line is complete; rows after the last counted one are
overwritten. Each part's checksum is compared when it is read.

Shape suffixes: S samples, A genes of the axis.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cellstate.errors import DataError
from cellstate.genes import N_AXIS

from ..store import row_bytes
from .source import Block

_ROWS, _JOURNAL = "rows.f16", "journal.jsonl"
_ROW_BYTES = 2 * N_AXIS
#: Rows that are read at once.
_AT_ONCE = 128


class Journal:
    """The work folder of one ingest; parts of an ingest with another fingerprint are removed.

    Attributes
    ----------
    replaced : bool
        Whether parts of another ingest were removed.
    parts : list of dict
        Lines of the finished parts, in order, without their tables: the first is part 0.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self.replaced = folder.exists() and not self._is_of(fingerprint)
        if self.replaced:
            shutil.rmtree(folder)
        self.parts: list[dict] = []
        self._tables: list[pd.DataFrame] = []
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _ROWS).touch()
        if not (folder / _JOURNAL).exists():
            (folder / _JOURNAL).write_text(json.dumps({"fingerprint": fingerprint}) + "\n", encoding="utf-8")
        self._read()

    @property
    def n_rows(self) -> int:
        """Samples of the finished parts."""
        return sum(part["rows"] for part in self.parts)

    @property
    def removed(self) -> Counter[str]:
        """Samples that each filter removed from the finished parts."""
        removed = Counter[str]()
        for part in self.parts:
            removed.update(part["removed"])
        return removed

    @property
    def table(self) -> pd.DataFrame:
        """One row a sample of the finished parts."""
        return pd.concat(self._tables, ignore_index=True) if self._tables else pd.DataFrame()

    def append(self, block: Block) -> None:
        """Keep the next part."""
        rows = row_bytes(block.log1p_SA)
        with open(self.folder / _ROWS, "r+b") as file:
            file.seek(self.n_rows * _ROW_BYTES)
            file.write(rows)
        part = {
            "rows": len(block.table),
            "removed": dict(block.removed),
            "crc32": zlib.crc32(rows),
            "table": block.table.to_dict("list"),
        }
        with open(self.folder / _JOURNAL, "a", encoding="utf-8") as lines:
            lines.write(json.dumps(part) + "\n")
        self._keep(part)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all rows, some at a time, shape (S, 19383) of float16; raises ``DataError`` where they are damaged."""
        with open(self.folder / _ROWS, "rb") as file:
            for part in self.parts:
                found = 0
                for start in range(0, part["rows"], _AT_ONCE):
                    data = file.read(min(_AT_ONCE, part["rows"] - start) * _ROW_BYTES)
                    found = zlib.crc32(data, found)
                    yield np.frombuffer(data, "<f2").reshape(-1, N_AXIS)
                if found != part["crc32"]:
                    raise DataError("A finished part of the ingest was damaged on disk.", "Run the command again.")

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """Return some samples by position, shape (S, 19383) of float16."""
        log1p_SA = np.empty((len(rows), N_AXIS), "<f2")
        with open(self.folder / _ROWS, "rb", buffering=0) as file:
            for row, into_A in zip(rows, log1p_SA, strict=True):
                file.seek(int(row) * _ROW_BYTES)
                file.readinto(into_A.data)
        return log1p_SA

    def _is_of(self, fingerprint: str) -> bool:
        try:
            with open(self.folder / _JOURNAL, encoding="utf-8") as lines:
                return json.loads(lines.readline())["fingerprint"] == fingerprint
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _keep(self, part: dict) -> None:
        """Count a part; its table as columns of numbers takes a fraction of the memory of its line."""
        table = pd.DataFrame(part.pop("table"))
        if len(table):
            self._tables.append(table.assign(source=table["source"].map(sys.intern)))
        self.parts.append(part)

    def _read(self) -> None:
        """Read the complete lines, and remove an incomplete one."""
        with open(self.folder / _JOURNAL, "r+b") as file:
            end = len(file.readline())
            for line in file:
                try:
                    part = json.loads(line)
                except ValueError:
                    break
                if not line.endswith(b"\n"):
                    break
                self._keep(part)
                end += len(line)
            file.truncate(end)
        if os.path.getsize(self.folder / _ROWS) < self.n_rows * _ROW_BYTES:
            raise DataError("Finished parts of the ingest were cut on disk.", "Run the command again.")
