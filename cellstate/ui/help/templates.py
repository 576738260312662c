"""Template files for users: real gene names with made-up numbers.

The numbers are the same in every download and mean nothing; the names of files and samples say so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellstate.genes import N_AXIS, gene_axis
from cellstate.io import to_csv
from cellstate.samples import TPM_TOTAL

#: Genes of a template: enough for the readers, few enough to look at.
N_GENES = 300
SAMPLES = ("made-up-control-1", "made-up-control-2", "made-up-treated-1", "made-up-treated-2")
_GROUPS = ("control", "control", "treated", "treated")
_SETS = {"MADE_UP_SET_A": slice(0, 12), "MADE_UP_SET_B": slice(8, 30), "MADE_UP_SET_C": slice(40, 55)}
_MOST_COUNTS = 5_000


@dataclass(frozen=True)
class Template:
    """A template file.

    Attributes
    ----------
    name : str
        Title beside the button.
    note : str
        What to replace.
    file_name, mime : str
    make : callable
        Returns the bytes.
    is_samples : bool
        Whether it holds samples; the others describe samples or genes.
    """

    name: str
    note: str
    file_name: str
    mime: str
    make: Callable[[], bytes]
    is_samples: bool = True


def tpm_csv() -> bytes:
    """Return TPM with symbols in rows, as CSV."""
    return to_csv(_frame(_tpm(), "symbol").reset_index(names="gene")).encode()


def counts_tsv() -> bytes:
    """Return counts with Ensembl ids in rows, as TSV."""
    counts = np.round(_tpm() / _tpm().max() * _MOST_COUNTS).astype(int)
    return _frame(counts, "ensembl").to_csv(sep="\t", index_label="gene_id", lineterminator="\n").encode()


def genes_in_columns_csv() -> bytes:
    """Return TPM with a line for each sample, as CSV."""
    return to_csv(_frame(_tpm(), "symbol").T.reset_index(names="sample")).encode()


def gct() -> bytes:
    """Return TPM as GCT 1.2."""
    frame = _frame(_tpm(), "ensembl")
    frame.insert(0, "Description", _names("symbol"))
    table = frame.to_csv(sep="\t", index_label="Name", lineterminator="\n")
    return f"#1.2\n{len(frame)}\t{len(SAMPLES)}\n{table}".encode()


def sample_sheet_csv() -> bytes:
    """Return the group of each sample of the other templates, as CSV."""
    return to_csv(pd.DataFrame({"sample": SAMPLES, "group": _GROUPS})).encode()


def gmt() -> bytes:
    """Return gene sets."""
    symbols = _names("symbol")
    lines = ["\t".join([title, "made up", *symbols[which]]) for title, which in _SETS.items()]
    return ("\n".join(lines) + "\n").encode()


_CSV, _TEXT = "text/csv", "text/tab-separated-values"
TEMPLATES: tuple[Template, ...] = (
    Template(
        "TPM, symbols in rows (CSV)",
        "One line for each gene, one column for each sample.",
        "cellstate-template-made-up-tpm.csv",
        _CSV,
        tpm_csv,
    ),
    Template(
        "Counts, Ensembl ids in rows (TSV)",
        "Raw counts of all genes, not only of changed ones.",
        "cellstate-template-made-up-counts.tsv",
        _TEXT,
        counts_tsv,
    ),
    Template(
        "TPM, genes in columns (CSV)",
        "One line for each sample, one column for each gene.",
        "cellstate-template-made-up-genes-in-columns.csv",
        _CSV,
        genes_in_columns_csv,
    ),
    Template(
        "GCT 1.2",
        "The second line holds the numbers of genes and samples.",
        "cellstate-template-made-up-tpm.gct",
        _TEXT,
        gct,
    ),
    Template(
        "Sample sheet with groups (CSV)",
        "The group of each sample, by the sample names of your table.",
        "cellstate-template-made-up-groups.csv",
        _CSV,
        sample_sheet_csv,
        is_samples=False,
    ),
    Template(
        "Gene sets (GMT)",
        "One set on each line: name, description and genes, separated by tabs.",
        "cellstate-template-made-up-sets.gmt",
        _TEXT,
        gmt,
        is_samples=False,
    ),
)


def _names(column: str) -> list[str]:
    every = getattr(gene_axis(), column)
    return [every[i] for i in np.linspace(0, N_AXIS - 1, N_GENES).astype(int)]


def _tpm() -> np.ndarray:
    """Return made-up TPM, shape (genes, samples): log-normal, each sample one million together."""
    tpm = np.random.default_rng(0).lognormal(4, 2, (N_GENES, len(SAMPLES)))
    return np.round(tpm / tpm.sum(axis=0) * TPM_TOTAL, 3)


def _frame(values: np.ndarray, names: str) -> pd.DataFrame:
    return pd.DataFrame(values, index=_names(names), columns=list(SAMPLES))
