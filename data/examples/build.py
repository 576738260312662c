"""Write the example patients: six tumours that the shipped model was not trained on, three from each held-out set.

    cellstate data get coadread --out data/cohorts/coadread
    python data/examples/build.py

A hash of the barcode chooses the six, not the accuracy of a model on them. Each file has the form of an upload: one
gene a row, Ensembl id and TPM. Source and licence: data/examples/README.md.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np

from cellstate.cohorts import open_cohort
from cellstate.genes import gene_axis

HERE = Path(__file__).resolve().parent
PER_SPLIT = 3


def main() -> None:
    cohort = open_cohort(HERE.parent / "cohorts" / "coadread")
    for split in ("test", "older_test"):
        samples = cohort.split(split)
        order = sorted(range(len(samples)), key=lambda i: hashlib.sha256(samples.names[i].encode()).hexdigest())
        for row in order[:PER_SPLIT]:
            tpm_A = samples.tpm_SA[row]
            lines = [f"gene_id\t{samples.names[row]}"]
            lines += [f"{gene_axis().ensembl[i]}\t{tpm_A[i]:.5g}" for i in np.flatnonzero(~np.isnan(tpm_A))]
            text = "\n".join(lines) + "\n"
            (HERE / f"{samples.names[row]}.tpm.tsv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
