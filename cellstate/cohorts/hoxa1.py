"""A worked example of an experiment: HOXA1 knocked down in lung fibroblasts (GEO series GSE37704), six samples in TPM.

The series states no licence, so its values are not part of the package: a user's own copy of the table of counts is
checked against a pinned checksum and converted.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cellstate.errors import DataError
from cellstate.files import sha256
from cellstate.io import read_samples, write_table

HOXA1_SHA256 = "31bc93772a101550b55e598bf2e75655be25714e8d5e8f2f8abb07093676eb22"
#: Where the command writes, and where the app looks, in the folder that both were started in.
HOXA1_FILE = Path("data", "experiments", "HOXA1_GSE37704.tpm.csv")
#: What was done to the treated samples, as the command line writes it: siRNA.
HOXA1_PERTURBATION = "HOXA1=kd50"
#: Name of each sample by its run.
_NAMES = {f"SRR4933{66 + i}": f"{'control' if i < 3 else 'HOXA1_siRNA'}_{i % 3 + 1}" for i in range(6)}


def get_hoxa1(out: Path | str, *, source: Path | str) -> Path:
    """Write the six samples in TPM, named by their group; returns the path.

    Parameters
    ----------
    out : path
        The file to write.
    source : path
        GSE37704_featurecounts.csv: counts of featureCounts with a column of gene lengths.

    Raises
    ------
    DataError
        When the file does not exist or has another checksum.
    """
    import pandas as pd

    from cellstate.genes import gene_axis

    source = Path(source)
    if not source.is_file():
        raise DataError(f"{source} does not exist.", "Name GSE37704_featurecounts.csv.", code="missing_file")
    if sha256(source) != HOXA1_SHA256:
        raise DataError(
            f"{source} is not the pinned table of GSE37704: its checksum differs.",
            "Give GSE37704_featurecounts.csv, counts with the columns ensgene and length.",
            code="wrong_checksum",
        )
    samples = read_samples(source)
    measured_A = np.flatnonzero(samples.measured_SA.all(axis=0))
    table = pd.DataFrame(samples.tpm_SA[:, measured_A].T.round(4), columns=[_NAMES[name] for name in samples.names])
    table.insert(0, "gene_id", [gene_axis().ensembl[a] for a in measured_A])
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    return write_table(table, out)
