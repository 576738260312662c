"""Write the two tables of what is known of a gene as a target.

    python data/targets/build.py DIR

``DIR`` holds ``depmap_essentiality.tsv.gz`` and ``drugcentral_targets.tsv.gz`` (README.md names their sources).
``essentiality-v1.tsv.gz`` gives each gene of the axis that DepMap tested its class. ``compounds-v1.tsv.gz`` gives each
compound whose action on a gene of the axis is stated: those that act by it first, then by affinity, then by name. A
target of several genes (a complex or a family) gives a row to each. Output is byte-identical for identical input.
"""

from __future__ import annotations

import csv
import gzip
import sys
from pathlib import Path

from cellstate.genes import gene_axis

HERE = Path(__file__).parent


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def write(name: str, rows: list[tuple[str, ...]]) -> None:
    """Write rows, the header first."""
    text = "".join("\t".join(row) + "\n" for row in rows)
    (HERE / name).write_bytes(gzip.compress(text.encode(), mtime=0))


def essential_class(row: dict[str, str]) -> str:
    """Return a gene's class; a gene can be in both of DepMap's lists, as KRAS is."""
    lists = {"common essential": row["official_common_essential"], "selective": row["strongly_selective"]}
    return " and ".join(name for name, is_in in lists.items() if is_in == "1") or "neither"


def main(folder: Path) -> None:
    """Read both sources and write both tables."""
    axis = gene_axis()
    tested = read(folder / "depmap_essentiality.tsv.gz")
    where = axis.resolve(row["ensembl_gene_id"] for row in tested).index.tolist()
    classes = {axis.ensembl[g]: essential_class(row) for g, row in zip(where, tested, strict=True) if g >= 0}
    write("essentiality-v1.tsv.gz", [("ensembl_id", "essentiality"), *sorted(classes.items())])

    stated = [row for row in read(folder / "drugcentral_targets.tsv.gz") if row["ACTION_TYPE"]]
    ranked = sorted(stated, key=lambda r: (r["mechanism"] != "1", -float(r["ACT_VALUE"] or 0), r["DRUG_NAME"].lower()))
    rows = {}
    for row in ranked:
        for g in axis.resolve(row["GENE"].split("|")).index.tolist():
            if g >= 0:
                rows.setdefault((axis.ensembl[g], row["DRUG_NAME"]), (row["ACTION_TYPE"].lower(), row["mechanism"]))
    header = ("ensembl_id", "compound", "action", "is_mechanism")
    by_gene = sorted(((*key, *value) for key, value in rows.items()), key=lambda row: row[0])
    write("compounds-v1.tsv.gz", [header, *by_gene])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
