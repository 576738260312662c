"""Out of distribution: whether a model can be used for a sample at all.

A model folder with a classifier of tissues (`cellstate.evaluation.tissue`) asks two questions. Are the values plausible
as human bulk RNA sequencing, compared with data sets that were held out, so that differences between laboratories are
inside? And is the tissue among those that the model covers? How its network does on the validation patients is no
answer to either: patients of one laboratory are narrow, and another tissue from the same machine looks familiar.

Of a folder without classifier the score is the largest of five parts, each for another kind of difference. Three parts
are positive and skewed to the right, so they are compared on a log scale with the patients of the validation split: 0
is their median, 1 their robust SD (1.4826 times the median absolute deviation). Two parts have fixed limits.

In both cases a sample is out of distribution above `OOD_LIMIT`.

Shape suffixes: S samples, G genes, L latent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cellstate.errors import summarise_list
from cellstate.evaluation.tissue import LIMIT, PLAUSIBILITY, Figure, TissueCall, model_tissues, sample_calls
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

#: In robust SDs of the validation patients; of a million normal values not one is above it. The scores of a classifier
#: are scaled to the same limit.
OOD_LIMIT = LIMIT
#: With a smaller probability that its tissue is one that the model covers, a sample is out of distribution.
LEAST_COVERED = 0.25
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
#: The same for a model with a classifier of tissues.
CALL_SENTENCES = {
    Figure.RESIDUAL: "its genes do not vary together as in human tissue from any laboratory: names and values that "
    "were mixed up, another species, or a method unlike bulk RNA sequencing",
    Figure.LEVELS: "its expression levels are spread unlike those of human tissue; check the unit",
    Figure.LENGTH: "long genes stand higher than in human tissue; the values may be counts",
    Figure.IMPUTATION: "the genes that the file does not measure cannot be imputed well enough from those that it does",
    Figure.TISSUE: "its tissue is not among those that the model covers ({covered})",
}
CHANGED = "the perturbation takes its state away from the training samples"


@dataclass(frozen=True)
class OodScore:
    """Out-of-distribution score of one sample.

    Attributes
    ----------
    score : float or None
        0 or more, in robust SDs of the validation patients; of a model with a classifier of tissues, 0 is the median of
        held-out data sets and `OOD_LIMIT` what hardly any of their samples exceeds. ``None`` for a model that was not
        calibrated.
    is_ood : bool
        Whether the sample is out of distribution; then no prediction for it is reliable.
    sentence : str
    call : TissueCall or None
        What the sample is; ``None`` of a model without a classifier of tissues.
    """

    score: float | None
    is_ood: bool
    sentence: str
    call: TissueCall | None = None


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
    if model_tissues(batch.model) is not None:
        return _called(batch.model, batch.tpm_SG)
    if _reference(batch.model) is None:
        return [_unknown()] * len(samples)
    return _judged(batch.model, batch.z_SG, batch.tpm_SG)


def ood_score_after(prediction: Prediction) -> OodScore:
    """Return the score of the predicted profile."""
    model = prediction.sample.model
    if model_tissues(model) is None and _reference(model) is None:
        return _unknown()
    known_G = prediction.sample.measured_G | prediction.is_perturbed_G
    tpm_1G = np.where(known_G, np.expm1(prediction.log1p_after_G), np.nan)[None]
    z_1G = impute_missing(model.reconstruct, model.space.standardise(tpm_1G), known_G[None])
    if model_tissues(model) is None:
        return _judged(model, z_1G, tpm_1G)[0]
    (before,), (after,) = _called(model, prediction.sample.measured_tpm_G[None]), _called(model, tpm_1G)
    moved = (before.score or 0.0) + _network_change(prediction.sample, z_1G, tpm_1G)
    return after if moved <= (after.score or 0.0) else replace(_judge(moved, CHANGED), call=after.call)


def _network_change(sample: PreparedSample, z_1G: np.ndarray, tpm_1G: np.ndarray) -> float:
    """How much farther a predicted profile lies from the training profiles than its sample, 0 or more.

    Of the two parts that depend on the network, the sample's own distance is taken off: it holds what is peculiar to
    the sample's laboratory.
    """
    if _reference(sample.model) is None:
        return 0.0
    before = part_scores(sample.model, sample.z_1G, sample.measured_tpm_G[None])
    after = part_scores(sample.model, z_1G, tpm_1G)
    return max(0.0, *(float(after[part][0] - before[part][0]) for part in ("residual", "state")))


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
    unit = " robust SDs of held-out patients"
    return [
        _judge(max(float(part_P.max()), 0.0), SENTENCES[names[int(part_P.argmax())]], unit) for part_P in table_PS.T
    ]


def _called(model: Model, tpm_SG: np.ndarray) -> list[OodScore]:
    """Judge samples by the folder's classifier of tissues."""
    covered = () if model.record.training is None else model.record.training.tissues
    found = []
    for call in sample_calls(model, tpm_SG):
        scores = {figure: call.scores[figure] for figure in PLAUSIBILITY}
        # Of values that are not plausible, the tissue means nothing.
        if covered and call.is_plausible:
            scores[Figure.TISSUE] = OOD_LIMIT * (1 - call.probability(covered)) / (1 - LEAST_COVERED)
        figure = max(scores, key=scores.__getitem__)
        why = CALL_SENTENCES[figure].format(covered=summarise_list(list(covered)))
        found.append(replace(_judge(max(scores[figure], 0.0), why), call=call))
    return found


def _judge(score: float, why: str, unit: str = "") -> OodScore:
    if score <= OOD_LIMIT:
        return OodScore(score, False, "Within the distribution of the training samples.")
    return OodScore(
        score,
        True,
        f"Out of distribution (score {score:.1f}{unit}, limit {OOD_LIMIT:g}): {why}. No prediction for it is reliable.",
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
