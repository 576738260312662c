"""Expression profiles on the gene axis.

Shape suffixes: S samples, A genes of the axis (19,383), F features (rows of a file).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from cellstate.errors import ReadError
from cellstate.genes import N_AXIS, gene_axis

if TYPE_CHECKING:
    from anndata import AnnData

#: TPM of a sample sum to one million.
TPM_TOTAL = 1e6
#: Column of an AnnData's ``obs``: total reads.
LIBRARY_SIZE = "library_size"


class ReadWarning(str):
    """A sentence about a file for the user, with a short stable ``code`` such as ``low_depth``.

    Sentences may change, codes do not.
    """

    __slots__ = ("code",)
    code: str

    def __new__(cls, text: str, code: str = "") -> ReadWarning:
        """Return the sentence with its code."""
        warning = super().__new__(cls, text)
        warning.code = code
        return warning


def is_doubt(warning: str) -> bool:
    """Return whether a warning says that a decision of the reader may be wrong, not only what it was."""
    return isinstance(warning, ReadWarning) and warning.code.startswith("uncertain")


#: A decision of the reader that is less sure is put to the user before anything is predicted.
SURE = 0.6


@dataclass(frozen=True)
class Decision:
    """One decision of the reader.

    Attributes
    ----------
    name : str
        ``unit``, ``names``, ``orientation``, ``samples`` or ``sheet``.
    value : str
        What was decided, as the setting that would choose it.
    confidence : float
        From 0 to 1; 1 where the user or the format decided. A rule of thumb, see `cellstate.io.confidence`.
    reason : str
        A clause that says what it rests on.
    """

    name: str
    value: str
    confidence: float
    reason: str

    @property
    def is_doubt(self) -> bool:
        """Whether the user should be asked."""
        return self.confidence < SURE


@dataclass(frozen=True)
class ReadReport:
    """How a file was read, and what the user should know about it.

    Attributes
    ----------
    source : str
        Name of the file.
    format, orientation, unit, id_type : str
        Detected or chosen settings, for example ``"tsv"``, ``"genes in rows"``, ``"counts"``, ``"ensembl"``.
    n_genes_read : int
        Rows (or columns) of the file that carry expression values.
    status_counts : dict
        Number of names with each status of `cellstate.genes.Resolution`.
    unmatched : tuple of str
        Names without a gene, in file order: unknown, ambiguous or date-like. Names of genes outside the axis are only
        counted.
    n_duplicates : int
        Names that were added to a gene that already had one.
    duplicates : tuple of (str, int)
        Symbol of each gene with several names, and how many names were summed; largest number first. Empty for
        transcripts, which are always summed.
    dates : tuple of (str, tuple of str)
        Each name that a spreadsheet turned into a date, with the symbols it may stand for, in file order.
    repaired : tuple of (str, str)
        Dates that were restored, and the symbol each was restored to.
    warnings : tuple of ReadWarning
        Sentences for the user, doubts first.
    annotations : tuple of (str, tuple of str)
        Columns about the samples, such as their survival: name, and one value for each sample of the file.
    number_columns : tuple of (int, str)
        Number (from 1) and name of each column of a table that could be a sample; empty for other formats.
    sample_columns : tuple of int
        Numbers of the columns that were read as samples.
    decisions : tuple of Decision
        Unit, names, orientation and samples, and the sheet of a workbook; empty for what is no file of a user.
    sheets : tuple of str
        The sheets of a workbook that may be the table, the one that was read first.
    """

    source: str = ""
    format: str = ""
    orientation: str = ""
    unit: str = "TPM"
    id_type: str = ""
    n_genes_read: int = 0
    status_counts: dict[str, int] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()
    n_duplicates: int = 0
    duplicates: tuple[tuple[str, int], ...] = ()
    dates: tuple[tuple[str, tuple[str, ...]], ...] = ()
    repaired: tuple[tuple[str, str], ...] = ()
    warnings: tuple[ReadWarning, ...] = ()
    annotations: tuple[tuple[str, tuple[str, ...]], ...] = ()
    number_columns: tuple[tuple[int, str], ...] = ()
    sample_columns: tuple[int, ...] = ()
    decisions: tuple[Decision, ...] = ()
    sheets: tuple[str, ...] = ()

    @property
    def doubts(self) -> tuple[Decision, ...]:
        """The decisions that the user should confirm, the least sure one first."""
        return tuple(sorted((d for d in self.decisions if d.is_doubt), key=lambda d: d.confidence))


@dataclass(frozen=True, eq=False)
class Samples:
    """Expression profiles of one or more samples on the gene axis.

    Attributes
    ----------
    names : tuple of str, length S
    tpm_SA : ndarray of float32, shape (S, 19383)
        Transcripts per million over the measured genes; NaN where a gene was not measured.
    library_size_S : ndarray of float64, shape (S,)
        Total reads; NaN where they are unknown.
    report : ReadReport
    """

    names: tuple[str, ...]
    tpm_SA: np.ndarray
    library_size_S: np.ndarray
    report: ReadReport = field(default_factory=ReadReport)

    def __post_init__(self) -> None:
        if self.tpm_SA.shape != (len(self.names), N_AXIS) or self.library_size_S.shape != (len(self.names),):
            raise ValueError(f"{len(self.names)} names do not fit values of shape {self.tpm_SA.shape}")

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: Sequence[int]) -> Samples:
        """Return the samples at the given positions.

        Parameters
        ----------
        rows : sequence of int
            Positions from 0, in the order wanted.

        Returns
        -------
        Samples
            With the same report.
        """
        rows = list(rows)
        return replace(
            self,
            names=tuple(self.names[i] for i in rows),
            tpm_SA=self.tpm_SA[rows],
            library_size_S=self.library_size_S[rows],
        )

    def select(self, name: str) -> Samples:
        """Return the sample with a name.

        Parameters
        ----------
        name : str
            One of `names`.

        Returns
        -------
        Samples
            That one sample.

        Raises
        ------
        ReadError
            No sample has that name.
        """
        if name not in self.names:
            shown = ", ".join(self.names[:5]) + (", …" if len(self) > 5 else "")
            raise ReadError(f"There is no sample called {name!r}.", f"The samples are: {shown}", code="unknown_sample")
        return self.take([self.names.index(name)])

    @classmethod
    def from_anndata(cls, adata: AnnData, layer: str | None = None, unit: str | None = "TPM") -> Samples:
        """Convert an AnnData of samples by genes, with the same rules for names and values as a file.

        Parameters
        ----------
        adata : AnnData
            Samples in ``obs``, genes in ``var``: Ensembl ids, Entrez ids or symbols, as ``var_names`` or in a column of
            ``var``. It is not changed. Cells of one sample must be summed before.
        layer : str, optional
            Layer with the values; default: ``X``. NaN is a gene that was not measured.
        unit : str, optional
            ``counts``, ``TPM``, ``FPKM``, ``CPM`` or a logarithm such as ``log1p TPM``; None to detect it.

        Returns
        -------
        Samples
            TPM over the measured genes of the axis. With ``unit="TPM"`` a numeric column ``library_size`` of ``obs`` is
            taken as the total reads.

        Raises
        ------
        ReadError
            When there is no such layer or unit, the names are not human genes, the values not expression values, or a
            sample is empty.
        """
        from cellstate.io.in_memory import read_anndata

        return read_anndata(adata, layer, unit)

    def to_anndata(self) -> AnnData:
        """Return the samples as AnnData.

        Returns
        -------
        AnnData
            ``X``: TPM, shape (S, genes measured in at least one sample), float32; NaN where a sample does not measure a
            gene. ``obs``: ``library_size`` (NaN where unknown) and ``detected_genes``. ``var``: ``symbol``, named by
            Ensembl id. ``uns["cellstate"]``: the unit.
        """
        import pandas as pd
        from anndata import AnnData

        axis, genes = gene_axis(), np.flatnonzero(self.measured_SA.any(axis=0))
        obs = {LIBRARY_SIZE: self.library_size_S.copy(), "detected_genes": self.detected_genes_S}
        return AnnData(
            X=self.tpm_SA[:, genes],
            obs=pd.DataFrame(obs, index=pd.Index(self.names, dtype=object)),
            var=pd.DataFrame(
                {"symbol": [axis.symbol[g] for g in genes]},
                index=pd.Index([axis.ensembl[g] for g in genes], dtype=object),
            ),
            uns={"cellstate": {"unit": "TPM"}},
        )

    @property
    def measured_SA(self) -> np.ndarray:
        """Whether each gene was measured, shape (S, 19383) of bool."""
        return ~np.isnan(self.tpm_SA)

    @property
    def detected_genes_S(self) -> np.ndarray:
        """Number of genes with a value above zero, per sample."""
        return np.count_nonzero(self.tpm_SA > 0, axis=1)

    @property
    def n_measured(self) -> int:
        """Number of genes measured in at least one sample."""
        return int(self.measured_SA.any(axis=0).sum())


def counts_to_tpm(counts_SF: np.ndarray, length_bp_F: np.ndarray) -> np.ndarray:
    """Convert counts to TPM: divide by length, then scale each sample to one million.

    Parameters
    ----------
    counts_SF : ndarray, shape (S, F)
        Non-negative counts, or base coverage (the factor cancels); NaN is missing.
    length_bp_F : ndarray, shape (F,) or (S, F)
        Length of each feature in base pairs.

    Returns
    -------
    ndarray, shape (S, F)
        TPM. Samples without any read stay at zero; missing values stay missing.
    """
    rate_SF = counts_SF / length_bp_F
    total_S1 = np.nansum(rate_SF, axis=1, keepdims=True, dtype=np.float64)
    return np.divide(rate_SF * TPM_TOTAL, total_S1, out=rate_SF.copy(), where=total_S1 > 0)
