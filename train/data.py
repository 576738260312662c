"""The samples of a run, on the genes the model will cover.

Shape suffixes: S samples, G genes, A genes of the axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellstate.cohorts import Cohort
from cellstate.errors import DataError
from cellstate.expression import SCALE_FLOOR, GeneSpace, Samples, align
from cellstate.genes import gene_axis


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Standardised samples.

    Attributes
    ----------
    space : GeneSpace
        Covered genes, with mean, scale and share from the training samples alone.
    train_z_SG, validation_z_SG : ndarray of float32
    gene_table : DataFrame
        One row a gene: ensembl_id, symbol, tpm_median, log1p_sd over the training samples.
    """

    space: GeneSpace
    train_z_SG: np.ndarray
    validation_z_SG: np.ndarray
    gene_table: pd.DataFrame


def choose_genes(tpm_SA: np.ndarray, min_detected: float) -> np.ndarray:
    """Return axis positions of genes measured in every sample and above zero in a share of them."""
    measured_A = ~np.isnan(tpm_SA).any(axis=0)
    detected_A = (np.nan_to_num(tpm_SA) > 0).mean(axis=0) >= max(min_detected, 1 / len(tpm_SA))
    index = np.flatnonzero(measured_A & detected_A)
    if not len(index):
        raise DataError("No gene is measured in every training sample.", "Lower [data] min_detected.")
    return index


def prepare(cohort: Cohort, min_detected: float) -> TrainingData:
    """Choose genes, learn the standardisation from the training split, apply it to training and validation."""
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
    return TrainingData(space, _standardised(train, space), _standardised(validation, space), table)


def _standardised(samples: Samples, space: GeneSpace) -> np.ndarray:
    return space.standardise(align(samples, space).tpm_SG)
