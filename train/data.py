"""The samples of a run, on the genes the model will cover.

Shape suffixes: S samples, G genes, A genes of the axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellstate.cohorts import Cohort, open_cohort
from cellstate.errors import DataError
from cellstate.expression import SCALE_FLOOR, GeneSpace, Samples, align
from cellstate.genes import gene_axis
from train.config import DataConfig


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Standardised samples.

    Attributes
    ----------
    space : GeneSpace
        Covered genes, with mean, scale and share from the training samples alone.
    train_z_SG, validation_z_SG : ndarray of float32
    further_z_SG : ndarray of float32
        Training samples of the further cohorts, one below the other; no rows where there is none.
    gene_table : DataFrame
        One row a gene: ensembl_id, symbol, tpm_median, log1p_sd over the training samples.
    """

    space: GeneSpace
    train_z_SG: np.ndarray
    validation_z_SG: np.ndarray
    further_z_SG: np.ndarray
    gene_table: pd.DataFrame

    @property
    def balanced_z_SG(self) -> np.ndarray:
        """Training samples of all cohorts, the further ones together weighing as much as the first.

        What two cohorts say of a pair of genes differs far more than their sizes explain, and then the best mean of
        both gives them equal weights (random-effects meta-analysis: DerSimonian and Laird 1986).
        """
        n_further = len(self.further_z_SG)
        weight = np.float32(np.sqrt(len(self.train_z_SG) / n_further)) if n_further else 1
        return np.concatenate([self.train_z_SG, self.further_z_SG * weight])


def open_cohorts(config: DataConfig) -> tuple[Cohort, tuple[Cohort, ...]]:
    """Open the cohort of a run, and the further ones."""
    return open_cohort(config.cohort), tuple(open_cohort(path) for path in config.also)


def choose_genes(tpm_SA: np.ndarray, min_detected: float) -> np.ndarray:
    """Return axis positions of genes measured in every sample and above zero in a share of them."""
    measured_A = ~np.isnan(tpm_SA).any(axis=0)
    detected_A = (np.nan_to_num(tpm_SA) > 0).mean(axis=0) >= max(min_detected, 1 / len(tpm_SA))
    index = np.flatnonzero(measured_A & detected_A)
    if not len(index):
        raise DataError("No gene is measured in every training sample.", "Lower [data] min_detected.")
    return index


def prepare(
    cohort: Cohort,
    min_detected: float,
    further: Sequence[Cohort] = (),
    *,
    centre: bool = True,
    rescale: bool = True,
) -> TrainingData:
    """Choose genes, learn the standardisation from the training split, apply it to all.

    Parameters
    ----------
    cohort : Cohort
        Decides alone which genes there are, and their mean and scale: z is in S of the disease's own patients.
    min_detected : float
        Share of its training samples in which a gene must be above 0 TPM.
    further : sequence of Cohort
        Cohorts whose training samples are added; a gene that they do not measure is 0 in z.
    centre : bool
        Whether each further cohort's mean is taken out, so that what tells cohorts apart is no component of variation.
    rescale : bool
        Whether each further cohort is measured in its own S. A gene that sets tissues apart and lies still in a tumour
        is dozens of the tumours' S away, and a few such genes would be all that a squared error sees.
    """
    train, validation = cohort.split("train"), cohort.split("validation")
    index = choose_genes(train.tpm_SA, min_detected)
    axis = gene_axis()
    ensembl = tuple(axis.ensembl[i] for i in index)
    share_G = train.tpm_SA[:, index].mean(axis=0, dtype=np.float64)
    # Mean and scale are learnt on what `align` gives, which needs only the shares.
    unit_G = np.ones(len(index), np.float32)
    tpm_SG = align(train, GeneSpace(ensembl, 0 * unit_G, unit_G, share_G)).tpm_SG
    log1p_SG = np.log1p(tpm_SG.astype(np.float64))
    mean_G, sd_G = log1p_SG.mean(axis=0), log1p_SG.std(axis=0)
    space = GeneSpace(ensembl, mean_G.astype(np.float32), (sd_G + SCALE_FLOOR).astype(np.float32), share_G)
    table = pd.DataFrame(
        {
            "ensembl_id": ensembl,
            "symbol": space.symbols,
            "tpm_median": np.median(tpm_SG, axis=0),
            "log1p_sd": sd_G,
        }
    )
    further_z_SG = [_further(one.split("train"), space, centre, rescale) for one in further]
    return TrainingData(
        space,
        _standardised(train, space),
        _standardised(validation, space),
        np.concatenate([np.empty((0, len(space)), np.float32), *further_z_SG]),
        table,
    )


def _standardised(samples: Samples, space: GeneSpace) -> np.ndarray:
    return space.standardise(align(samples, space).tpm_SG)


def _further(samples: Samples, space: GeneSpace, centre: bool, rescale: bool) -> np.ndarray:
    tpm_SG = samples.tpm_SA[:, space.axis_index_G]
    measured_SG = ~np.isnan(tpm_SG)
    # Like `align`, but with one factor for all: how levels compare between its samples is the cohort's own affair, and
    # what tissues have in common is no constant total.
    factor = (measured_SG @ space.share_tpm_G).sum() / np.nansum(tpm_SG, dtype=np.float64)
    z_SG = space.standardise(tpm_SG * np.float32(factor))
    n_G = np.maximum(measured_SG.sum(axis=0), 1)
    mean_G = z_SG.sum(axis=0) / n_G
    centred_SG = np.where(measured_SG, z_SG - mean_G, 0)
    if rescale:
        # The floor of S is one of log1p TPM, here in the first cohort's units.
        own_G = np.sqrt((centred_SG**2).sum(axis=0) / n_G) + SCALE_FLOOR / space.scale_G
        z_SG, centred_SG = z_SG / own_G, centred_SG / own_G
    return (centred_SG if centre else z_SG).astype(np.float32)
