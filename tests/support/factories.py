"""Synthetic data for every test: one cohort whose genes move together, as those of real tissue do.

The cohort's structure (the level of each gene, the genes of each programme) never changes; a seed only draws samples.
So a model fitted on one seed applies to samples of another.

Shape suffixes: S samples, A genes of the axis, P programmes.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellstate.cohorts import Cohort, open_cohort
from cellstate.expression.units import TPM_TOTAL
from cellstate.gene_space import SCALE_FLOOR, GeneSpace
from cellstate.genes import N_AXIS, gene_axis
from cellstate.samples import Samples
from train.config import DataConfig, LoopConfig, NetworkConfig, OutputConfig, TrainConfig

N_PROGRAMMES = 8
_SILENT_FRACTION = 0.15


@lru_cache(maxsize=1)
def _makeup() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (log level of each gene, its loading on each programme, whether it is silent)."""
    rng = np.random.default_rng(19_383)
    level_A = rng.normal(1.5, 1.8, N_AXIS)
    # A gene belongs to few programmes, so most loadings are 0.
    loading_PA = rng.normal(0, 0.6, (N_PROGRAMMES, N_AXIS)) * (rng.random((N_PROGRAMMES, N_AXIS)) < 0.25)
    return level_A, loading_PA, rng.random(N_AXIS) < _SILENT_FRACTION


def make_samples(
    n_samples: int = 8,
    seed: int = 0,
    missing_fraction: float = 0.0,
    *,
    noise: float = 0.35,
    prefix: str = "S",
) -> Samples:
    """Draw samples of the synthetic cohort.

    Parameters
    ----------
    n_samples, seed : int
    missing_fraction : float
        Share of the axis that the file does not measure, the same genes in every sample.
    noise : float
        Standard deviation of each gene's own log expression, on top of the programmes.
    prefix : str
        Samples are named prefix + 1, 2, ...
    """
    level_A, loading_PA, silent_A = _makeup()
    rng = np.random.default_rng(seed)
    activity_SP = rng.normal(size=(n_samples, N_PROGRAMMES))
    log_SA = level_A + activity_SP @ loading_PA + noise * rng.standard_normal((n_samples, N_AXIS))
    tpm_SA = np.where(silent_A, 0.0, np.exp(log_SA))
    tpm_SA[:, rng.random(N_AXIS) < missing_fraction] = np.nan
    tpm_SA *= TPM_TOTAL / np.nansum(tpm_SA, axis=1, keepdims=True)
    names = tuple(f"{prefix}{i + 1}" for i in range(n_samples))
    return Samples(names, tpm_SA.astype(np.float32), rng.integers(10_000_000, 60_000_000, n_samples).astype(float))


def as_csv(samples: Samples) -> bytes:
    """Return samples as a CSV file: symbols in rows, TPM."""
    columns = dict(zip(samples.names, samples.tpm_SA, strict=True))
    return pd.DataFrame({"gene": gene_axis().symbol} | columns).to_csv(index=False).encode()


def make_space(n_genes: int = 200, seed: int = 0) -> GeneSpace:
    """Choose genes of the axis, in its order, with the statistics of 64 samples of the synthetic cohort."""
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(N_AXIS, n_genes, replace=False))
    tpm_SG = make_samples(64, seed=seed).tpm_SA[:, chosen]
    log1p_SG = np.log1p(tpm_SG)
    return GeneSpace(
        ensembl=tuple(gene_axis().ensembl[i] for i in chosen),
        mean_G=log1p_SG.mean(axis=0),
        scale_G=log1p_SG.std(axis=0) + np.float32(SCALE_FLOOR),
        share_tpm_G=tpm_SG.mean(axis=0, dtype=np.float64),
    )


def make_cohort(folder: Path, n_genes: int = 240, n_train: int = 48, n_held_out: int = 12, seed: int = 0) -> Cohort:
    """Store a synthetic cohort as `cellstate.cohorts` does; its samples measure ``n_genes`` of the axis.

    The "older_test" split lacks a tenth of these genes.
    """
    sizes = {"train": n_train, "validation": n_held_out, "test": n_held_out, "older_test": n_held_out}
    split = [name for name, n in sizes.items() for _ in range(n)]
    tpm_SA = make_samples(len(split), seed).tpm_SA
    expressed = np.flatnonzero(tpm_SA.min(axis=0) > 0)
    chosen = np.sort(np.random.default_rng(seed).choice(expressed, n_genes, replace=False))
    tpm_SA[:, np.setdiff1d(np.arange(N_AXIS), chosen)] = np.nan
    tpm_SA[np.ix_(np.array(split) == "older_test", chosen[::10])] = np.nan
    tpm_SA *= TPM_TOTAL / np.nansum(tpm_SA, axis=1, keepdims=True)
    folder.mkdir(parents=True)
    np.save(folder / "tpm.npy", tpm_SA)
    names = [f"P{i:03d}" for i in range(len(split))]
    table = pd.DataFrame({"name": names, "patient": names, "batch": "one", "split": split})
    table.to_csv(folder / "samples.tsv", sep="\t", index=False)
    manifest = {
        "name": "synthetic cohort",
        "source": "tests/support/factories.py",
        "source_sha256": "0" * 64,
        "licence": "none",
        "axis_hash": gene_axis().hash,
        "splits": sizes,
        "sha256": "0" * 64,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return open_cohort(folder)


def small_config(cohort: Path, folder: Path, *, dtype: str = "float32", **loop: Any) -> TrainConfig:
    """Return a run of a few seconds on the synthetic cohort."""
    settings: dict[str, Any] = {
        "epochs": 6,
        "batch_size": 16,
        "learning_rate": 1e-4,
        "warmup_steps": 3,
        "patience": 6,
    } | loop
    return TrainConfig(
        data=DataConfig(cohort=str(cohort)),
        network=NetworkConfig(name="small", hidden=(32, 8, 32)),
        loop=LoopConfig(**settings),
        output=OutputConfig(folder=str(folder), dtype=dtype),
    )
