"""Files of the gene axis: a fixed, versioned list of 19,383 human protein-coding genes."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from cellstate.resources import resource_path

AXIS_VERSION = 1
N_AXIS = 19_383


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
