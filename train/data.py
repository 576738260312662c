"""The samples of a run, on the genes the model will cover: a cohort or a store in memory, or one read block by block.

Shape suffixes: S samples, G genes, A genes of the axis, B samples of a block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from cellstate.cohorts import Cohort, open_cohort
from cellstate.errors import DataError
from cellstate.gene_space import SCALE_FLOOR, GeneSpace, align
from cellstate.genes import gene_axis
from cellstate.perturb.predictors.linear import principal_rows
from cellstate.samples import Samples

from .batches import ArraySource, SampleSource, StoreSource, mapped
from .config import DataConfig
from .distributed import DistributedContext
from .store import Store, open_store

#: Splits that no choice of the training ever sees.
HELD_OUT = ("test", "older_test")
#: Training samples in memory for the baselines, and samples of each other split for calibration and evaluation.
IN_MEMORY = 2000
#: Turns of learning components and filling by them.
FILL_PASSES = 4
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Standardised samples.

    Attributes
    ----------
    space : GeneSpace
        Covered genes, with mean, scale and share from the training samples alone.
    train, validation : SampleSource
        Samples for the loop.
    train_z_SG, validation_z_SG : ndarray of float32
        The same in memory for the baselines, filled where not measured: all of a cohort, a random part of a large
        store.
    further_z_SG : ndarray of float32
        Training samples of the further cohorts, one below the other; no rows where there is none.
    gene_table : DataFrame
        One row a gene: ensembl_id, symbol, tpm_median, log1p_sd over the training samples.
    silent_G : ndarray of bool
        Genes that no training sample measures.
    samples : dict of split to Samples
        Samples for calibration and evaluation of the model folder, training samples included.
    about : dict
        Entries of the model folder's metrics about the samples' source.
    """

    space: GeneSpace
    train: SampleSource
    validation: SampleSource
    train_z_SG: np.ndarray
    validation_z_SG: np.ndarray
    further_z_SG: np.ndarray
    gene_table: pd.DataFrame
    silent_G: np.ndarray
    weight_S: np.ndarray | None = None
    """Weight of each row of ``train_z_SG``, 1 on average, shape (S,); None: all weigh the same."""
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    """What a store that was read whole says of the samples of each split; empty for others."""
    samples: dict[str, Samples] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    def in_units_of(self, space: GeneSpace) -> TrainingData:
        """Return the same samples in another mean and SD of the same genes."""
        factor_G = self.space.scale_G / space.scale_G
        moved_G = (self.space.mean_G - space.mean_G) / space.scale_G

        def convert(z_SG: np.ndarray, known_SG: np.ndarray | bool = True) -> np.ndarray:
            return np.where(known_SG, z_SG * factor_G + moved_G, 0).astype(np.float32)

        def of(source: SampleSource) -> SampleSource:
            if isinstance(source, StoreSource):
                return replace(source, space=space)
            assert isinstance(source, ArraySource)
            filled_SG = None if source.filled_SG is None else convert(source.filled_SG)
            return replace(source, z_SG=convert(source.z_SG), filled_SG=filled_SG)

        # What was filled by the training mean stays the training mean; other fillings move with the units.
        by_mean = {"train": self.train, "validation": self.validation}
        measured: dict[str, np.ndarray | bool] = {
            split: (isinstance(source, ArraySource) and source.filled_SG is not None)
            or align(self.samples[split], self.space).measured_SG
            for split, source in by_mean.items()
        }
        return replace(
            self,
            space=space,
            train=of(self.train),
            validation=of(self.validation),
            train_z_SG=convert(self.train_z_SG, measured["train"]),
            validation_z_SG=convert(self.validation_z_SG, measured["validation"]),
            further_z_SG=(self.further_z_SG * factor_G).astype(np.float32),
        )

    @property
    def checksum(self) -> str:
        """The sha256 of the cohort or store."""
        return str(self.about.get("store_sha256") or self.about.get("cohort_sha256"))

    @property
    def weighted_z_SG(self) -> np.ndarray:
        """Training samples times the root of their weights: their products are weighted ones."""
        if self.weight_S is None:
            return self.train_z_SG
        return self.train_z_SG * np.sqrt(self.weight_S, dtype=np.float32)[:, None]

    @property
    def balanced_z_SG(self) -> np.ndarray:
        """Training samples of all cohorts, the further ones together weighing as much as the first.

        Two cohorts differ in the correlation of two genes far more than their sizes explain; then the best mean of
        both gives them equal weights (random-effects meta-analysis: DerSimonian and Laird 1986).
        """
        n_further = len(self.further_z_SG)
        weight = np.float32(np.sqrt(len(self.train_z_SG) / n_further)) if n_further else 1
        return np.concatenate([self.weighted_z_SG, self.further_z_SG * weight])


def read_cohorts(config: DataConfig) -> TrainingData:
    """Read the cohort of a run, and the further ones; see `prepare`."""
    further = tuple(open_cohort(path) for path in config.also)
    return prepare(
        open_cohort(config.cohort), config.min_detected, further,
        genes=config.genes, centre=config.centre, rescale=config.rescale,
    )  # fmt: skip


def choose_genes(n_measured_A: np.ndarray, n_detected_A: np.ndarray, n: int, config: DataConfig) -> np.ndarray:
    """Return axis positions of the genes that a model covers.

    It is decided from the number of the n training samples that measure each gene, and that have it above zero.
    """
    if config.genes == "axis":
        return np.arange(len(n_measured_A))
    enough = max(config.min_detected, 1 / n) * n
    index = np.flatnonzero((n_measured_A >= config.min_measured * n) & (n_detected_A >= enough))
    if not len(index):
        share = "every training sample" if config.min_measured == 1 else f"{config.min_measured:.0%} of the samples"
        raise DataError(f"No gene is measured in {share}.", "Lower [data] min_detected or min_measured.")
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
    """Return the columns of a model folder's gene table that follow from training samples alone."""
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
    """Choose genes, learn the standardisation from the training split, apply it to all; see `DataConfig`.

    Genes, means and scales come from ``cohort`` alone: z is in SDs of the disease's own patients. Training samples of
    the ``further`` cohorts are added; a gene that they do not measure is 0 in z.
    """
    wanted = DataConfig(cohort=str(cohort.path), genes=genes, min_detected=min_detected)
    splits = ("train", "validation", *(s for s in HELD_OUT if cohort.has(s)))
    about = {
        "trained_on": _source_of(cohort),
        "also_trained_on": [_source_of(one) for one in further],
        "cohort_sha256": cohort.manifest["sha256"],
    }
    data = _in_memory({s: cohort.split(s) for s in splits}, wanted, about)
    further_z_SG = [_further(one.split("train"), data.space, centre, rescale) for one in further]
    return replace(data, further_z_SG=np.concatenate([data.further_z_SG, *further_z_SG]))


def _in_memory(
    samples: dict[str, Samples], config: DataConfig, about: dict[str, Any], weight_S: np.ndarray | None = None
) -> TrainingData:
    """Choose genes and learn the standardisation from the training samples, with their weights."""
    train = samples["train"]
    w_S1 = np.ones((len(train), 1)) if weight_S is None else weight_S.astype(np.float64)[:, None]
    detected_A = ((np.nan_to_num(train.tpm_SA) > 0) * w_S1).sum(axis=0)
    index_G = choose_genes(train.measured_SA.sum(axis=0), detected_A, len(train), config)
    measured_SG = train.measured_SA[:, index_G]
    total_G = np.maximum((measured_SG * w_S1).sum(axis=0), 1e-9)
    share_G = (np.where(measured_SG, train.tpm_SA[:, index_G], 0) * w_S1).sum(axis=0) / total_G
    # Mean and scale are learnt after `align`, which needs only the shares.
    unit_G = np.ones(len(index_G), np.float32)
    ensembl = tuple(gene_axis().ensembl[i] for i in index_G)
    tpm_SG = align(train, GeneSpace(ensembl, 0 * unit_G, unit_G, share_G)).tpm_SG
    log1p_SG = np.where(measured_SG, np.log1p(tpm_SG.astype(np.float64)), 0)
    mean_G = (log1p_SG * w_S1).sum(axis=0) / total_G
    sd_G = np.sqrt((np.where(measured_SG, log1p_SG - mean_G, 0) ** 2 * w_S1).sum(axis=0) / total_G)
    known_G = np.asarray(measured_SG.any(axis=0))
    space = space_of(index_G, share_G, mean_G, sd_G, known_G)
    median_G = np.median(np.where(measured_SG, tpm_SG, 0), axis=0)
    sources = {split: _source(samples[split], space) for split in ("train", "validation")}
    if config.fill:
        filled = fill_in(sources["train"].z_SG, sources["validation"].z_SG, config.fill, weight_S)
        sources = {s: replace(one, filled_SG=z_SG) for (s, one), z_SG in zip(sources.items(), filled, strict=True)}
    return TrainingData(
        space,
        replace(sources["train"], weight_S=weight_S),
        sources["validation"],
        sources["train"].complete_SG,
        sources["validation"].complete_SG,
        np.empty((0, len(space)), np.float32),
        gene_table(space, median_G, sd_G),
        ~known_G,
        weight_S,
        samples=samples,
        about=about,
    )


def class_weights(labels: Sequence[str]) -> np.ndarray:
    """Return the weight of each sample, 1 on average: a class of n samples weighs as the root of n, float32, (S,)."""
    _, of_S, n_C = np.unique(np.asarray(labels, dtype=str), return_inverse=True, return_counts=True)
    weight_S = 1 / np.sqrt(n_C[of_S])
    return (weight_S / weight_S.mean()).astype(np.float32)


def fill_in(
    z_SG: np.ndarray, validation_z_SG: np.ndarray, width: int, weight_S: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Replace what is not measured by what principal components of the training samples say of it.

    Components and values are learnt in turns, as in `cellstate.model.impute`; validation samples follow the last ones.

    Returns
    -------
    tuple of ndarray of float32
        Training and validation samples without NaN.
    """
    known_SG, known_VG = ~np.isnan(z_SG), ~np.isnan(validation_z_SG)
    filled_SG, filled_VG = np.nan_to_num(z_SG), np.nan_to_num(validation_z_SG)
    if known_SG.all() and known_VG.all():
        return filled_SG, filled_VG
    root_S1 = 1.0 if weight_S is None else np.sqrt(weight_S, dtype=np.float32)[:, None]
    for _ in range(FILL_PASSES):
        rows_PG = principal_rows(filled_SG * root_S1, width)[0]
        filled_SG = np.where(known_SG, filled_SG, (filled_SG @ rows_PG.T) @ rows_PG)
    for _ in range(FILL_PASSES):
        filled_VG = np.where(known_VG, filled_VG, (filled_VG @ rows_PG.T) @ rows_PG)
    return filled_SG, filled_VG


def _source(samples: Samples, space: GeneSpace) -> ArraySource:
    aligned = align(samples, space)
    z_SG = np.where(aligned.measured_SG, space.standardise(aligned.tpm_SG), np.float32(np.nan))
    return ArraySource(z_SG, aligned.names)


def _source_of(cohort: Cohort) -> dict:
    keys = ("name", "source", "source_sha256", "licence", "attribution", "splits")
    return {key: cohort.manifest[key] for key in keys if key in cohort.manifest}


def _further(samples: Samples, space: GeneSpace, centre: bool, rescale: bool) -> np.ndarray:
    tpm_SG = samples.tpm_SA[:, space.axis_index_G]
    measured_SG = ~np.isnan(tpm_SG)
    # Like `align`, but with one factor for all samples: totals of tissues are not equal.
    factor = (measured_SG @ space.share_tpm_G).sum() / np.nansum(tpm_SG, dtype=np.float64)
    z_SG = space.standardise(tpm_SG * np.float32(factor))
    n_G = np.maximum(measured_SG.sum(axis=0), 1)
    mean_G = z_SG.sum(axis=0) / n_G
    centred_SG = np.where(measured_SG, z_SG - mean_G, 0)
    if rescale:
        # The floor of the SD is one of log1p TPM, here in the first cohort's units.
        own_G = np.sqrt((centred_SG**2).sum(axis=0) / n_G) + SCALE_FLOOR / space.scale_G
        z_SG, centred_SG = z_SG / own_G, centred_SG / own_G
    return (centred_SG if centre else z_SG).astype(np.float32)


def read_store(config: DataConfig, seed: int, context: DistributedContext) -> TrainingData:
    """Choose genes and learn the standardisation from all training samples of a store, shared among the processes.

    A store that is not read whole takes two passes: the first counts and sums TPM; the second, with the scale of every
    sample, sums log1p TPM.
    """
    store = open_store(config.store)
    if config.in_memory:
        return _whole_store(store, config)
    rows = {split: store.rows(split) for split in ("train", "validation")}
    own = rows["train"][context.share(len(rows["train"]))]

    counts = np.zeros((3, store.log1p_SA.shape[1]))
    for _, log1p_BA in _blocks(store, own):
        measured_BA = ~np.isnan(log1p_BA)
        tpm_BA = np.where(measured_BA, np.expm1(log1p_BA), 0)
        counts += [measured_BA.sum(axis=0), (tpm_BA > 0).sum(axis=0), tpm_BA.sum(axis=0, dtype=np.float64)]
    n_measured_A, n_detected_A, sum_A = _total(counts, context)
    index_G = choose_genes(n_measured_A, n_detected_A, len(rows["train"]), config)
    n_G = n_measured_A[index_G]
    share_G = sum_A[index_G] / np.maximum(n_G, 1)

    scales = {split: _scales(store, rows[split], index_G, share_G, context) for split in rows}
    sums = np.zeros((2, len(index_G)))
    factor_S = scales["train"][0][context.share(len(rows["train"]))]
    for at, log1p_BA in _blocks(store, own):
        log1p_BG = np.log1p(np.expm1(log1p_BA[:, index_G]) * factor_S[at, None])
        value_BG = np.nan_to_num(log1p_BG, nan=0.0).astype(np.float64)
        sums += [value_BG.sum(axis=0), (value_BG**2).sum(axis=0)]
    sum_G, square_G = _total(sums, context)
    mean_G = sum_G / np.maximum(n_G, 1)
    sd_G = np.sqrt(np.maximum(square_G / np.maximum(n_G, 1) - mean_G**2, 0))
    space = space_of(index_G, share_G, mean_G, sd_G, n_G > 0)

    names = store.table["sample"].astype(str).to_numpy()
    source = {
        split: StoreSource(
            mapped(store.log1p_SA), rows[split], *scales[split][:1], space, scales[split][1], names[rows[split]]
        )
        for split in rows
    }
    samples = {s: store.split(s, IN_MEMORY, seed) for s, n in store.manifest["splits"].items() if n}
    tpm_SG = align(samples["train"], space).tpm_SG
    return TrainingData(
        space,
        source["train"],
        source["validation"],
        space.standardise(tpm_SG),
        _z(samples["validation"], space),
        np.empty((0, len(space)), np.float32),
        gene_table(space, np.median(np.nan_to_num(tpm_SG), axis=0), sd_G),
        n_G == 0,
        samples=samples,
        about={"trained_on": _about(store), "also_trained_on": [], "store_sha256": store.manifest["sha256"]},
    )


def _whole_store(store: Store, config: DataConfig) -> TrainingData:
    weight_S = None
    if config.balance:
        if config.balance not in store.table:
            raise DataError(
                f"The store has no column {config.balance!r} to balance by.",
                f"Its columns are {', '.join(store.table.columns)}.",
            )
        weight_S = class_weights(store.table[config.balance].iloc[store.rows("train")])
    samples = {s: store.split(s) for s, n in store.manifest["splits"].items() if n}
    about = {"trained_on": _about(store), "also_trained_on": [], "store_sha256": store.manifest["sha256"]}
    tables = {s: store.table.iloc[store.rows(s)] for s in samples}
    return replace(_in_memory(samples, config, about, weight_S), tables=tables)


def _blocks(store: Store, rows: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (which of the rows, their log1p TPM, shape (B, 19383), float32)."""
    for start in range(0, len(rows), _BLOCK):
        at = slice(start, start + _BLOCK)
        yield at, store.log1p_SA[rows[at]].astype(np.float32)


def _scales(
    store: Store, rows: np.ndarray, index_G: np.ndarray, share_G: np.ndarray, context: DistributedContext
) -> tuple[np.ndarray, np.ndarray]:
    """Return the factor of each sample's TPM, as in `cellstate.gene_space.align`, and its number of measured genes."""
    found = np.zeros((2, len(rows)))
    own = context.share(len(rows))
    for at, log1p_BA in _blocks(store, rows[own]):
        log1p_BG = log1p_BA[:, index_G]
        measured_BG = ~np.isnan(log1p_BG)
        total_B = np.nansum(np.expm1(log1p_BG), axis=1, dtype=np.float64)
        # A sample without expression in these genes stays at 0.
        found[0, own][at] = np.divide(measured_BG @ share_G, total_B, out=np.zeros_like(total_B), where=total_B > 0)
        found[1, own][at] = measured_BG.sum(axis=1)
    factor_S, n_measured_S = _total(found, context)
    return factor_S.astype(np.float32), n_measured_S.astype(np.int64)


def _total(values: np.ndarray, context: DistributedContext) -> np.ndarray:
    return context.total(torch.from_numpy(values).to(context.device)).cpu().numpy()


def _z(samples: Samples, space: GeneSpace) -> np.ndarray:
    return space.standardise(align(samples, space).tpm_SG)


def _about(store: Store) -> dict:
    keys = ("name", "sources", "licence", "attribution", "filters", "splits")
    return {"name": store.path.name} | {key: store.manifest[key] for key in keys if key in store.manifest}
