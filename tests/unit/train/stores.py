"""Synthetic stores, as `python -m train ingest` leaves them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cellstate.genes import N_AXIS
from tests.support.factories import make_samples
from train.store import Store, open_store, write_store


def make_store(
    folder: Path, n_genes: int | None = 240, n_train: int = 48, n_held_out: int = 12, seed: int = 0
) -> Store:
    """Store samples of the synthetic cohort, each a series of its own; they measure ``n_genes`` of the axis.

    Parameters
    ----------
    n_genes : int or None
        None: the whole axis, so that no value is missing.
    n_train, n_held_out : int
        Samples of the split "train", and of each of "validation" and "test".
    """
    sizes = {"train": n_train, "validation": n_held_out, "test": n_held_out}
    split = [name for name, n in sizes.items() for _ in range(n)]
    samples = make_samples(len(split), seed)
    tpm_SA = samples.tpm_SA.copy()
    if n_genes is not None:
        loud = np.flatnonzero(tpm_SA.min(axis=0) > 0)
        chosen = np.sort(np.random.default_rng(seed).choice(loud, n_genes, replace=False))
        tpm_SA[:, np.setdiff1d(np.arange(N_AXIS), chosen)] = np.nan
        tpm_SA *= 1e6 / np.nansum(tpm_SA, axis=1, keepdims=True)
    numbers = range(1, len(split) + 1)
    table = pd.DataFrame(
        {
            "sample": [f"GSM{i:04d}" for i in numbers],
            "series": [f"GSE{i:04d}" for i in numbers],
            "split": split,
            "library_size": samples.library_size_S,
            "detected_genes": np.count_nonzero(np.nan_to_num(tpm_SA) > 0, axis=1),
            "single_cell_probability": 0.01,
            "median_correlation": 0.9,
            "duplicate_group": "",
            "source": "synthetic.h5",
        }
    )
    folder.mkdir(parents=True)
    about = {"sources": [{"name": "synthetic.h5", "sha256": "0" * 64}], "filters": {}}
    write_store(folder, [np.log1p(tpm_SA).astype(np.float16)], table, about)
    return open_store(folder)


def on_genes_of(store: Store, other: Store, folder: Path, n_new: int = 20) -> Store:
    """Store the same samples as if they measured the genes of another store, but for the first ``n_new``."""
    log1p_SA = np.array(store.log1p_SA)
    own, theirs = (np.flatnonzero(~np.isnan(one.log1p_SA).all(axis=0)) for one in (store, other))
    genes = np.union1d(theirs[n_new:], np.setdiff1d(own, theirs)[:n_new])[: len(own)]
    moved_SA = np.full_like(log1p_SA, np.nan)
    moved_SA[:, genes] = log1p_SA[:, own[: len(genes)]]
    folder.mkdir(parents=True)
    write_store(folder, [moved_SA], store.table, {key: store.manifest[key] for key in ("sources", "filters")})
    return open_store(folder)
