"""One patient's sample as the engine takes it.

Shape suffixes: S samples, G genes of the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellstate.errors import CellStateError
from cellstate.gene_space import align
from cellstate.model import Model
from cellstate.model.fill import fill
from cellstate.samples import Samples


@dataclass(frozen=True, eq=False)
class Patient:
    """One sample on a model's genes.

    Attributes
    ----------
    name : str
    model : Model
    z_1G : ndarray of float32, shape (1, G)
        Standardised log1p TPM; the model's own prediction (of random weights: 0) where nothing was measured.
    tpm_G : ndarray of float32, shape (G,)
        TPM on the training cohort's scale, finite: the same prediction stands in where nothing was measured.
    measured_G : ndarray of bool, shape (G,)
    """

    name: str
    model: Model
    z_1G: np.ndarray
    tpm_G: np.ndarray
    measured_G: np.ndarray


def network_input(model: Model, samples: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put samples on a model's genes: z, TPM and what was measured, each (S, G), as `Patient` explains them."""
    model.check_unchanged()
    space, aligned = model.space, align(samples, model.space)
    measured_SG = aligned.measured_SG
    z_SG = space.standardise(aligned.tpm_SG)
    if model.is_trained:
        z_SG = fill(model.reconstruct, z_SG, measured_SG)
    return z_SG, np.where(measured_SG, aligned.tpm_SG, np.expm1(space.log1p_tpm(z_SG))), measured_SG


def prepare(model: Model, samples: Samples) -> Patient:
    """Put one sample on the model's genes; raises ``CellStateError`` for none or several."""
    if len(samples) != 1:
        raise CellStateError(f"A screen is about one sample, not {len(samples)}.", "Choose one sample of the file.")
    z_SG, tpm_SG, measured_SG = network_input(model, samples)
    return Patient(samples.names[0], model, z_SG, tpm_SG[0], measured_SG[0])
