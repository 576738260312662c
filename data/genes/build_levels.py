"""Build ``levels-v1.txt.gz``: the usual level of each gene of the axis, by which the reader sees whether values grow
with gene length.

    python data/genes/build_levels.py

One line a gene in the order of the axis: the median TPM in the training cohort of the model in ``models/coadread``
(TCGA, open access); empty where that model has no such gene. Output is byte-identical for identical input.
"""

from __future__ import annotations

import gzip
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODEL = HERE.parents[1] / "models" / "coadread"


def main() -> None:
    with gzip.open(MODEL / "genes.tsv.gz", "rt", encoding="utf-8") as lines:
        header, *rows = (line.rstrip("\n").split("\t") for line in lines)
    level_of = {row[0]: row[header.index("tpm_median")] for row in rows}
    with gzip.open(HERE / "axis-v1.tsv.gz", "rt", encoding="utf-8") as lines:
        genes = [line.split("\t", 1)[0] for line in lines][1:]
    text = "".join(f"{level_of.get(gene, '')}\n" for gene in genes)
    (HERE / "levels-v1.txt.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
