"""Any files that CellState reads: tables of counts or TPM, quantifiers' output, h5ad; and a table about the samples.

A text file is read whole, by its reader, one at a time; an h5ad file in parts (`parts_of`).

Shape suffixes: S samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
import pandas as pd

from cellstate.errors import DataError, ReadError, summarise_list
from cellstate.samples import Samples

from .h5ad import Part, parts_of
from .source import Block, labels

#: What the table about the samples may call them.
_NAMES = ("sample", "name", "sample_id", "geo_accession")


@dataclass(frozen=True, eq=False)
class Tables:
    """Samples of any files that `cellstate.read_samples` reads; see `open_tables`.

    Attributes
    ----------
    parts : sequence of Part
    about : DataFrame or None
        One row a sample, by name: series, split, batch and further columns, all of text.
    """

    files: Sequence[Path]
    parts: Sequence[Part]
    about: pd.DataFrame | None
    _one_reads: Lock = field(default_factory=Lock)

    @property
    def n_parts(self) -> int:
        """Files, or parts of large ones."""
        return len(self.parts)

    def read(self, part: int) -> Block:
        """Read one part; what is no expression profile is refused with the file's name."""
        chosen = self.parts[part]
        # A whole file may fill much of the memory: never two of them.
        with self._one_reads:
            try:
                samples = chosen.read()
            except ReadError as error:
                raise ReadError(f"{chosen.label}: {error.message}", error.hint) from error
            return _block(samples, chosen)

    def describe(self, table: pd.DataFrame) -> pd.DataFrame:
        """Add what the table about the samples says."""
        if self.about is None:
            return table
        if missing := [name for name in table["sample"] if name not in self.about.index]:
            raise DataError(
                f"{len(missing):,} samples are not in the table of series: {summarise_list(missing)}.",
                "Add a row for each.",
            )
        return table.drop(columns="series").join(self.about, on="sample", rsuffix="_given")


def open_tables(files: Sequence[Path], about: Path | None = None) -> Tables:
    """Open files for ingest, and a table about their samples: columns sample and series, split and batch if wanted.

    Raises
    ------
    ReadError, DataError
        A file that is missing; a table without a column of samples, without series, or with a sample twice.
    """
    if missing := [path for path in files if not path.is_file()]:
        raise ReadError(f"There is no file {missing[0]}.", "Check the name.")
    parts = [part for path, label in zip(files, labels(files), strict=True) for part in parts_of(path, label)]
    if about is None:
        return Tables(tuple(files), tuple(parts), None)
    return Tables((*files, about), tuple(parts), _read_about(about))


def _block(samples: Samples, part: Part) -> Block:
    log1p_SA = np.empty(samples.tpm_SA.shape, np.float16)
    for row_A, tpm_A in zip(log1p_SA, samples.tpm_SA, strict=True):
        row_A[:] = np.log1p(tpm_A)
    table = pd.DataFrame(
        {
            "sample": samples.names,
            "series": "",
            "library_size": samples.library_size_S,
            "detected_genes": samples.detected_genes_S,
            "single_cell_probability": np.nan,
            "source": part.label,
            "position": part.first + np.arange(len(samples)),
        }
    )
    return Block(log1p_SA, table)


def _read_about(path: Path) -> pd.DataFrame:
    try:
        with open(path, encoding="utf-8-sig") as lines:
            separator = "\t" if "\t" in lines.readline() else ","
        table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"{path.name} cannot be read as a table.", "Write CSV or TSV with a header.") from error
    table.columns = [str(column).strip() for column in table.columns]
    name = next((column for column in _NAMES if column in table), None)
    if name is None or "series" not in table:
        raise DataError(
            f"{path.name} lacks a column {'series' if name else 'sample'}.",
            "Its columns are sample, series and, where wanted, split and batch.",
        )
    table = table.rename(columns={name: "sample"}).apply(lambda column: column.str.strip())
    if (twice := table["sample"][table["sample"].duplicated()]).size:
        raise DataError(f"{path.name} has sample {twice.iloc[0]!r} twice.", "Write one row a sample.")
    return table.set_index("sample")
