"""The samples of a run, on the genes the model will cover.

Shape suffixes: S samples, G genes, A genes of the axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from cellstate.cohorts import Cohort, open_cohort
from cellstate.errors import DataError
from cellstate.gene_space import SCALE_FLOOR, GeneSpace, align
from cellstate.genes import gene_axis
from cellstate.samples import Samples
from train.config import DataConfig
from train.source import ArraySource, Source, StoreSource

#: Splits that no choice of the training ever sees.
HELD_OUT = ("test", "older_test")


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Standardised samples.

    Attributes
    ----------
    space : GeneSpace
        Covered genes, with mean, scale and share from the training samples alone.
    train, validation : Source
        What the loop draws from.
    train_z_SG, validation_z_SG : ndarray of float32
        The same in memory for the rivals, 0 where not measured: all of a cohort, a random part of a store.
    further_z_SG : ndarray of float32
        Training samples of the further cohorts, one below the other; no rows where there is none.
    gene_table : DataFrame
        One row a gene: ensembl_id, symbol, tpm_median, log1p_sd over the training samples.
    silent_G : ndarray of bool
        Genes that no training sample measures: nothing can be learnt of them.
    samples : dict of split to Samples
        What the model folder is calibrated and evaluated on, training samples included.
    about : dict
        What the model folder's metrics say of the samples' source.
    """

    space: GeneSpace
    train: Source
    validation: Source
    train_z_SG: np.ndarray
    validation_z_SG: np.ndarray
    further_z_SG: np.ndarray
    gene_table: pd.DataFrame
    silent_G: np.ndarray
    samples: dict[str, Samples] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    def in_units_of(self, space: GeneSpace) -> TrainingData:
        """Return the same samples in another mean and S of the same genes."""
        factor_G = self.space.scale_G / space.scale_G
        moved_G = (self.space.mean_G - space.mean_G) / space.scale_G

        def turned(z_SG: np.ndarray, known_SG: np.ndarray | bool = True) -> np.ndarray:
            return np.where(known_SG, z_SG * factor_G + moved_G, 0).astype(np.float32)

        def of(source: Source) -> Source:
            if isinstance(source, StoreSource):
                return replace(source, space=space)
            assert isinstance(source, ArraySource)
            return ArraySource(turned(source.z_SG), source.names)

        measured = {s: align(self.samples[s], self.space).measured_SG for s in ("train", "validation")}
        return replace(
            self,
            space=space,
            train=of(self.train),
            validation=of(self.validation),
            train_z_SG=turned(self.train_z_SG, measured["train"]),
            validation_z_SG=turned(self.validation_z_SG, measured["validation"]),
            further_z_SG=(self.further_z_SG * factor_G).astype(np.float32),
        )

    @property
    def checksum(self) -> str:
        """The sha256 of the cohort or store."""
        return str(self.about.get("store_sha256") or self.about.get("cohort_sha256"))

    @property
    def balanced_z_SG(self) -> np.ndarray:
        """Training samples of all cohorts, the further ones together weighing as much as the first.

        What two cohorts say of a pair of genes differs far more than their sizes explain, and then the best mean of
        both gives them equal weights (random-effects meta-analysis: DerSimonian and Laird 1986).
        """
        n_further = len(self.further_z_SG)
        weight = np.float32(np.sqrt(len(self.train_z_SG) / n_further)) if n_further else 1
        return np.concatenate([self.train_z_SG, self.further_z_SG * weight])


def read_cohorts(config: DataConfig) -> TrainingData:
    """Read the cohort of a run, and the further ones."""
    cohort, further = open_cohorts(config)
    return prepare(
        cohort, config.min_detected, further, genes=config.genes, centre=config.centre, rescale=config.rescale
    )


def open_cohorts(config: DataConfig) -> tuple[Cohort, tuple[Cohort, ...]]:
    """Open the cohort of a run, and the further ones."""
    return open_cohort(config.cohort), tuple(open_cohort(path) for path in config.also)


def choose_genes(n_measured_A: np.ndarray, n_detected_A: np.ndarray, n: int, config: DataConfig) -> np.ndarray:
    """Return axis positions of the genes that a model covers.

    Parameters
    ----------
    n_measured_A, n_detected_A : ndarray of int, shape (19383,)
        Training samples that measure each gene, and that have it above zero.
    n : int
        Training samples.
    """
    if config.genes == "axis":
        return np.arange(len(n_measured_A))
    enough = max(config.min_detected, 1 / n) * n
    index = np.flatnonzero((n_measured_A == n) & (n_detected_A >= enough))
    if not len(index):
        raise DataError("No gene is measured in every training sample.", "Lower [data] min_detected.")
    return index


def space_of(
    index_G: np.ndarray, share_tpm_G: np.ndarray, mean_G: np.ndarray, sd_G: np.ndarray, measured_G: np.ndarray
) -> GeneSpace:
    """Return the genes of a model; one that was never measured has mean 0, scale 1 and no share of the transcripts."""
    axis = gene_axis()
    scale_G = np.where(measured_G, sd_G + SCALE_FLOOR, 1.0)
    ensembl = tuple(axis.ensembl[i] for i in index_G)
    return GeneSpace(ensembl, mean_G.astype(np.float32), scale_G.astype(np.float32), share_tpm_G)


def gene_table(space: GeneSpace, tpm_median_G: np.ndarray, log1p_sd_G: np.ndarray) -> pd.DataFrame:
    """Return the table of a model folder, as far as training samples alone tell."""
    columns = {"ensembl_id": space.ensembl, "symbol": space.symbols}
    return pd.DataFrame(columns | {"tpm_median": tpm_median_G, "log1p_sd": log1p_sd_G})


def prepare(
    cohort: Cohort,
    min_detected: float,
    further: Sequence[Cohort] = (),
    *,
    genes: str = "detected",
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
    genes : str
        ``detected`` or ``axis``, see `DataConfig`.
    centre : bool
        Whether each further cohort's mean is taken out, so that what tells cohorts apart is no component of variation.
    rescale : bool
        Whether each further cohort is measured in its own S. A gene that sets tissues apart and lies still in a tumour
        is dozens of the tumours' S away, and a few such genes would be all that a squared error sees.
    """
    train, validation = cohort.split("train"), cohort.split("validation")
    wanted = DataConfig(cohort=str(cohort.path), genes=genes, min_detected=min_detected)
    detected_A = (np.nan_to_num(train.tpm_SA) > 0).sum(axis=0)
    index_G = choose_genes(train.measured_SA.sum(axis=0), detected_A, len(train), wanted)
    measured_SG = train.measured_SA[:, index_G]
    n_G = np.maximum(measured_SG.sum(axis=0), 1)
    share_G = np.where(measured_SG, train.tpm_SA[:, index_G], 0).sum(axis=0, dtype=np.float64) / n_G
    # Mean and scale are learnt on what `align` gives, which needs only the shares.
    unit_G = np.ones(len(index_G), np.float32)
    ensembl = tuple(gene_axis().ensembl[i] for i in index_G)
    tpm_SG = align(train, GeneSpace(ensembl, 0 * unit_G, unit_G, share_G)).tpm_SG
    log1p_SG = np.where(measured_SG, np.log1p(tpm_SG.astype(np.float64)), 0)
    mean_G = log1p_SG.sum(axis=0) / n_G
    sd_G = np.sqrt((np.where(measured_SG, log1p_SG - mean_G, 0) ** 2).sum(axis=0) / n_G)
    known_G = np.asarray(measured_SG.any(axis=0))
    space = space_of(index_G, share_G, mean_G, sd_G, known_G)
    median_G = np.median(np.where(measured_SG, tpm_SG, 0), axis=0)
    of_train, of_validation = _source(train, space), _source(validation, space)
    further_z_SG = [_further(one.split("train"), space, centre, rescale) for one in further]
    return TrainingData(
        space,
        of_train,
        of_validation,
        np.nan_to_num(of_train.z_SG),
        np.nan_to_num(of_validation.z_SG),
        np.concatenate([np.empty((0, len(space)), np.float32), *further_z_SG]),
        gene_table(space, median_G, sd_G),
        ~known_G,
        {"train": train, "validation": validation} | {s: cohort.split(s) for s in HELD_OUT if cohort.has(s)},
        {
            "trained_on": _source_of(cohort),
            "also_trained_on": [_source_of(one) for one in further],
            "cohort_sha256": cohort.manifest["sha256"],
        },
    )


def _source(samples: Samples, space: GeneSpace) -> ArraySource:
    aligned = align(samples, space)
    z_SG = np.where(aligned.measured_SG, space.standardise(aligned.tpm_SG), np.float32(np.nan))
    return ArraySource(z_SG, aligned.names)


def _source_of(cohort: Cohort) -> dict:
    """What a model must say of a cohort that it learnt from."""
    keys = ("name", "source", "source_sha256", "licence", "attribution", "splits")
    return {key: cohort.manifest[key] for key in keys if key in cohort.manifest}


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
