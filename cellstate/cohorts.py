"""Public cohorts: fetched once on request, checked, cleaned and stored for the trainer and the benchmarks.

A stored cohort is a folder with ``tpm.npy`` (samples x 19,383 genes, float32, NaN = not measured), ``samples.tsv``
(name, patient, batch, split) and ``manifest.json``. It appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cellstate.errors import DataError
from cellstate.expression import ReadReport, Samples, counts_to_tpm
from cellstate.genes import N_AXIS, gene_axis

COADREAD_WHEEL = "TumorDecon==1.1.1"
COADREAD_SHA256 = "ff622444e5c6b02c04542cdbcabaf486c00a587c34ef6421f1c336a8e6f782ed"
COADREAD_MEMBER = "TumorDecon/data/coadred_data_RNA_Seq_v2_expression_median.txt"
#: A gene that no sample of a batch measures is what tells the two sequencers apart; the older one lacks about 3,000.
OLDER_MISSING_GENES = 1_000
SPLITS = ("train", "validation", "test", "older_test")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Cohort:
    """A stored cohort.

    Attributes
    ----------
    path : Path
    tpm_SA : ndarray of float32, shape (S, 19383), memory-mapped
    table : DataFrame
        One row a sample: name, patient, batch, split.
    manifest : dict
        Source, licence, checksums, counts.
    """

    path: Path
    tpm_SA: np.ndarray
    table: pd.DataFrame
    manifest: dict

    def split(self, name: str) -> Samples:
        """Return the samples of one split as `Samples`; raises ``DataError`` for an unknown split."""
        rows = np.flatnonzero((self.table["split"] == name).to_numpy())
        if not len(rows):
            raise DataError(f"The cohort has no split {name!r}.", f"It has: {', '.join(SPLITS)}.")
        return Samples(
            names=tuple(self.table["name"].iloc[rows]),
            tpm_SA=np.asarray(self.tpm_SA[rows]),
            library_size_S=np.full(len(rows), np.nan),
            report=ReadReport(source=f"{self.manifest['name']} {name}", format="cohort", unit="TPM"),
        )


def open_cohort(path: Path | str) -> Cohort:
    """Open a stored cohort, or raise ``DataError`` that says how to get it."""
    path = Path(path)
    try:
        manifest = json.loads((path / "manifest.json").read_text())
        table = pd.read_csv(path / "samples.tsv", sep="\t", dtype=str)
        tpm_SA = np.load(path / "tpm.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} holds no complete cohort.", "Run: cellstate data get coadread") from error
    if tpm_SA.shape != (len(table), N_AXIS) or manifest["axis_hash"] != gene_axis().hash:
        raise DataError(f"{path} was stored for another gene axis.", "Delete it and run: cellstate data get coadread")
    return Cohort(path, tpm_SA, table, manifest)


def get_coadread(out: Path | str, *, wheel: Path | str | None = None, say: Say = lambda _: None) -> Cohort:
    """Fetch, check, clean and store the TCGA colorectal cohort (592 primary tumours).

    Safe to interrupt and to repeat: the folder is made beside its final place and renamed when whole, and a whole
    one that still matches its checksum is returned as it is.

    Parameters
    ----------
    out : path
        Folder of the stored cohort.
    wheel : path, optional
        The wheel of TumorDecon 1.1.1 if it is already on disk; otherwise pip fetches it.
    say : callable
        Receives one line of progress at a time.

    Raises
    ------
    DataError
        When the wheel cannot be had, is not the pinned one, or the folder holds something else.
    """
    out = Path(out)
    if (out / "manifest.json").is_file():
        cohort = open_cohort(out)
        if _sha256(out / "tpm.npy") == cohort.manifest["sha256"]:
            say(f"already complete: {out}")
            return cohort
        raise DataError(f"{out}/tpm.npy was changed after it was stored.", "Delete the folder and run this again.")
    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out} exists and holds something else.", "Choose an empty or a new folder.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
        work = Path(temporary)
        say("fetching the wheel (48 MB)" if wheel is None else f"reading {wheel}")
        source = _download(work) if wheel is None else Path(wheel)
        if not source.is_file():
            raise DataError(f"{source} does not exist.", "Name the wheel of TumorDecon 1.1.1.")
        if _sha256(source) != COADREAD_SHA256:
            raise DataError("The wheel is not the pinned one: its checksum differs.", "Fetch TumorDecon 1.1.1 again.")
        say("cleaning: Entrez ids to genes, negatives to zero, RSEM to TPM")
        with zipfile.ZipFile(source) as archive, archive.open(COADREAD_MEMBER) as lines:
            raw = pd.read_csv(lines, sep="\t", dtype={"Hugo_Symbol": str, "Entrez_Gene_Id": str})
        stage = work / "stage"
        stage.mkdir()
        _store_coadread(raw, stage)
        if out.exists():
            out.rmdir()
        os.replace(stage, out)
    say(f"stored: {out}")
    return open_cohort(out)


def _store_coadread(raw: pd.DataFrame, folder: Path) -> None:
    names = [str(c) for c in raw.columns[2:]]
    values_SF = raw.iloc[:, 2:].to_numpy(np.float32).T
    n_negative = int((values_SF < 0).sum())
    axis = gene_axis()
    index_F = axis.resolve(raw["Entrez_Gene_Id"]).index
    rsem_SA = _sum_genes(np.clip(values_SF, 0, None), index_F)
    missing_S = np.isnan(rsem_SA[:, (~np.isnan(rsem_SA)).any(axis=0)]).sum(axis=1)
    batch = np.where(missing_S > OLDER_MISSING_GENES, "older sequencer", "newer sequencer")
    tpm_SA = counts_to_tpm(rsem_SA.astype(np.float64), axis.length_bp).astype(np.float32)
    patient = [name[:12] for name in names]
    table = pd.DataFrame({"name": names, "patient": patient, "batch": batch, "split": assign_splits(patient, batch)})
    np.save(folder / "tpm.npy", tpm_SA)
    table.to_csv(folder / "samples.tsv", sep="\t", index=False, lineterminator="\n")
    manifest = {
        "name": "TCGA colon and rectum adenocarcinoma",
        "source": f"{COADREAD_WHEEL}, {COADREAD_MEMBER}",
        "source_sha256": COADREAD_SHA256,
        "licence": "MIT (the package); TCGA open-access data",
        "unit": "TPM from RSEM normalised counts and median exonic length",
        "axis_hash": axis.hash,
        "n_samples": len(names),
        "n_genes": int((~np.isnan(tpm_SA)).any(axis=0).sum()),
        "n_genes_complete": int((~np.isnan(tpm_SA)).all(axis=0).sum()),
        "n_negatives_clipped": n_negative,
        "splits": {s: int((table["split"] == s).sum()) for s in table["split"].unique()},
        "sha256": _sha256(folder / "tpm.npy"),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def assign_splits(patient: list[str], batch: np.ndarray) -> list[str]:
    """Split by patient: newer-sequencer patients 70 % train, 10 % validation, 20 % test; older ones a second test set.

    The order comes from a hash of the barcode, so it depends on nothing but the patients. A patient with samples
    from both sequencers is set aside from training.
    """
    older = {p for p, b in zip(patient, batch, strict=True) if b == "older sequencer"}
    newer = sorted(set(patient) - older, key=lambda p: hashlib.sha256(p.encode()).hexdigest())
    first, second = round(0.7 * len(newer)), round(0.8 * len(newer))
    split = dict.fromkeys(newer[:first], "train") | dict.fromkeys(newer[first:second], "validation")
    split |= dict.fromkeys(newer[second:], "test") | dict.fromkeys(older, "older_test")
    return [split[p] for p in patient]


def _sum_genes(values_SF: np.ndarray, index_F: np.ndarray) -> np.ndarray:
    """Sum rows that name the same gene; a gene is missing only where none of its rows has a value."""
    sums_SA = np.full((len(values_SF), N_AXIS), np.nan, dtype=np.float32)
    for feature in np.flatnonzero(index_F >= 0):
        column = sums_SA[:, index_F[feature]]
        sums_SA[:, index_F[feature]] = np.where(
            np.isnan(column), values_SF[:, feature], column + np.nan_to_num(values_SF[:, feature])
        )
    return sums_SA


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(folder), COADREAD_WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise DataError(f"pip could not fetch {COADREAD_WHEEL}: {last}", "Check the connection, or give --from FILE.")
    return wheels[0]


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
