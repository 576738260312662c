"""The genes of a model, and the conversion of TPM on the gene axis to the input of the network.

Shape suffixes: S samples, G genes of a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cellstate.errors import GeneError, ReadError
from cellstate.genes import gene_axis, gene_list_hash, transcription_factors
from cellstate.samples import Samples

#: Added to each standard deviation before division, so that the noise of a silent gene is not amplified.
SCALE_FLOOR = 0.1


@dataclass(frozen=True, eq=False)
class GeneSpace:
    """The genes of one model with their standardisation.

    Attributes
    ----------
    ensembl : tuple of str, length G
    mean_G, scale_G : ndarray of float32, shape (G,)
        Mean of log1p TPM over the training samples, and its standard deviation + 0.1.
    share_tpm_G : ndarray of float64, shape (G,)
        Mean TPM of each gene over the training samples: its share of all transcripts, in parts per million.
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
        """Whether each gene is a transcription factor (Lambert et al., Cell 2018), shape (G,) of bool."""
        return np.isin(self.axis_index_G, list(transcription_factors()))

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the ordered gene list."""
        return gene_list_hash(self.ensembl)

    @cached_property
    def _position(self) -> dict[int, int]:
        return {int(a): g for g, a in enumerate(self.axis_index_G)}

    def find(self, name: str) -> int:
        """Return the model position of a gene by any of its names; raise ``GeneError`` where there is none."""
        on_axis = gene_axis().find(name)
        if on_axis not in self._position:
            symbol = gene_axis().symbol[on_axis]
            raise GeneError(f"The model does not cover {symbol}.", f"It covers {len(self):,} genes; pick another.")
        return self._position[on_axis]

    def covers(self, axis_position: int) -> bool:
        """Return whether the model covers a gene of the axis."""
        return axis_position in self._position

    def standardise(self, tpm_SG: np.ndarray) -> np.ndarray:
        """Convert TPM to standardised log1p TPM (z). A missing value (NaN) becomes 0, the training mean."""
        z_SG = (np.log1p(tpm_SG) - self.mean_G) / self.scale_G
        return np.nan_to_num(z_SG, nan=0.0).astype(np.float32, copy=False)

    def log1p_tpm(self, z_SG: np.ndarray) -> np.ndarray:
        """Convert z back to log1p TPM, clipped at 0 because TPM are never negative."""
        return np.maximum(z_SG * self.scale_G + self.mean_G, 0.0)


@dataclass(frozen=True, eq=False)
class Aligned:
    """Samples on the genes of one model.

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
        """Whether each gene was measured, shape (S, G) of bool."""
        return ~np.isnan(self.tpm_SG)


def align(samples: Samples, space: GeneSpace) -> Aligned:
    """Select the genes of a model and scale the samples to its training cohort.

    TPM sum to a constant, so all TPM of a file with few genes are too high. The measured genes of the model are scaled
    to the share of all transcripts that the same genes have in the training cohort.

    Raises
    ------
    ReadError
        When a sample has no expression in any gene of the model.
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
