"""Expression profiles on the gene axis.

Shape suffixes: S samples, A genes of the axis (19,383), F features (rows of a file).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from cellstate.errors import ReadError
from cellstate.expression.convert import convert
from cellstate.expression.in_memory import LIBRARY_SIZE, annotated_table
from cellstate.expression.reading import ProgressReporter, RawTable, ReadOptions, ReadReport
from cellstate.expression.units import TPM_TOTAL
from cellstate.genes import N_AXIS, gene_axis

if TYPE_CHECKING:
    from anndata import AnnData


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
    def from_table(
        cls, table: RawTable, options: ReadOptions, source: str, report_progress: ProgressReporter | None = None
    ) -> Samples:
        """Resolve the gene names of a table, detect its unit and convert its values to TPM.

        Parameters
        ----------
        table : RawTable
            As a reader returns it.
        options : ReadOptions
            Settings that are not to be detected.
        source : str
            Name of the file.
        report_progress : ProgressReporter, optional
            Called while names are matched and values converted.

        Returns
        -------
        Samples
            TPM over the measured genes of the axis, with a report.

        Raises
        ------
        ReadError
            When the names are not human genes, the values not expression values, or a sample is empty.
        """
        return cls(*convert(table, options, source, report_progress or ProgressReporter()))

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
        return cls.from_table(annotated_table(adata, layer, unit), ReadOptions(unit=unit), "AnnData")

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
