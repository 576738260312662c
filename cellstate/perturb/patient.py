"""One patient's sample as the engine takes it.

Shape suffixes: G genes of the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellstate.errors import CellStateError
from cellstate.expression import Samples, align
from cellstate.model import Model


@dataclass(frozen=True, eq=False)
class Patient:
    """One sample on a model's genes.

    Attributes
    ----------
    name : str
    model : Model
    z_1G : ndarray of float32, shape (1, G)
        Standardised log1p TPM, 0 (the training mean) where nothing was measured.
    tpm_G : ndarray of float32, shape (G,)
        TPM on the training cohort's scale, finite: the training mean stands in where nothing was measured.
    measured_G : ndarray of bool, shape (G,)
    """

    name: str
    model: Model
    z_1G: np.ndarray
    tpm_G: np.ndarray
    measured_G: np.ndarray


def prepare(model: Model, samples: Samples) -> Patient:
    """Put one sample on the model's genes; raises ``CellStateError`` for none or several."""
    if len(samples) != 1:
        raise CellStateError(f"A screen is about one sample, not {len(samples)}.", "Choose one sample of the file.")
    space, aligned = model.space, align(samples, model.space)
    mean_tpm_G = np.expm1(np.maximum(space.mean_G, 0))
    return Patient(
        name=samples.names[0],
        model=model,
        z_1G=space.standardise(aligned.tpm_SG),
        tpm_G=np.where(aligned.measured_SG, aligned.tpm_SG, mean_tpm_G)[0],
        measured_G=aligned.measured_SG[0],
    )
