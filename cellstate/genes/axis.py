"""The gene axis: a fixed, versioned list of 19,383 human protein-coding genes with their names and lengths."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from cellstate.resources import resource_path

AXIS_VERSION = 1
N_AXIS = 19_383


class GeneTable:
    """Identifiers, names and lengths of the genes of the axis.

    Attributes
    ----------
    ensembl, symbol, entrez : tuple of str, length 19,383
        Ensembl gene id, approved symbol, Entrez id (empty where there is none).
    previous, aliases : tuple of str, length 19,383
        Older approved symbols and other names, joined by ``|``.
    length_bp : ndarray of float64, shape (19383,)
        Median exonic length of the gene's transcripts in base pairs.
    hash : str
        `gene_list_hash` of the Ensembl ids.
    """

    def __init__(self) -> None:
        columns = read_columns("axis")
        self.ensembl = columns["ensembl_id"]
        self.symbol = columns["symbol"]
        self.entrez = columns["entrez"]
        self.previous = columns["previous"]
        self.aliases = columns["aliases"]
        self.length_bp: np.ndarray = np.array(columns["exon_length_bp"], dtype=np.float64)
        self.hash: str = gene_list_hash(self.ensembl)

    def __len__(self) -> int:
        return len(self.ensembl)


def gene_list_hash(ensembl_ids: Sequence[str]) -> str:
    """Return the SHA-256 of an ordered gene list. A checkpoint and its gene table must have the same one."""
    return hashlib.sha256("\n".join(ensembl_ids).encode()).hexdigest()


def gene_file(name: str) -> Path:
    """Return the path of a gene data file of this version of the axis, for example ``gene_file("tf-v{}.txt.gz")``."""
    return resource_path("data", "genes", name.format(AXIS_VERSION))


def read_columns(name: str) -> dict[str, tuple[str, ...]]:
    """Read a gene table: its columns by name, as text."""
    with gzip.open(gene_file(f"{name}-v{{}}.tsv.gz"), "rt", encoding="utf-8") as lines:
        header, *rows = (line.rstrip("\n").split("\t") for line in lines)
    return dict(zip(header, zip(*rows, strict=True), strict=True))


@lru_cache(maxsize=1)
def transcript_genes() -> dict[str, int]:
    """Return the axis position of the gene of each Ensembl transcript id."""
    columns = read_columns("transcripts")
    return dict(zip(columns["transcript_id"], map(int, columns["gene"]), strict=True))
