"""Components of the broad corpus, each data set centred, without the patients that the product is tested on.

Shape suffixes: S samples, G genes, D data sets, P components.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from benchmarks.real_perturbations.data import needed
from cellstate.files import atomic_write, resource_path

#: Genes that fewer samples measure are left out; so is a data set with fewer samples, whose centre is noise.
MEASURED_SHARE, LEAST_SAMPLES = 0.8, 4
#: Components that are kept.
MOST = 600
#: The cohort's split orders the HiSeq patients by a hash of the barcode and tests the last fifth.
#: The corpus names five more patients than the cohort has, so a slightly longer tail is left out.
TEST_TAIL = 0.22
OLDER, NEWER, RECTUM = (
    "TumorDecon/coadread-older-sequencer",
    "TumorDecon/coadread-newer-sequencer",
    "RNAseqDB/read-tcga-t",
)
#: States of cells in culture or sorted, and how the names of the Human Protein Atlas's data sets are told.
CELL_STATES, ATLAS = ("cell line", "cells or other"), "RNAtable"
_UNITS_PER_LOG = np.float32(200)


@dataclass(frozen=True, eq=False)
class CorpusComponents:
    """Principal components of standardised profiles.

    Attributes
    ----------
    symbols : tuple of str, length G
    sd_G : ndarray of float32, shape (G,)
        Standard deviation of log1p TPM within data sets.
    component_PG : ndarray of float32, shape (P, G)
        Orthonormal rows; the first explains most.
    variance_P : ndarray of float32, shape (P,)
        Variance of their scores.
    n_samples : int
    """

    symbols: tuple[str, ...]
    sd_G: np.ndarray
    component_PG: np.ndarray
    variance_P: np.ndarray
    n_samples: int


def held_out_patients(sample_S: np.ndarray, name_S: np.ndarray) -> frozenset[str]:
    """Return TCGA patients (12 characters) that may be in the colorectal cohort's test parts, and the examples'.

    Parameters
    ----------
    sample_S : ndarray of str
        Barcode of each profile.
    name_S : ndarray of str
        Data set of each profile.
    """
    patients = {name: {s[:12] for s in sample_S[name_S == name]} for name in (OLDER, NEWER, RECTUM)}
    newer = sorted(patients[NEWER] | patients[RECTUM], key=lambda p: hashlib.sha256(p.encode()).hexdigest())
    tail = newer[round((1 - TEST_TAIL) * len(newer)) :]
    examples = {path.name[:12] for path in resource_path("data", "examples").glob("TCGA-*")}
    return frozenset(patients[OLDER] | set(tail) | examples)


def corpus_components(folder: Path, cache: Path, *, cells: bool = False) -> CorpusComponents:
    """Return the components, from the cache where they were computed before.

    Parameters
    ----------
    folder : path
        Folder of human_bulk.h5.
    cache : path
        Folder that keeps the result; made where it is missing.
    cells : bool
        Use only data sets of cells and cell lines, and the Human Protein Atlas.

    Raises
    ------
    DataError
        When the corpus is not there.
    """
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"corpus-components{'-cells' if cells else ''}.npz"
    if not path.exists():
        found = _fit(needed(folder / "human_bulk.h5"), cells=cells)
        with atomic_write(path) as partial, open(partial, "wb") as out:
            np.savez(out, **{**vars(found), "symbols": np.array(found.symbols)})
    with np.load(path) as stored:
        symbols = tuple(str(s) for s in stored["symbols"])
        rest = {key: stored[key] for key in ("sd_G", "component_PG", "variance_P")}
        return CorpusComponents(symbols, n_samples=int(stored["n_samples"]), **rest)


def read_centred(path: Path, *, cells: bool = False) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], np.ndarray]:
    """Return profiles (log1p TPM) less the mean of their data set, data sets, symbols and what is measured.

    Returns
    -------
    log1p_SG : ndarray of float32, shape (S, G)
        0 where a data set does not measure a gene.
    dataset_S : ndarray of int, shape (S,)
    symbols : tuple of str, length G
    measured_DG : ndarray of bool, shape (D, G)
    """
    with h5py.File(path) as file:
        dataset_S = file["dataset_index"][:]
        names = file["dataset_names"].asstr()[:]
        sample_S, group_S, state_S = (file[key].asstr()[:] for key in ("sample", "group", "state"))
        left_out = held_out_patients(sample_S, names[dataset_S])
        kept_S = ~(
            np.isin([s[:12] for s in sample_S], list(left_out)) | np.isin([g[:12] for g in group_S], list(left_out))
        )
        if cells:
            kept_S &= _cell_datasets(names, state_S, dataset_S)[dataset_S]
        large = np.flatnonzero(np.bincount(dataset_S[kept_S], minlength=len(names)) >= LEAST_SAMPLES)
        kept_S &= np.isin(dataset_S, large)
        measured_DG = file["measured"][:]
        share_G = measured_DG[dataset_S[kept_S]].mean(axis=0)
        genes = np.flatnonzero(share_G >= MEASURED_SHARE)
        stored = file["log1p_tpm_x200"]
        log1p_SG = np.concatenate(
            [
                stored[start : start + 500][kept_S[start : start + 500]][:, genes].astype(np.float32) / _UNITS_PER_LOG
                for start in range(0, len(kept_S), 500)
            ]
        )
        symbols = tuple(file["symbol"].asstr()[:][genes])
    dataset_S, measured_DG = dataset_S[kept_S], measured_DG[:, genes]
    for d in np.unique(dataset_S):
        rows = dataset_S == d
        log1p_SG[rows] = (log1p_SG[rows] - log1p_SG[rows].mean(axis=0)) * measured_DG[d]
    return log1p_SG, dataset_S, symbols, measured_DG


def _cell_datasets(name_D: np.ndarray, state_S: np.ndarray, dataset_S: np.ndarray) -> np.ndarray:
    """Return which data sets are of cells for the most part, or are the Human Protein Atlas, bool, shape (D,)."""
    n_D = np.bincount(dataset_S, minlength=len(name_D))
    cells_D = np.bincount(dataset_S, np.isin(state_S, CELL_STATES), minlength=len(name_D))
    return (cells_D > n_D / 2) | np.array([ATLAS in name for name in name_D])


def _fit(path: Path, *, cells: bool) -> CorpusComponents:
    z_SG, dataset_S, symbols, measured_DG = read_centred(path, cells=cells)
    n_G = np.maximum(measured_DG[dataset_S].sum(axis=0), 1)
    sd_G = np.sqrt(np.square(z_SG).sum(axis=0) / n_G).astype(np.float32)
    # The floor of the product's standardisation: a silent gene's noise is not blown up.
    z_SG /= sd_G + np.float32(0.1)
    square, vectors = np.linalg.eigh(z_SG @ z_SG.T)
    order = np.argsort(square)[::-1][:MOST]
    # Centring takes a degree of freedom from each data set; what is left of those components is rounding.
    order = order[square[order] > 1e-6 * square.max()]
    component_PG = vectors[:, order].T @ z_SG / np.sqrt(square[order])[:, None]
    return CorpusComponents(
        symbols, sd_G, component_PG.astype(np.float32), (square[order] / len(z_SG)).astype(np.float32), len(z_SG)
    )
