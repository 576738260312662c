"""The demo cohort: 592 primary colorectal tumours of TCGA, from the package TumorDecon.

Shape suffixes: S samples, A genes of the axis, F features of the file.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from cellstate.cohorts.store import Cohort, CohortContent, ReportLine, get_or_store, sum_genes
from cellstate.errors import DataError
from cellstate.files import sha256
from cellstate.genes import gene_axis
from cellstate.samples import counts_to_tpm

COADREAD_WHEEL = "TumorDecon==1.1.1"
COADREAD_SHA256 = "ff622444e5c6b02c04542cdbcabaf486c00a587c34ef6421f1c336a8e6f782ed"
COADREAD_MEMBER = "TumorDecon/data/coadred_data_RNA_Seq_v2_expression_median.txt"
#: Platforms; samples that lack more than `_MISSING_GENES` come from the older one, which lacks about 3,000.
ILLUMINA_GA, HISEQ = "Illumina GA", "HiSeq"
_MISSING_GENES = 1_000


def get_coadread(
    out: Path | str, *, source: Path | str | None = None, report_progress: ReportLine = lambda _: None
) -> Cohort:
    """Download, check, clean and store the cohort; see `get_or_store`.

    Parameters
    ----------
    out : path
        Folder of the stored cohort.
    source : path, optional
        The wheel of TumorDecon 1.1.1, if it is on disk. By default, pip downloads it.
    report_progress : callable
        Called with each line of progress.

    Raises
    ------
    DataError
        When the wheel cannot be downloaded, has another checksum, or the folder has other content.
    """

    def make(work: Path) -> CohortContent:
        report_progress("fetching the wheel (48 MB)" if source is None else f"reading {source}")
        wheel = _download(work) if source is None else Path(source)
        if not wheel.is_file():
            raise DataError(f"{wheel} does not exist.", "Name the wheel of TumorDecon 1.1.1.", code="missing_file")
        if sha256(wheel) != COADREAD_SHA256:
            raise DataError(
                "The wheel is not the pinned one: its checksum differs.",
                "Fetch TumorDecon 1.1.1 again.",
                code="wrong_checksum",
            )
        report_progress("cleaning: Entrez ids to genes, negatives to zero, RSEM to TPM")
        with zipfile.ZipFile(wheel) as archive, archive.open(COADREAD_MEMBER) as lines:
            return _clean(pd.read_csv(lines, sep="\t", dtype={"Hugo_Symbol": str, "Entrez_Gene_Id": str}))

    return get_or_store(out, COADREAD_SHA256, make, report_progress)


def _clean(raw: pd.DataFrame) -> CohortContent:
    names = [str(c) for c in raw.columns[2:]]
    values_SF = raw.iloc[:, 2:].to_numpy(np.float32).T
    axis = gene_axis()
    rsem_SA = sum_genes(np.clip(values_SF, 0, None), axis.resolve(raw["Entrez_Gene_Id"]).index)
    missing_S = np.isnan(rsem_SA[:, (~np.isnan(rsem_SA)).any(axis=0)]).sum(axis=1)
    batch = np.where(missing_S > _MISSING_GENES, ILLUMINA_GA, HISEQ)
    patient = [name[:12] for name in names]
    about = {
        "name": "TCGA colon and rectum adenocarcinoma",
        "source": f"{COADREAD_WHEEL}, {COADREAD_MEMBER}",
        "licence": "MIT (the package); TCGA open-access data",
        "unit": "TPM from RSEM normalised counts and median exonic length",
        "n_negatives_clipped": int((values_SF < 0).sum()),
    }
    return CohortContent(
        counts_to_tpm(rsem_SA.astype(np.float64), axis.length_bp).astype(np.float32),
        pd.DataFrame({"name": names, "patient": patient, "batch": batch, "split": assign_splits(patient, batch)}),
        about,
    )


def assign_splits(patient: list[str], batch: np.ndarray) -> list[str]:
    """Return the split of each sample; all samples of a patient are in the same split.

    Patients with HiSeq samples alone are split into 70% train, 10% validation and 20% test, in the order of a hash of
    the barcode. All others are the second test set ``older_test``.
    """
    older = {p for p, b in zip(patient, batch, strict=True) if b == ILLUMINA_GA}
    newer = sorted(set(patient) - older, key=lambda p: hashlib.sha256(p.encode()).hexdigest())
    first, second = round(0.7 * len(newer)), round(0.8 * len(newer))
    split = dict.fromkeys(newer[:first], "train") | dict.fromkeys(newer[first:second], "validation")
    split |= dict.fromkeys(newer[second:], "test") | dict.fromkeys(older, "older_test")
    return [split[p] for p in patient]


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(folder), COADREAD_WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise DataError(
            f"pip could not fetch {COADREAD_WHEEL}: {last}",
            "Check the connection, or give --from FILE.",
            code="download_failed",
        )
    return wheels[0]
