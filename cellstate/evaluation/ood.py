"""Out of distribution: how far a sample lies from what a model was trained on.

The score is the largest of five parts, each for another kind of difference. Three parts are positive and skewed to the
right, so they are compared on a log scale with the patients of the validation split: 0 is their median, 1 their robust
SD (1.4826 times the median absolute deviation). Two parts have fixed limits. A sample is out of distribution above
`OOD_LIMIT`.

Shape suffixes: S samples, G genes, L latent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cellstate.genes import gene_axis
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.model.folder import cached_per_model
from cellstate.model.impute import impute_missing
from cellstate.model.record import OodReference, RobustStats
from cellstate.perturb.sample import PreparedSample, stack

if TYPE_CHECKING:
    # pandas would be loaded with it
    from cellstate.perturb.predict import Prediction

#: In robust SDs of the validation patients; of a million normal values not one is above it.
OOD_LIMIT = 5.0
#: Smallest robust SD of a logarithm: a handful of patients may agree by chance.
LEAST_SD = 0.05
#: A file that measures a smaller fraction of the model's genes is out of distribution.
LEAST_MEASURED = 0.8
#: Slope of log expression on log length, beyond that of the training mean: halfway from TPM (0) to counts (1).
COUNT_LIKE = 0.5
#: At which the levels of a sample are compared with those of the training mean.
QUANTILES = np.linspace(0.05, 0.95, 19)
#: Explanation of each part.
SENTENCES = {
    "residual": "its genes do not vary together as in the training samples: another tissue, another method, or names "
    "and values that were mixed up",
    "state": "its state lies outside the cloud of the training samples",
    "levels": "its expression levels are spread unlike those of the training samples; check the unit",
    "length": "long genes stand higher or lower than in the training samples; the values may be counts, or TPM made "
    "with other gene lengths",
    "missing": f"the file measures less than {LEAST_MEASURED:.0%} of the model's genes",
}


@dataclass(frozen=True)
class OodScore:
    """Out-of-distribution score of one sample.

    Attributes
    ----------
    score : float or None
        In robust SDs of the validation patients, 0 or more; ``None`` for a model that was not calibrated.
    is_ood : bool
        Whether the sample is out of distribution; then no prediction for it is reliable.
    sentence : str
    """

    score: float | None
    is_ood: bool
    sentence: str


def residual_rms(z_SG: np.ndarray, z_hat_SG: np.ndarray, measured_SG: np.ndarray) -> np.ndarray:
    """Root mean square of z - z_hat over the measured genes, shape (S,)."""
    squares_S = np.where(measured_SG, (z_SG - z_hat_SG) ** 2, 0).sum(axis=1)
    return np.sqrt(squares_S / np.maximum(measured_SG.sum(axis=1), 1))


def ood_reference(validation: Sequence[PreparedSample]) -> OodReference:
    """Return median and robust SD of the log of three parts over the validation patients."""
    batch = stack(validation)
    parts = _parts(batch.model, batch.z_SG, batch.tpm_SG)
    kept = {}
    for name in ("residual", "state", "levels"):
        log_S = np.log(np.maximum(parts[name], 1e-9))
        middle = float(np.median(log_S))
        robust_sd = float(1.4826 * np.median(np.abs(log_S - middle)))
        kept[name] = RobustStats(median=float(np.exp(middle)), robust_sd=max(robust_sd, LEAST_SD))
    return OodReference(**kept)


def ood_scores(samples: Sequence[PreparedSample]) -> list[OodScore]:
    """Return the score of each sample."""
    if not samples:
        return []
    batch = stack(samples)
    if _reference(batch.model) is None:
        return [_unknown()] * len(samples)
    return _judged(batch.model, batch.z_SG, batch.tpm_SG)


def ood_score_after(prediction: Prediction) -> OodScore:
    """Return the score of the predicted profile."""
    model = prediction.sample.model
    if _reference(model) is None:
        return _unknown()
    known_G = prediction.sample.measured_G | prediction.is_perturbed_G
    tpm_1G = np.where(known_G, np.expm1(prediction.log1p_after_G), np.nan)[None]
    z_1G = impute_missing(model.reconstruct, model.space.standardise(tpm_1G), known_G[None])
    return _judged(model, z_1G, tpm_1G)[0]


def part_scores(model: Model, z_SG: np.ndarray, tpm_SG: np.ndarray) -> dict[str, np.ndarray]:
    """Return the score of each part in robust SDs, shape (S,) each.

    Parameters
    ----------
    z_SG : ndarray, shape (S, G)
        Imputed where nothing was measured.
    tpm_SG : ndarray, shape (S, G)
        On the model's scale, NaN where nothing was measured.
    """
    known = _reference(model)
    assert known is not None
    parts = _parts(model, z_SG, tpm_SG)
    found = {
        name: np.log(np.maximum(parts[name], 1e-9) / part.median) / part.robust_sd
        for name, part in (("residual", known.residual), ("state", known.state), ("levels", known.levels))
    }
    found["length"] = OOD_LIMIT * np.abs(parts["length"]) / COUNT_LIKE
    found["missing"] = OOD_LIMIT * parts["missing"] / (1 - LEAST_MEASURED)
    return found


def _judged(model: Model, z_SG: np.ndarray, tpm_SG: np.ndarray) -> list[OodScore]:
    found = part_scores(model, z_SG, tpm_SG)
    names, table_PS = list(found), np.array(list(found.values()))
    return [_judge(names[int(part_P.argmax())], max(float(part_P.max()), 0.0)) for part_P in table_PS.T]


def _judge(part: str, score: float) -> OodScore:
    if score <= OOD_LIMIT:
        return OodScore(score, False, "Within the distribution of the training samples.")
    return OodScore(
        score,
        True,
        f"Out of distribution (score {score:.1f} robust SDs of held-out patients, limit {OOD_LIMIT:g}): "
        f"{SENTENCES[part]}. No prediction for it is reliable.",
    )


def _parts(model: Model, z_SG: np.ndarray, tpm_SG: np.ndarray) -> dict[str, np.ndarray]:
    space, measured_SG = model.space, ~np.isnan(tpm_SG)
    log1p_SG = np.log1p(tpm_SG)
    length_G = np.log(gene_axis().length_bp[space.axis_index_G])
    levels_S, length_S = np.zeros(len(tpm_SG)), np.zeros(len(tpm_SG))
    for s, use_G in enumerate(measured_SG):
        # Samples differ in which genes they measure, so the training mean is taken over the same genes.
        mean, log1p = space.mean_G[use_G], log1p_SG[s, use_G]
        levels_S[s] = np.sqrt(np.mean((np.quantile(log1p, QUANTILES) - np.quantile(mean, QUANTILES)) ** 2))
        expressed = mean >= np.log(2)
        centred = length_G[use_G][expressed] - length_G[use_G][expressed].mean() if expressed.any() else np.zeros(0)
        length_S[s] = centred @ (log1p - mean)[expressed] / max(float(centred @ centred), 1e-9)
    return {
        "residual": residual_rms(z_SG, model.reconstruct(z_SG), measured_SG),
        "state": _leverage(model, z_SG),
        "levels": levels_S,
        "length": length_S,
        "missing": 1 - measured_SG.mean(axis=1),
    }


def _leverage(model: Model, z_SG: np.ndarray) -> np.ndarray:
    """Mahalanobis distance of the latent state from the training profiles, by root of the latent width, shape (S,)."""
    centre_L, whitening_LL = _cloud(model)
    return np.sqrt((((model.encode(z_SG) - centre_L) @ whitening_LL) ** 2).mean(axis=1))


@cached_per_model
def _cloud(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Centre of the training profiles' latent states, and what makes their covariance the identity."""
    profiles = load_profiles(model)
    assert profiles is not None
    latent_SL = model.encode(profiles.z_SG).astype(np.float64)
    precision_LL = np.linalg.inv(shrunk_covariance(latent_SL))
    return latent_SL.mean(axis=0), np.linalg.cholesky(precision_LL)


def shrunk_covariance(x_SL: np.ndarray) -> np.ndarray:
    """Covariance shrunk towards a multiple of the identity (Ledoit and Wolf 2004), shape (L, L).

    A cohort is often no larger than a latent layer is wide; its plain covariance has no inverse then.
    """
    n, width = x_SL.shape
    centred_SL = x_SL - x_SL.mean(axis=0)
    plain_LL = centred_SL.T @ centred_SL / n
    target_LL = np.trace(plain_LL) / width * np.eye(width)
    away = ((plain_LL - target_LL) ** 2).sum()
    noise = ((centred_SL**2).sum(axis=1) ** 2).sum() / n**2 - (plain_LL**2).sum() / n
    weight = min(noise / away, 1.0) if away > 0 else 1.0
    return weight * target_LL + (1 - weight) * plain_LL


def _reference(model: Model) -> OodReference | None:
    known = model.record.calibration
    return None if known is None or load_profiles(model) is None else known.ood


def _unknown() -> OodScore:
    return OodScore(None, False, "The model is not calibrated, so there is no score.")
