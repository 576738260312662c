"""Held-out patients, reconstructed by the autoencoder and by PCA of the same width, whole and half hidden.

    python -m benchmarks.reconstruction [--quick] [--data DIR]

Median over genes of R2 on log1p TPM, on both held-out sets. Half hidden: a random half of each patient's measured
genes is hidden and predicted from the rest; the baseline is the conditional mean of probabilistic PCA (Tipping and
Bishop, JRSS B 1999), the right answer where everything is Gaussian and every gene equally noisy.

Shape suffixes: S samples, G genes, L latent units.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import show
from cellstate import load_model
from cellstate.cohorts import Cohort, open_cohort
from cellstate.evaluation.metrics import median, r2_per_gene
from cellstate.evidence import Benchmark, Dataset, EvidenceRecord, Metric, PredictorId
from cellstate.files import resource_path
from cellstate.gene_space import align
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.model.impute import impute_missing
from cellstate.perturb.predictors.linear import load_components

SPLITS = (Dataset.TEST, Dataset.OLDER_TEST)
HIDDEN = 0.5
QUICK_SAMPLES = 12


def conditional_mean(model: Model, z_SG: np.ndarray, known_SG: np.ndarray) -> np.ndarray:
    """Predict every gene from the known ones by probabilistic PCA, shape (S, G)."""
    known, profiles = load_components(model), load_profiles(model)
    assert known is not None and profiles is not None
    total = float(profiles.z_SG.var(axis=0).sum())
    noise = (total - float(known.pca_variance_L.sum())) / (z_SG.shape[1] - len(known.pca_LG))
    return conditional_mean_of(known.pca_LG, known.pca_variance_L, noise, z_SG, known_SG)


def conditional_mean_of(
    rows_LG: np.ndarray, variance_L: np.ndarray, noise: float, z_SG: np.ndarray, known_SG: np.ndarray
) -> np.ndarray:
    """The same from principal components, the variance of their scores, and the noise of a gene (a variance in z)."""
    weight_GL = rows_LG.T * np.sqrt(np.maximum(variance_L - noise, 0))
    predicted_SG = np.empty_like(z_SG)
    for s, known_G in enumerate(known_SG):
        seen_KL = weight_GL[known_G]
        precision_LL = seen_KL.T @ seen_KL + noise * np.eye(len(variance_L))
        predicted_SG[s] = weight_GL @ np.linalg.solve(precision_LL, seen_KL.T @ z_SG[s, known_G])
    return predicted_SG


def measure(model: Model, cohort: Cohort, *, most: int | None = None) -> list[EvidenceRecord]:
    """Return the records of both held-out sets."""
    components = load_components(model)
    assert components is not None
    records = []
    for split in SPLITS:
        tpm_SG = align(cohort.split(split), model.space).tpm_SG[:most]
        measured_SG = ~np.isnan(tpm_SG)
        z_SG = model.space.standardise(tpm_SG)

        def r2(z_hat_SG: np.ndarray, scored_SG: np.ndarray, z_SG: np.ndarray = z_SG) -> float:
            truth_SG = np.where(scored_SG, model.space.log1p_tpm(z_SG), np.nan)
            return median(r2_per_gene(truth_SG, model.space.log1p_tpm(z_hat_SG))) or float("nan")

        network = r2(model.reconstruct(impute_missing(model.reconstruct, z_SG, measured_SG)), measured_SG)
        pca = r2(components.reconstruct(impute_missing(components.reconstruct, z_SG, measured_SG)), measured_SG)
        shown_SG = measured_SG & (np.random.default_rng(0).random(z_SG.shape) >= HIDDEN)
        hidden_SG = measured_SG & ~shown_SG
        half = np.where(shown_SG, z_SG, 0).astype(np.float32)
        network_half = r2(model.reconstruct(impute_missing(model.reconstruct, half, shown_SG)), hidden_SG)
        ppca_half = r2(conditional_mean(model, half, shown_SG), hidden_SG)
        records += _compared(split, Metric.R2_GENE_MEDIAN, network, PredictorId.PCA, pca)
        records += _compared(split, Metric.R2_HIDDEN_GENE_MEDIAN, network_half, PredictorId.PPCA, ppca_half)
    return records


def _compared(split: Dataset, metric: Metric, own: float, baseline: PredictorId, theirs: float) -> list[EvidenceRecord]:
    """Return both figures, and the difference, which must not be negative."""

    def record(predictor: PredictorId, what: Metric, value: float, **more: Any) -> EvidenceRecord:
        return EvidenceRecord(
            benchmark=Benchmark.RECONSTRUCTION, dataset=split, predictor=predictor, metric=what, value=value, **more
        )

    gain = Metric(f"{metric}_gain")
    return [
        record(PredictorId.AUTOENCODER, metric, own),
        record(baseline, metric, theirs),
        record(PredictorId.AUTOENCODER, gain, own - theirs, threshold=0.0, reference=baseline),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few patients of each set; claims nothing")
    parser.add_argument("--data", type=Path, default=resource_path("data", "cohorts", "coadread"))
    options = parser.parse_args()
    model, cohort = load_model(device="cpu"), open_cohort(options.data)
    records = measure(model, cohort, most=QUICK_SAMPLES if options.quick else None)
    show(Benchmark.RECONSTRUCTION, records=records, quick=options.quick, model=model)


if __name__ == "__main__":
    main()
