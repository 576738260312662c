"""Split-conformal 90% intervals on predicted TPM (Vovk et al. 2005; Lei et al. 2018).

The error of a prediction (log1p TPM) is divided by how large errors are in its gene (over the training profiles) and in
its sample (over that sample's genes, so a batch that the model fits badly gets wider intervals). What is left is about
alike everywhere; its quantiles over the validation patients, per level of predicted TPM and each side for itself, give
the interval. Patients, not values, are independent, so the coverage is a promise about new patients on average.

Shape suffixes: S samples, G genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cellstate.evaluation.metrics import Bin, accuracy_per_bin, level_of
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.model.folder import cached_per_model
from cellstate.model.impute import impute_missing
from cellstate.model.record import Coverage, IntervalQuantiles
from cellstate.perturb.sample import PreparedSample, stack

COVERAGE = 0.9
#: Lower ends of the levels of predicted TPM that have quantiles of their own.
LEVELS_TPM = (0.0, 0.1, 0.3, 1.0, 2.5, 5.0, 10.0, 30.0, 100.0, 300.0)
#: A level with fewer values in the validation patients takes the quantiles of all values.
MIN_VALUES = 500
#: Added to a gene's error (log1p TPM), so that a gene that was silent in training keeps some room.
FLOOR = 0.02


@dataclass(frozen=True, eq=False)
class Intervals:
    """Where the true value of each prediction is expected, in TPM.

    Attributes
    ----------
    low_tpm_SG, high_tpm_SG : ndarray, shape (S, G)
    """

    low_tpm_SG: np.ndarray
    high_tpm_SG: np.ndarray

    def coverage(self, truth_tpm_SG: np.ndarray, edges: Sequence[float]) -> Coverage:
        """Return the share of true values inside, over all and per bin of true TPM; NaN counts nowhere."""
        # An interval ends at 0 where no expression is possible: a float32 zero must not fall beside it.
        slack = 1e-6 * (1 + np.nan_to_num(truth_tpm_SG))
        inside_SG = (truth_tpm_SG >= self.low_tpm_SG - slack) & (truth_tpm_SG <= self.high_tpm_SG + slack)
        bins = _share_per_bin(truth_tpm_SG, inside_SG, edges)
        known_SG = ~np.isnan(truth_tpm_SG)
        overall = float(inside_SG[known_SG].mean()) if known_SG.any() else None
        return Coverage(nominal=COVERAGE, overall=overall, bins=tuple(b.accuracy for b in bins))


def fit_intervals(validation: Sequence[PreparedSample]) -> IntervalQuantiles:
    """Return what a model folder keeps: the quantiles of the scaled errors per level of predicted TPM."""
    batch = stack(validation)
    model = batch.model
    log1p_SG, hat_SG = np.log1p(batch.tpm_SG), model.space.log1p_tpm(model.reconstruct(batch.z_SG))
    scaled_SG = (log1p_SG - hat_SG) / expected_error(model, log1p_SG, hat_SG)
    level_SG = level_of(hat_SG, LEVELS_TPM)
    known_SG = np.isfinite(scaled_SG)
    every = scaled_SG[known_SG]
    quantiles = []
    for level in range(len(LEVELS_TPM)):
        here = scaled_SG[known_SG & (level_SG == level)]
        chosen = here if len(here) >= MIN_VALUES else every
        quantiles.append(np.quantile(chosen, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]))
    low, high = (tuple(float(q[end]) for q in quantiles) for end in (0, 1))
    return IntervalQuantiles(low=low, high=high)


def intervals(model: Model, tpm_SG: np.ndarray, hat_SG: np.ndarray) -> Intervals | None:
    """Return the intervals of predictions, ``None`` for a model that was not calibrated.

    Parameters
    ----------
    tpm_SG : ndarray, shape (S, G)
        What was measured, on the model's genes and scale, NaN where nothing was: it tells how well a sample fits.
    hat_SG : ndarray, shape (S, G)
        Predicted log1p TPM.
    """
    known = model.record.calibration
    if known is None or load_profiles(model) is None:
        return None
    scale_SG, level_SG = expected_error(model, np.log1p(tpm_SG), hat_SG), level_of(hat_SG, LEVELS_TPM)
    low_SG = hat_SG + np.asarray(known.intervals.low, np.float32)[level_SG] * scale_SG
    high_SG = hat_SG + np.asarray(known.intervals.high, np.float32)[level_SG] * scale_SG
    return Intervals(np.expm1(np.maximum(low_SG, 0)), np.expm1(np.maximum(high_SG, 0)))


def predicted_log1p(model: Model, tpm_SG: np.ndarray) -> np.ndarray:
    """Reconstruct TPM on the model's genes: log1p TPM, shape (S, G)."""
    z_SG = impute_missing(model.reconstruct, model.space.standardise(tpm_SG), ~np.isnan(tpm_SG))
    return model.space.log1p_tpm(model.reconstruct(z_SG))


@cached_per_model
def gene_error(model: Model) -> np.ndarray:
    """Root mean square error of each gene's log1p TPM over the folder's training profiles, shape (G,)."""
    profiles = load_profiles(model)
    assert profiles is not None
    hat_SG = model.space.log1p_tpm(model.reconstruct(profiles.z_SG))
    return np.sqrt(((profiles.log1p_SG - hat_SG) ** 2).mean(axis=0)) + np.float32(FLOOR)


def expected_error(model: Model, log1p_SG: np.ndarray, hat_SG: np.ndarray) -> np.ndarray:
    """Return the expected size of each error, shape (S, G): the gene's, times the sample's relative errors."""
    gene_G = gene_error(model)
    sample_S = np.sqrt(np.nanmean(((log1p_SG - hat_SG) / gene_G) ** 2, axis=1))
    return sample_S[:, None] * gene_G


def _share_per_bin(truth_tpm_SG: np.ndarray, inside_SG: np.ndarray, edges: Sequence[float]) -> list[Bin]:
    """Share of values inside per bin of truth: a value inside is predicted as it is, one outside as if far off."""
    return accuracy_per_bin(truth_tpm_SG, np.where(inside_SG, truth_tpm_SG, np.inf), edges=edges)
