"""A synthetic corpus of several tissues, states and laboratories, for the classifier of tissues.

Its colon without a tumour is the synthetic cohort of `factories`, so that a model of that cohort and a classifier of
this corpus go together.

Shape suffixes: S samples, A genes of the axis.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from cellstate.evaluation.tissue import TissueClassifier, write_tissues
from cellstate.genes import N_AXIS
from cellstate.model import Model, load_model
from cellstate.model.checksums import write_model_checksums
from cellstate.model.record import METRICS
from cellstate.samples import Samples
from tests.support.factories import make_samples
from train.tissues import fit_tissues

TISSUES = ("colon", "liver", "lung")
STATES = ("normal", "tumour")
#: Data sets of each tissue; each measures both states.
N_DATASETS, N_EACH = 4, 6
N_GENES, N_COMPONENTS = 220, 12


@dataclass(frozen=True, eq=False)
class Corpus:
    """Samples with what `fit_tissues` takes; names of tissues and states as a corpus writes them."""

    log1p_SA: np.ndarray
    measured_SA: np.ndarray
    tissue: np.ndarray
    state: np.ndarray
    dataset: np.ndarray

    @property
    def labels(self) -> tuple[np.ndarray, ...]:
        """Tissue, state, data set and component; each data set is a component."""
        return self.tissue, self.state, self.dataset, self.dataset

    def where(self, is_taken_S: np.ndarray) -> Corpus:
        """Return some of the samples."""
        parts = (self.log1p_SA, self.measured_SA, self.tissue, self.state, self.dataset)
        return Corpus(*(part[is_taken_S] for part in parts))

    @property
    def samples(self) -> Samples:
        """The profiles in TPM."""
        tpm_SA = np.where(self.measured_SA, np.expm1(self.log1p_SA), np.nan).astype(np.float32)
        names = tuple(f"S{i}" for i in range(len(tpm_SA)))
        return Samples(names, tpm_SA, np.full(len(tpm_SA), np.nan))


def _effect(seed: int, scale: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return scale * rng.standard_normal(N_AXIS) * (rng.random(N_AXIS) < 0.4)


def make_corpus(genes: np.ndarray | None = None, first_dataset: int = 0, n_datasets: int = N_DATASETS) -> Corpus:
    """Draw a corpus; data sets of other numbers are of other laboratories.

    Parameters
    ----------
    genes : ndarray of int, optional
        Axis positions that every data set measures. Default: all.
    """
    rows, tissue, state, dataset = [], [], [], []
    for t, name in enumerate(TISSUES):
        for d in range(first_dataset, first_dataset + n_datasets):
            laboratory_A = _effect(100 + 10 * d + t, 0.3)
            for s, condition in enumerate(STATES):
                tpm_SA = make_samples(N_EACH, seed=1000 + 100 * t + 10 * d + s).tpm_SA
                shift_A = laboratory_A + (_effect(t, 1.2) if t else 0) + (_effect(50, 0.8) if s else 0)
                rows.append(tpm_SA * np.exp(shift_A))
                tissue += [name] * N_EACH
                state += [condition] * N_EACH
                dataset += [f"{name} {d}"] * N_EACH
    tpm_SA = np.concatenate(rows)
    tpm_SA *= 1e6 / tpm_SA.sum(axis=1, keepdims=True)
    measured_SA = (
        np.ones(tpm_SA.shape, bool) if genes is None else np.tile(np.isin(np.arange(N_AXIS), genes), (len(tpm_SA), 1))
    )
    log1p_SA = np.where(measured_SA, np.log1p(tpm_SA), 0).astype(np.float32)
    return Corpus(log1p_SA, measured_SA, np.array(tissue), np.array(state), np.array(dataset))


@lru_cache(maxsize=2)
def make_classifier(genes: tuple[int, ...] = ()) -> TissueClassifier:
    """Fit a classifier to the synthetic corpus."""
    corpus = make_corpus(np.array(genes) if genes else None)
    return fit_tissues(corpus.log1p_SA, corpus.measured_SA, *corpus.labels, n_genes=N_GENES, n_components=N_COMPONENTS)


def with_tissues(model: Model, folder: Path, covered: tuple[str, ...] = ()) -> Model:
    """Return a copy of a model of the synthetic cohort with a classifier of its genes."""
    shutil.copytree(model.folder, folder)
    write_tissues(folder, make_classifier(tuple(int(i) for i in model.space.axis_index_G)))
    record = json.loads((folder / METRICS).read_text())
    (folder / METRICS).write_text(json.dumps(record | {"tissues": list(covered)}))
    write_model_checksums(folder)
    return load_model(folder, device="cpu")
