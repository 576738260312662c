"""Small files in the layouts of ARCHS4, with counts of the synthetic cohort.

Shape suffixes: S samples, A genes of the axis.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cellstate.genes import N_AXIS, gene_axis
from tests.support.factories import make_samples

#: Genes that are in every file and not on the axis.
OUTSIDE = ("XIST", "MALAT1", "no_such_gene")


def make_counts(n_samples: int, seed: int = 0, reads: float = 20e6) -> np.ndarray:
    """Draw counts of synthetic samples, Poisson around their expectation, shape (S, 19383) of uint32."""
    return sequence(make_samples(n_samples, seed).tpm_SA, seed, reads)


def sequence(tpm_SA: np.ndarray, seed: int, reads: float = 20e6) -> np.ndarray:
    """Count reads of profiles once: Poisson noise, shape (S, 19383) of uint32."""
    share_SA = tpm_SA * gene_axis().length_bp
    share_SA /= share_SA.sum(axis=1, keepdims=True)
    return np.random.default_rng([seed, 1]).poisson(share_SA * reads).astype(np.uint32)


def write_archs4(path: Path, counts_SA: np.ndarray, **kind: Any) -> Path:
    """Write an ARCHS4 file.

    Parameters
    ----------
    counts_SA : ndarray, shape (S, 19383)
    kind : optional
        names: "ensembl_gene", "symbol" (both under meta/genes) or "gene_symbol" (the older layout).
        samples_first: whether the matrix is samples x genes.
        series, single_cell: one entry a sample; ``series=None`` leaves them out.
        prefix: samples are called prefix + 1, 2, ...
        chunks, shuffle, compression, dtype: of the matrix.
        genes: names in place of the axis's.
    """
    n_samples, axis = len(counts_SA), gene_axis()
    names = kind.get("names", "symbol")
    genes = [*(kind.get("genes") or (axis.ensembl if names == "ensembl_gene" else axis.symbol)), *OUTSIDE]
    matrix = np.zeros((len(genes), n_samples), kind.get("dtype", np.uint32))
    matrix[:N_AXIS] = counts_SA.T
    matrix[N_AXIS:] = 1000
    chunks = kind.get("chunks", (4000, 4))
    if kind.get("samples_first"):
        matrix, chunks = matrix.T, chunks and chunks[::-1]
    packing = {"compression": kind.get("compression", "gzip"), "shuffle": kind.get("shuffle", False)}
    with h5py.File(path, "w") as file:
        file.create_dataset("data/expression", data=matrix, chunks=chunks, **(packing if chunks else {}))
        file[f"meta/genes/{names}"] = np.array(genes, dtype="S")
        prefix = kind.get("prefix", "GSM")
        file["meta/samples/geo_accession"] = np.array([f"{prefix}{i + 1}" for i in range(n_samples)], dtype="S")
        series = kind.get("series", [f"GSE{i // 2 + 1}" for i in range(n_samples)])
        if series is not None:
            file["meta/samples/series_id"] = np.array(series, dtype="S")
        if "single_cell" in kind:
            file["meta/samples/singlecellprobability"] = np.array(kind["single_cell"], dtype=np.float32)
        for name in ("title", "source_name_ch1", "characteristics_ch1"):
            texts = [f"{name} {i + 1} é" for i in range(n_samples)]
            file.create_dataset(f"meta/samples/{name}", data=texts, dtype=h5py.string_dtype())
    return path
