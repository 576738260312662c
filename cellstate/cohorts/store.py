"""Storage of a cohort on disk.

A stored cohort is a folder with ``tpm.npy`` (samples x 19,383 genes, float32, NaN = not measured), ``samples.tsv``
(name, patient, batch, split) and ``manifest.json``. The folder is created atomically.

Shape suffixes: S samples, A genes of the axis, F features of a file.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
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

HINT = "Run: cellstate data get coadread (or hpa) --out DIR"

#: Takes one line about what is done.
ReportLine = Callable[[str], None]


@dataclass(frozen=True)
class Cohort:
    """A stored cohort.

    Attributes
    ----------
    path : Path
    tpm_SA : ndarray of float32, shape (S, 19383), memory-mapped
    table : DataFrame
        One row per sample: name, patient, batch, split.
    manifest : dict
        Source, licence, checksums, counts.
    """

    path: Path
    tpm_SA: np.ndarray
    table: pd.DataFrame
    manifest: dict

    def has(self, split: str) -> bool:
        """Return whether a split has samples."""
        return bool((self.table["split"] == split).any())

    def split(self, name: str) -> Samples:
        """Return the samples of one split; raise ``DataError`` if there are none."""
        rows = np.flatnonzero((self.table["split"] == name).to_numpy())
        if not len(rows):
            raise DataError(
                f"The cohort has no split {name!r}.",
                f"It has: {', '.join(sorted(set(self.table['split'])))}.",
                code="unknown_split",
            )
        return Samples(
            names=tuple(self.table["name"].iloc[rows]),
            tpm_SA=np.asarray(self.tpm_SA[rows]),
            library_size_S=np.full(len(rows), np.nan),
            report=ReadReport(source=f"{self.manifest['name']} {name}", format="cohort", unit="TPM"),
        )


@dataclass(frozen=True)
class CohortContent:
    """Values and table of a `Cohort` before it is stored, and its manifest's name, source and licence."""

    tpm_SA: np.ndarray
    table: pd.DataFrame
    about: dict[str, Any]


def open_cohort(path: Path | str) -> Cohort:
    """Open a stored cohort; raise ``DataError`` if it is missing or incomplete."""
    path = Path(path)
    try:
        manifest = json.loads((path / "manifest.json").read_text())
        table = pd.read_csv(path / "samples.tsv", sep="\t", dtype=str)
        tpm_SA = np.load(path / "tpm.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} holds no complete cohort.", HINT, code="incomplete") from error
    if tpm_SA.shape != (len(table), N_AXIS) or manifest["axis_hash"] != gene_axis().hash:
        raise DataError(f"{path} was stored for another gene axis.", f"Delete it. {HINT}", code="other_axis")
    return Cohort(path, tpm_SA, table, manifest)


def get_or_store(
    out: Path | str, source_sha256: str, make: Callable[[Path], CohortContent], report_progress: ReportLine
) -> Cohort:
    """Return a stored cohort whose checksum is right, or make and store it.

    It can be interrupted and repeated: the folder is written under a temporary name and renamed when complete.

    Parameters
    ----------
    source_sha256 : str
        Checksum of the source, which identifies the cohort.
    make : callable
        Called with a folder for temporary files.

    Raises
    ------
    DataError
        When the folder has other content, or a cohort that was changed.
    """
    out = Path(out)
    if (out / "manifest.json").is_file():
        cohort = open_cohort(out)
        if cohort.manifest["source_sha256"] != source_sha256:
            raise DataError(f"{out} holds another cohort.", "Choose an empty or a new folder.", code="other_cohort")
        if sha256(out / "tpm.npy") != cohort.manifest["sha256"]:
            raise DataError(
                f"{out}/tpm.npy was changed after it was stored.",
                "Delete the folder and run this again.",
                code="changed",
            )
        report_progress(f"already complete: {out}")
        return cohort
    if out.exists() and any(out.iterdir()):
        raise DataError(
            f"{out} exists and holds something else.", "Choose an empty or a new folder.", code="folder_in_use"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
        work = Path(temporary)
        content = make(work)
        stage = work / "stage"
        stage.mkdir()
        _write(content, source_sha256, stage)
        if out.exists():
            out.rmdir()
        os.replace(stage, out)
    report_progress(f"stored: {out}")
    return open_cohort(out)


def _write(content: CohortContent, source_sha256: str, folder: Path) -> None:
    np.save(folder / "tpm.npy", content.tpm_SA)
    content.table.to_csv(folder / "samples.tsv", sep="\t", index=False, lineterminator="\n")
    measured_SA, split = ~np.isnan(content.tpm_SA), content.table["split"]
    manifest = content.about | {
        "source_sha256": source_sha256,
        "axis_hash": gene_axis().hash,
        "n_samples": len(content.table),
        "n_genes": int(measured_SA.any(axis=0).sum()),
        "n_genes_complete": int(measured_SA.all(axis=0).sum()),
        "splits": {s: int((split == s).sum()) for s in split.unique()},
        "sha256": sha256(folder / "tpm.npy"),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def sum_genes(values_SF: np.ndarray, index_F: np.ndarray) -> np.ndarray:
    """Sum features of the same gene, shape (S, 19383); a gene is missing where none of its features has a value.

    Parameters
    ----------
    values_SF : ndarray of float32
    index_F : ndarray of int
        Axis position of the gene of each feature, -1 where there is none.
    """
    sums_SA = np.full((len(values_SF), N_AXIS), np.nan, dtype=np.float32)
    for feature in np.flatnonzero(index_F >= 0):
        column = sums_SA[:, index_F[feature]]
        sums_SA[:, index_F[feature]] = np.where(
            np.isnan(column), values_SF[:, feature], column + np.nan_to_num(values_SF[:, feature])
        )
    return sums_SA
