"""Sound files to begin with, small, so that thousands of changed ones are read a minute: synthetic, and real.

Shape suffixes: S samples, F features.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from functools import lru_cache
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.sparse

from cellstate.files import resource_path
from cellstate.genes import gene_axis, transcript_genes

N_GENES, N_SAMPLES = 60, 3
#: Lines taken of a real file, spread over all of it.
_REAL_LINES = 80
#: Real files by format, under the folder of shared data.
_REAL = {
    "csv": ("uploads/hapmap_lcl_counts.csv.gz", "perturbation/GSE37704_featurecounts.csv",
            "reference/human_TF_Lambert_2018.csv", "reference/collectri.csv.gz"),
    "tsv": ("uploads/SRP021193.raw_counts.tsv.gz", "perturbation/SRP049988.raw_counts.tsv.gz",
            "reference/RNAtableExtended.tsv.gz"),
    "gct": ("uploads/rnaseqc.gene_tpm.gct.gz",),
    "salmon": ("uploads/ERR188021.salmon.quant.sf.gz",),
    "kallisto": ("uploads/ERR188021.kallisto.abundance.tsv.gz",),
    "rsem": ("uploads/ERR188021.rsem.genes.results.gz",),
    "star": ("uploads/ERR458837.star.ReadsPerGene.out.tab.gz",),
    "gmt": ("reference/h.all.v7.0.symbols.gmt",),
}  # fmt: skip


def real_data() -> Path | None:
    """Return the folder of real public files, where it is there."""
    folder = resource_path().parent / "shared" / "data"
    return folder if folder.is_dir() else None


@lru_cache(maxsize=1)
def text_seeds() -> dict[str, tuple[bytes, ...]]:
    """Return sound text files by format, unpacked; the synthetic ones come first."""
    seeds = {name: list(made) for name, made in _synthetic().items()}
    if folder := real_data():
        for name, paths in _REAL.items():
            seeds[name] += [_few_lines(folder / path) for path in paths]
    return {name: tuple(made) for name, made in seeds.items()}


def _few_lines(path: Path) -> bytes:
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).split(b"\n")
    head = 6  # version, dimensions, header and summary rows stand first
    kept = lines[:head] + lines[head :: max(1, len(lines) // _REAL_LINES)]
    return b"\n".join(line[:3000] for line in kept) + b"\n"


@lru_cache(maxsize=1)
def profile() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (positions on the axis, counts of shape (S, F), lengths) of a small profile."""
    axis, rng = gene_axis(), np.random.default_rng(5)
    usable = np.flatnonzero([bool(entrez) for entrez in axis.entrez])
    positions = np.sort(rng.choice(usable, N_GENES, replace=False))
    rate_F = rng.lognormal(3.0, 2.0, N_GENES) * (rng.random(N_GENES) > 0.15)
    return positions, rng.poisson(rate_F, (N_SAMPLES, N_GENES)).astype(float), axis.length_bp[positions]


def frame(kind: str = "symbol", values_SF: np.ndarray | None = None) -> pd.DataFrame:
    """Return the profile with genes in rows, named by ``symbol``, ``ensembl`` or ``entrez``."""
    positions, counts_SF, _ = profile()
    names = [getattr(gene_axis(), kind)[i] for i in positions]
    values_SF = counts_SF if values_SF is None else values_SF
    return pd.DataFrame(values_SF.T, index=pd.Index(names, name="gene"), columns=["tumour A", "tumour B", "normal"])


def _synthetic() -> dict[str, list[bytes]]:
    positions, counts_SF, length_F = profile()
    tpm_SF = counts_SF / length_F / (counts_SF / length_F).sum(axis=1, keepdims=True) * 1e6
    whole = frame(values_SF=counts_SF.astype(int))
    tpm, log = frame("ensembl", tpm_SF).round(4), frame("entrez", np.log2(tpm_SF + 1)).round(5)
    by_gene = {gene: transcript for transcript, gene in transcript_genes().items()}
    ids = [f"{by_gene[int(gene)]}.1" for gene in positions]
    reads, per_million = counts_SF[0], tpm_SF[0].round(4)

    def tsv(table: pd.DataFrame, **options) -> bytes:
        return table.to_csv(sep="\t", index=False, **options).encode()

    salmon = {"Name": ids, "Length": 1500, "EffectiveLength": 1300.5, "TPM": per_million, "NumReads": reads}
    kallisto = {"target_id": ids, "length": 1500, "eff_length": 1300.5, "est_counts": reads, "tpm": per_million}
    rsem = {
        "gene_id": tpm.index, "transcript_id(s)": ids, "length": length_F, "effective_length": length_F,
        "expected_count": reads, "TPM": per_million, "FPKM": per_million,
    }  # fmt: skip
    star = pd.DataFrame({"id": tpm.index, "a": reads, "b": reads, "c": 0}).astype({"a": int, "b": int})
    summary = b"N_unmapped\t9\t9\t9\nN_multimapping\t9\t9\t9\nN_noFeature\t9\t9\t9\nN_ambiguous\t9\t9\t9\n"
    counted = pd.DataFrame({"Geneid": tpm.index, "Chr": "1;1", "Start": "1;9", "End": "5;12", "Strand": "+;+"})
    counted = counted.assign(Length=length_F, **{"run/A.bam": reads, "B.bam": counts_SF[1]})
    gct = tpm.reset_index(names="Name")
    gct.insert(1, "Description", whole.index)
    header, body = tsv(gct).split(b"\n", 1)
    size = f"{N_GENES}\t{N_SAMPLES}".encode()
    symbols = list(whole.index)
    return {
        "csv": [whole.to_csv().encode(), tpm.to_csv().encode(), log.T.to_csv().encode(),
                tpm.to_csv(sep=";", decimal=",").encode(), whole.to_csv(quoting=1).encode()],
        "tsv": [whole.to_csv(sep="\t").encode(), tpm.T.to_csv(sep="\t").encode(), log.to_csv(sep="\t").encode(),
                whole.to_csv(sep=" ").encode()],
        "gct": [b"#1.2\n" + size + b"\n" + header + b"\n" + body,
                b"#1.3\n" + size + b"\t1\t1\n" + header + b"\nbatch\tna\t1\t2\t3\n" + body],
        "salmon": [tsv(pd.DataFrame(salmon))],
        "kallisto": [tsv(pd.DataFrame(kallisto))],
        "rsem": [tsv(pd.DataFrame(rsem))],
        "star": [summary + tsv(star, header=False)],
        "featurecounts": [b'# Program:featureCounts; Command:"x"\n' + tsv(counted)],
        "gmt": ["".join(f"SET_{i}\tabout\t" + "\t".join(symbols[i::7]) + "\n" for i in range(7)).encode()],
        "gene list": ["\n".join(symbols).encode(), b"# mine\nTP53, p53\n" + "\n".join(tpm.index).encode()],
    }  # fmt: skip


@lru_cache(maxsize=1)
def h5ad_seeds() -> tuple[bytes, ...]:
    """Return h5ad files: dense, sparse both ways, counts in a layer or in raw, categorical ids."""
    _, counts_SF, _ = profile()
    var = pd.DataFrame(index=frame().index)
    obs = pd.DataFrame({"batch": pd.Categorical(["a", "b", "a"]), "age": [1, 2, 3]}, index=list(frame().columns))
    var["gene_ids"] = pd.Categorical(frame("ensembl").index)
    made = [anndata.AnnData(form(counts_SF), obs, var) for form in (np.asarray, scipy.sparse.csr_matrix)]
    made.append(anndata.AnnData(scipy.sparse.csc_matrix(counts_SF), obs, var[[]]))
    layered = anndata.AnnData(np.log1p(counts_SF), obs, var)
    layered.layers["counts"] = scipy.sparse.csr_matrix(counts_SF)
    layered.raw = made[0]
    return tuple(_h5ad(adata) for adata in (*made, layered))


def _h5ad(adata: anndata.AnnData) -> bytes:
    from anndata.io import write_elem

    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        write_elem(file, "/", adata)
    return held.getvalue()


@lru_cache(maxsize=1)
def tenx_seeds() -> tuple[bytes, ...]:
    """Return a matrix file as Cell Ranger writes it, which no reader takes."""
    _, counts_SF, _ = profile()
    sparse = scipy.sparse.csc_matrix(counts_SF.T)
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        group = file.create_group("matrix")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(sparse, name)
        group["shape"], group["barcodes"] = sparse.shape, np.array([b"AAAC-1", b"AAAG-1", b"AAAT-1"])
        features = group.create_group("features")
        features["id"], features["name"] = [np.array(frame(k).index, dtype="S") for k in ("ensembl", "symbol")]
    return (held.getvalue(),)


@lru_cache(maxsize=1)
def zip_seeds() -> tuple[bytes, ...]:
    """Return archives: one table, a workbook's skeleton, a table beside another."""
    made = []
    for names in (("a.csv",), ("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"), ("a", "b/c")):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(zipfile.ZipInfo(name), text_seeds()["csv"][0])
        made.append(held.getvalue())
    return tuple(made)


@lru_cache(maxsize=1)
def gzip_seeds() -> tuple[bytes, ...]:
    """Return every kind of text, packed."""
    return tuple(gzip.compress(data, mtime=0) for made in text_seeds().values() for data in made)
