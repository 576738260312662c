"""A corpus of bulk profiles in one HDF5 file: many data sets, each with the genes that it measures.

The layout, which any extract can be written in (all arrays at the top of the file, S samples, D data sets, F genes):

=====================  ============  =========================================================================
``log1p_tpm_x200``     (S, F)        natural log of 1 + TPM, times 200, rounded, uint16; 0 where not measured
``measured``           (D, F) bool   which genes a data set measures
``ensembl``            (F,) text     Ensembl gene ids; genes that are not on the axis are left out
``dataset_index``      (S,) int      data set of each sample
``dataset_names``      (D,) text     name of each data set
``sample``             (S,) text     name of each sample, unique within its data set
``tissue_class``       (S,) text     tissue as the source says
``state``              (S,) text     normal, tumour, cell line, ... as the source says
``group``              (S,) text     patient or donor, empty where unknown
=====================  ============  =========================================================================

Tissue, state and split of samples that `data/corpora/human_bulk` names are those of its tables, which were fixed before
anything was fitted; samples of its excluded patients are left out. Of others, tissue and state are the file's, and
samples that share a data set, a patient or a near-duplicate stay on one side of the split.

Shape suffixes: S samples, D data sets, F genes of the file, A genes of the axis.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from cellstate.cohorts.store import ReportLine
from cellstate.errors import DataError
from cellstate.files import resource_path, sha256
from cellstate.genes import N_AXIS, gene_axis

from ..store import COLUMNS, Store, open_store, write_store
from .duplicates import MOST, learn, near_duplicates
from .settings import IngestSettings
from .source import FEWEST_GENES
from .splits import Shares, assign, components

#: Values of the file per unit of log1p TPM.
STEPS = 200
EXCLUDED = "excluded"
#: What the store is called in the record of a model.
CORPUS = "human bulk corpus"
HINT = "Give the corpus file: HDF5 in the layout of docs/corpus.md."
_ARRAYS = {
    "log1p_tpm_x200": 2, "measured": 2, "ensembl": 1, "dataset_index": 1, "dataset_names": 1, "sample": 1,
    "tissue_class": 1, "state": 1, "group": 1,
}  # fmt: skip
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Corpus:
    """Names and masks of a corpus file.

    Attributes
    ----------
    path : Path
    table : DataFrame
        One row a sample: sample, series (its data set), tissue, state, group, dataset_index.
    measured_DA : ndarray of bool
    axis_index_F : ndarray of int
        Position of each gene of the file on the axis, -1 where it has none.
    """

    path: Path
    table: pd.DataFrame
    measured_DA: np.ndarray
    axis_index_F: np.ndarray

    def blocks(self, rows_S: np.ndarray) -> Iterator[np.ndarray]:
        """Yield log1p TPM of samples by position, NaN where not measured, float16, shape (any number, 19383)."""
        known_F = self.axis_index_F >= 0
        with _opened(self.path) as file:
            for start in range(0, len(rows_S), _BLOCK):
                rows = rows_S[start : start + _BLOCK]
                log1p_SA = np.full((len(rows), N_AXIS), np.nan, np.float32)
                log1p_SA[:, self.axis_index_F[known_F]] = file["log1p_tpm_x200"][rows][:, known_F] / np.float32(STEPS)
                dataset_S = self.table["dataset_index"].to_numpy()[rows]
                log1p_SA[~self.measured_DA[dataset_S]] = np.nan
                yield log1p_SA.astype(np.float16)


def import_bulk(
    source: Path | str,
    out: Path | str,
    *,
    report_progress: ReportLine = lambda _: None,
    shares: Shares | None = None,
    seed: int = 0,
) -> Store:
    """Write a corpus file as a store for training; a store of the same file is returned unchanged.

    Parameters
    ----------
    source, out : path
        The HDF5 file; the folder of the store.
    report_progress : callable
        Called with each line of progress.
    shares, seed
        Sizes of the splits, and what decides them, of samples that the project's tables do not name.

    Raises
    ------
    DataError
        A file that is no corpus: truncated, without masks, with other genes; a folder with other content.
    """
    source, out = Path(source), Path(out)
    corpus = read_corpus(source)
    digest = sha256(source)
    if out.exists() and any(out.iterdir()):
        store = open_store(out)
        if [one["sha256"] for one in store.manifest["sources"]] != [digest]:
            raise DataError(f"{out} holds another store.", "Choose an empty or a new folder.")
        report_progress(f"already complete: {out}")
        return store
    table = _known(corpus.table)
    kept_S = np.flatnonzero((table["split"] != EXCLUDED).to_numpy())
    filters = {"excluded patients": len(table) - len(kept_S)}
    table = table.iloc[kept_S].reset_index(drop=True)
    report_progress(f"looking for near-duplicates among {len(table):,} samples")
    table["duplicate_group"], table["median_correlation"] = _duplicates(corpus, kept_S)
    table["split"] = _splits(table, shares or Shares(), seed)
    filled = {"library_size": np.nan, "single_cell_probability": np.nan, "source": source.name}
    table = table.assign(**filled)
    table["detected_genes"] = np.concatenate([(block > 0).sum(axis=1) for block in corpus.blocks(kept_S)])
    about = {
        "name": CORPUS,
        "licence": "by source, see the model card",
        "sources": [{"name": source.name, "bytes": source.stat().st_size, "sha256": digest}],
        "filters": filters,
        "n_near_duplicates": int((table["duplicate_group"] != "").sum()),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
        stage = Path(temporary) / "store"
        stage.mkdir()
        columns = [*COLUMNS, "tissue", "state", "component"]
        write_store(stage, corpus.blocks(kept_S), table[columns], about)
        if out.exists():
            out.rmdir()
        os.replace(stage, out)
    report_progress(f"stored: {out}")
    return open_store(out)


def read_corpus(path: Path) -> Corpus:
    """Read names and masks of a corpus file; raises ``DataError`` where it is none."""
    with _opened(path) as file:
        for name, ndim in _ARRAYS.items():
            found = file.get(name)
            if not isinstance(found, h5py.Dataset) or found.ndim != ndim:
                raise DataError(f"{path.name} lacks the array {name!r} of a corpus.", HINT, code="no_corpus")
        n, genes = file["log1p_tpm_x200"].shape
        datasets = len(file["dataset_names"])
        lengths = {len(file[name]) for name in ("dataset_index", "sample", "tissue_class", "state", "group")}
        if lengths != {n} or len(file["ensembl"]) != genes or file["measured"].shape != (datasets, genes):
            raise DataError(f"The arrays of {path.name} do not fit each other.", HINT, code="no_corpus")
        dataset_S = file["dataset_index"][:].astype(np.int64)
        if n == 0 or dataset_S.min() < 0 or dataset_S.max() >= datasets:
            raise DataError(f"{path.name} has samples of no data set.", HINT, code="no_corpus")
        text = {name: _texts(file[name]) for name in ("dataset_names", "sample", "tissue_class", "state", "group")}
        index_F = gene_axis().resolve(_texts(file["ensembl"])).index
        measured_DF = file["measured"][:].astype(bool)
    known_F = index_F >= 0
    if known_F.sum() < FEWEST_GENES:
        raise DataError(
            f"{path.name} holds only {int(known_F.sum()):,} human protein-coding genes by Ensembl id.",
            "Name genes by human Ensembl gene ids.",
            code="other_genes",
        )
    if len(np.unique(index_F[known_F])) != known_F.sum():
        raise DataError(f"{path.name} has a gene twice.", HINT, code="no_corpus")
    measured_DA = np.zeros((datasets, N_AXIS), bool)
    measured_DA[:, index_F[known_F]] = measured_DF[:, known_F]
    table = pd.DataFrame(
        {
            "sample": text["sample"],
            "series": np.array(text["dataset_names"])[dataset_S],
            "tissue": text["tissue_class"],
            "state": text["state"],
            "group": text["group"],
            "dataset_index": dataset_S,
        }
    )
    if table.duplicated(["series", "sample"]).any():
        raise DataError(f"{path.name} has a sample twice in one data set.", HINT, code="no_corpus")
    return Corpus(path, table, measured_DA, index_F)


def _known(table: pd.DataFrame) -> pd.DataFrame:
    """Add component and split of the samples that the project's tables name, and take their tissue and state."""
    folder = resource_path("data", "corpora", "human_bulk")
    named = pd.read_csv(folder / "samples.tsv.gz", sep="\t", dtype=str, keep_default_na=False)
    datasets = pd.read_csv(folder / "splits.tsv", sep="\t", dtype=str)
    excluded = set((folder / "excluded_patients.txt").read_text().split())
    keys = ["series", "sample"]
    named = named.rename(columns={"dataset": "series"})[[*keys, "tissue", "state", "split"]]
    joined = table.merge(named, on=keys, how="left", suffixes=("", "_named"), validate="one_to_one")
    is_named = joined["split"].notna()
    for column in ("tissue", "state"):
        joined[column] = joined[f"{column}_named"].where(is_named, joined[column])
    component = dict(zip(datasets["dataset"], datasets["component"], strict=True))
    joined["component"] = joined["series"].map(component).fillna(joined["series"])
    joined["split"] = joined["split"].where(is_named, "")
    joined.loc[joined["group"].str[:12].isin(excluded), "split"] = EXCLUDED
    return joined.drop(columns=["tissue_named", "state_named"])


def _duplicates(corpus: Corpus, rows_S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the group of near-duplicates of each sample, empty where it has none, and its correlation with the median.

    Data sets measure different genes: profiles are compared on those that nearly all measure.
    """
    log1p_SA = np.concatenate(list(corpus.blocks(rows_S)))
    common_A = np.isnan(log1p_SA).mean(axis=0) < 0.05
    if common_A.sum() < FEWEST_GENES:
        common_A[:] = True
    chosen = np.sort(np.random.default_rng(0).permutation(len(rows_S))[:MOST])
    some_SA = np.where(common_A, log1p_SA[chosen].astype(np.float32), np.nan)
    median_A = np.nanmedian(some_SA[:, common_A], axis=0)
    complete_SA = np.full_like(some_SA, np.nan)
    complete_SA[:, common_A] = np.where(np.isnan(some_SA[:, common_A]), median_A, some_SA[:, common_A])
    reference = learn(complete_SA)
    correlation_S, place_SD, signature_SK = reference.compare(log1p_SA)
    group_S, _ = near_duplicates(
        place_SD, signature_SK, lambda rows: reference.units(log1p_SA[rows]), IngestSettings().duplicate_correlation
    )
    size = np.bincount(group_S)
    return np.where(size[group_S] > 1, [f"group {g}" for g in group_S], ""), correlation_S


def _splits(table: pd.DataFrame, shares: Shares, seed: int) -> np.ndarray:
    """Return the split of each sample: the given one, or that of its component."""
    series = [f"{component};{group}" for component, group in zip(table["component"], table["group"], strict=True)]
    component_S = components(series, table["duplicate_group"].tolist())
    names = (table["series"] + "/" + table["sample"]).tolist()
    return assign(component_S, names, shares, seed, table["split"].tolist())


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        what = "is not there" if not path.is_file() else "is truncated or no HDF5 file"
        raise DataError(f"{path} {what}.", HINT, code="no_corpus") from error


def _texts(array: h5py.Dataset) -> list[str]:
    return [item.decode() if isinstance(item, bytes) else str(item) for item in array[:]]
