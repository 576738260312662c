"""Expression profiles on the gene axis, and the way from TPM to the numbers a network sees.

Shape suffixes: S samples, A genes of the axis (19,383), G genes of a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from cellstate.errors import GeneError, ReadError
from cellstate.genes import N_AXIS, gene_axis, gene_list_hash, transcription_factors

TPM_TOTAL = 1e6
#: Added to a gene's standard deviation before division, so that a silent gene's noise is not blown up.
SCALE_FLOOR = 0.1


@dataclass(frozen=True)
class ReadReport:
    """What a reader decided about a file, and what a user should know about it.

    Attributes
    ----------
    source : str
        Name of the file.
    format, orientation, unit, id_type : str
        The decisions, for example ``"tsv"``, ``"genes in rows"``, ``"counts"``, ``"ensembl"``.
    n_genes_read : int
        Rows (or columns) of the file that carried expression values.
    status_counts : dict
        How many names had each status of `cellstate.genes.Resolution`.
    unmatched : tuple of str
        Names without a gene, in file order: unknown, ambiguous or date-like (genes known to lie outside the axis are
        only counted).
    n_duplicates : int
        Names that were summed into a gene that already had one.
    duplicates : tuple of (symbol, int)
        Each gene that several names meant, and how many names were summed into it, the most first; none for
        transcripts, which are meant to be summed.
    dates : tuple of (name, tuple of str)
        Each name that a spreadsheet turned into a date, and the symbols on the gene axis that it may stand for, in
        file order.
    repaired : tuple of (name, symbol)
        Those of the dates that were put back, and the gene they were taken for.
    warnings : tuple of str
        Sentences for the user.
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
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Samples:
    """Expression profiles of one or more samples on the gene axis.

    Attributes
    ----------
    names : tuple of str, length S
    tpm_SA : ndarray of float32, shape (S, 19383)
        Transcripts per million over the measured genes of the axis; NaN where a gene was not measured.
    library_size_S : ndarray of float64, shape (S,)
        Total reads, NaN where the file does not say.
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
        """Return some of the samples, by position."""
        rows = list(rows)
        return replace(
            self,
            names=tuple(self.names[i] for i in rows),
            tpm_SA=self.tpm_SA[rows],
            library_size_S=self.library_size_S[rows],
        )

    def select(self, name: str) -> Samples:
        """Return one sample by name, or raise ``ReadError`` that lists the names there are."""
        if name not in self.names:
            shown = ", ".join(self.names[:5]) + (", …" if len(self) > 5 else "")
            raise ReadError(f"There is no sample called {name!r}.", f"The samples are: {shown}")
        return self.take([self.names.index(name)])

    @property
    def measured_SA(self) -> np.ndarray:
        """Which genes each sample measures, shape (S, 19383) of bool."""
        return ~np.isnan(self.tpm_SA)

    @property
    def detected_genes_S(self) -> np.ndarray:
        """Number of genes with a value above zero, per sample."""
        return np.count_nonzero(self.tpm_SA > 0, axis=1)

    @property
    def n_measured(self) -> int:
        """Number of genes that any sample measures."""
        return int(self.measured_SA.any(axis=0).sum())


@dataclass(frozen=True, eq=False)
class GeneSpace:
    """The genes of one model with what standardisation needs.

    Attributes
    ----------
    ensembl : tuple of str, length G
    mean_G, scale_G : ndarray of float32, shape (G,)
        Mean of log1p TPM over the training samples, and its standard deviation + 0.1.
    share_tpm_G : ndarray of float64, shape (G,)
        Mean TPM of each gene over the training samples: its share of all transcripts, in millionths.
    """

    ensembl: tuple[str, ...]
    mean_G: np.ndarray
    scale_G: np.ndarray
    share_tpm_G: np.ndarray

    def __post_init__(self) -> None:
        shapes = {self.mean_G.shape, self.scale_G.shape, self.share_tpm_G.shape}
        if shapes != {(len(self.ensembl),)}:
            raise ValueError(f"{len(self.ensembl)} genes do not fit statistics of shape {sorted(shapes)}")

    def __len__(self) -> int:
        return len(self.ensembl)

    @cached_property
    def axis_index_G(self) -> np.ndarray:
        """Position of each gene on the gene axis."""
        index = gene_axis().resolve(self.ensembl).index
        if (index < 0).any() or len(np.unique(index)) != len(index):
            raise GeneError(
                "The model's gene list has genes that are not on the gene axis, or has one twice.",
                "Use a model made for this version of CellState.",
            )
        return index

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Approved symbol of each gene."""
        return tuple(gene_axis().symbol[i] for i in self.axis_index_G)

    @cached_property
    def is_tf_G(self) -> np.ndarray:
        """Whether each gene is a transcription factor (Lambert et al., Cell 2018), bool: prior knowledge."""
        return np.isin(self.axis_index_G, list(transcription_factors()))

    @cached_property
    def hash(self) -> str:
        """sha256 of the ordered gene list."""
        return gene_list_hash(self.ensembl)

    @cached_property
    def _position(self) -> dict[int, int]:
        return {int(a): g for g, a in enumerate(self.axis_index_G)}

    def find(self, name: str) -> int:
        """Return the position of a gene in the model by any of its names, or raise ``GeneError``."""
        on_axis = gene_axis().find(name)
        if on_axis not in self._position:
            symbol = gene_axis().symbol[on_axis]
            raise GeneError(f"The model does not cover {symbol}.", f"It covers {len(self):,} genes; pick another.")
        return self._position[on_axis]

    def covers(self, axis_position: int) -> bool:
        """Whether a gene of the axis is one of the model's."""
        return axis_position in self._position

    def standardise(self, tpm_SG: np.ndarray) -> np.ndarray:
        """TPM to standardised log1p TPM (z); a missing value (NaN) becomes 0, the training mean."""
        z_SG = (np.log1p(tpm_SG) - self.mean_G) / self.scale_G
        return np.nan_to_num(z_SG, nan=0.0).astype(np.float32, copy=False)

    def log1p_tpm(self, z_SG: np.ndarray) -> np.ndarray:
        """z back to log1p TPM; never below 0, as TPM is not."""
        return np.maximum(z_SG * self.scale_G + self.mean_G, 0.0)


@dataclass(frozen=True, eq=False)
class Aligned:
    """Samples on a model's genes.

    Attributes
    ----------
    names : tuple of str, length S
    tpm_SG : ndarray of float32, shape (S, G)
        TPM on the training cohort's scale; NaN where the gene was not measured.
    library_size_S : ndarray of float64, shape (S,)
    """

    names: tuple[str, ...]
    tpm_SG: np.ndarray
    library_size_S: np.ndarray

    @property
    def measured_SG(self) -> np.ndarray:
        """Which of the model's genes each sample measures, shape (S, G) of bool."""
        return ~np.isnan(self.tpm_SG)


def align(samples: Samples, space: GeneSpace) -> Aligned:
    """Put samples on a model's genes and on its training cohort's scale.

    TPM sum to a constant, so a file with fewer genes would have every TPM too high. The measured genes of the model
    are scaled to the share of all transcripts that the same genes carry in the training cohort.
    """
    tpm_SG = samples.tpm_SA[:, space.axis_index_G]
    measured_SG = ~np.isnan(tpm_SG)
    share_S = measured_SG @ space.share_tpm_G
    total_S = np.nansum(tpm_SG, axis=1, dtype=np.float64)
    silent_S = (total_S <= 0) | (share_S <= 0)
    if silent_S.any():
        name = samples.names[int(np.argmax(silent_S))]
        raise ReadError(f"Sample {name!r} has no expression in any gene of the model.", "Upload another sample.")
    scaled = tpm_SG * (share_S / total_S)[:, None]
    return Aligned(samples.names, scaled.astype(np.float32), samples.library_size_S)


def counts_to_tpm(counts_SF: np.ndarray, length_bp_F: np.ndarray) -> np.ndarray:
    """Counts to TPM: divide by length, then scale each sample to one million; a sample without reads stays at 0.

    Parameters
    ----------
    counts_SF : ndarray, shape (S, F)
        Non-negative counts (or base coverage: the unit cancels); NaN is missing.
    length_bp_F : ndarray, shape (F,) or (S, F)
        Length of each feature in base pairs.
    """
    rate_SF = counts_SF / length_bp_F
    total_S1 = np.nansum(rate_SF, axis=1, keepdims=True, dtype=np.float64)
    # A sample without a read keeps its zeros, and every sample its missing values.
    return np.divide(rate_SF * TPM_TOTAL, total_S1, out=rate_SF.copy(), where=total_S1 > 0)
