"""Out of distribution: how far a sample lies from what a model was trained on.

The score is the root mean square of what the network cannot reconstruct (in z, over the measured genes), divided by
its median over the validation patients: 1 is a typical held-out patient of the training cohort.

Shape suffixes: S samples, G genes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellstate.expression import Samples, align
from cellstate.model import Model

#: Beyond this many times the spread of the validation patients above their median, a sample is flagged.
FAR = 5.0


@dataclass(frozen=True)
class Distance:
    """Attributes: ``score`` (1 is typical, ``None`` for an untrained model), ``flag``, ``sentence``."""

    score: float | None
    flag: bool
    sentence: str


def residual_rms(z_SG: np.ndarray, z_hat_SG: np.ndarray, measured_SG: np.ndarray) -> np.ndarray:
    """Root mean square of z - z_hat over the measured genes, shape (S,)."""
    squares_S = np.where(measured_SG, (z_SG - z_hat_SG) ** 2, 0).sum(axis=1)
    return np.sqrt(squares_S / np.maximum(measured_SG.sum(axis=1), 1))


def reference(rms_S: np.ndarray) -> dict[str, float]:
    """What a model folder keeps of its validation patients: the median score and the flag's limit."""
    middle = float(np.median(rms_S))
    spread = float(1.4826 * np.median(np.abs(rms_S - middle)))
    return {"rms_median": middle, "limit": 1 + FAR * spread / middle}


def distances(model: Model, samples: Samples) -> list[Distance]:
    """Judge each sample against the model's training cohort."""
    known = model.metrics.get("distance")
    if known is None:
        return [Distance(None, False, "The model is not trained, so nothing is known.") for _ in samples.names]
    aligned = align(samples, model.space)
    z_SG = model.space.standardise(aligned.tpm_SG)
    rms_S = residual_rms(z_SG, model.reconstruct(z_SG), aligned.measured_SG)
    return [_judge(float(rms) / known["rms_median"], known["limit"]) for rms in rms_S]


def _judge(score: float, limit: float) -> Distance:
    if score <= limit:
        return Distance(score, False, "Looks like the samples that the model was trained on.")
    return Distance(
        score,
        True,
        f"Far from the training samples ({score:.1f} times a typical residual; up to {limit:.1f} is usual): "
        "treat every prediction as unreliable.",
    )
