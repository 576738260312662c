"""Template files for users: real gene names with made-up numbers, the same in every download.

Titles and notes are in content/templates.md. The names of files and samples state that the numbers are made up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellstate.expression.units import TPM_TOTAL
from cellstate.genes import N_AXIS, gene_axis
from cellstate.io import to_csv
from cellstate.ui.help.content import sections

#: Genes of a template: enough for the readers, few enough to look at.
N_GENES = 1_200
SAMPLES = ("made-up-control-1", "made-up-control-2", "made-up-treated-1", "made-up-treated-2")
_GROUPS = ("control", "control", "treated", "treated")
_SETS = {"MADE_UP_SET_A": slice(0, 12), "MADE_UP_SET_B": slice(8, 30), "MADE_UP_SET_C": slice(40, 55)}
_MAX_COUNT = 5_000


@dataclass(frozen=True)
class Template:
    """A template file.

    Attributes
    ----------
    name : str
        Title beside the button.
    note : str
    file_name : str
    make : callable
        Returns the bytes.
    is_samples : bool
        Whether it contains samples; the others describe samples or genes.
    """

    name: str
    note: str
    file_name: str
    make: Callable[[], bytes]
    is_samples: bool

    @property
    def mime(self) -> str:
        """Type of the download."""
        return "text/csv" if self.file_name.endswith(".csv") else "text/tab-separated-values"


def tpm_csv() -> bytes:
    """Return TPM with symbols in rows, as CSV."""
    return to_csv(_frame(_tpm(), "symbol").reset_index(names="gene")).encode()


def counts_tsv() -> bytes:
    """Return counts with Ensembl ids in rows, as TSV."""
    counts = np.round(_tpm() / _tpm().max() * _MAX_COUNT).astype(int)
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
    return "".join("\t".join([name, "made up", *symbols[which]]) + "\n" for name, which in _SETS.items()).encode()


_MAKERS = (tpm_csv, counts_tsv, genes_in_columns_csv, gct, sample_sheet_csv, gmt)
TEMPLATES: tuple[Template, ...] = tuple(
    Template(one.title, one.text, one.fields["File"], make, one.fields["Holds"] == "samples")
    for one, make in zip(sections("templates"), _MAKERS, strict=True)
)


def _names(column: str) -> list[str]:
    every = getattr(gene_axis(), column)
    return [every[i] for i in np.linspace(0, N_AXIS - 1, N_GENES).astype(int)]


def _tpm() -> np.ndarray:
    """Return made-up TPM, shape (genes, samples): log-normal levels and noise, each sample one million together."""
    rng = np.random.default_rng(0)
    tpm = rng.lognormal(4, 2, (N_GENES, 1)) * rng.lognormal(0, 0.3, (N_GENES, len(SAMPLES)))
    return np.round(tpm / tpm.sum(axis=0) * TPM_TOTAL, 3)


def _frame(values: np.ndarray, names: str) -> pd.DataFrame:
    return pd.DataFrame(values, index=_names(names), columns=list(SAMPLES))
