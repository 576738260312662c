"""Reliability: calibration of a model on validation patients, and which genes of a prediction are reliable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cellstate.evaluation.calibration import fit_conditional_mode
from cellstate.evaluation.copy_through import copy_through
from cellstate.evaluation.intervals import fit_intervals, gene_error
from cellstate.evaluation.ood import ood_reference
from cellstate.expression.units import TPM_TOTAL
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.model.record import Calibration
from cellstate.perturb.predict import Prediction
from cellstate.perturb.sample import PreparedSample

#: With a lower held-out R2 the model does not know a gene well enough to predict its change.
MIN_R2 = 0.3
#: Reasons.
UNTRAINED = "the model is not trained"
OOD = "the sample is out of distribution"
OOD_AFTER = "the predicted profile is out of distribution"
NOT_MEASURED = "not measured in this sample"
LOW_R2 = f"held-out R2 of the autoencoder below {MIN_R2:g}"
IMPOSSIBLE = "above one million TPM, which is impossible"
PERTURBED = "perturbed: set, not predicted"


def calibrate(validation: Sequence[PreparedSample]) -> Calibration:
    """Return the calibration of a model folder, from patients that the autoencoder was not fitted to.

    The conditional mode is fitted to the training profiles, and copy-through needs no patients. The folder must hold
    weights, training profiles and baselines.
    """
    model = validation[0].model
    return Calibration(
        ood=ood_reference(validation),
        intervals=fit_intervals(validation),
        conditional_mode=fit_conditional_mode(model),
        copy_through=copy_through(model),
    )


def reliability_reasons(model: Model, measured_G: np.ndarray, *, is_ood: bool, is_ood_after: bool = False) -> list[str]:
    """Return why each gene is not reliable, an empty string where it is.

    The reasons are the same for every prediction method. The held-out R2 is that of the autoencoder: it measures
    whether other genes determine the gene at all, and a model folder holds no patients to measure it for a baseline.

    Parameters
    ----------
    measured_G : ndarray of bool, shape (G,)
        Whether the sample measures the gene.
    is_ood : bool
        Whether the sample is out of distribution; then no gene is reliable.
    is_ood_after : bool
        Whether the predicted profile is; then neither.
    """
    if not model.is_trained:
        return [UNTRAINED] * len(model.space)
    if is_ood:
        return [OOD] * len(model.space)
    if is_ood_after:
        return [OOD_AFTER] * len(model.space)
    r2_G = model.gene_table["r2_validation"].to_numpy(float)
    return [_reason(r2, measured) for r2, measured in zip(r2_G, measured_G, strict=True)]


def reliability_table(prediction: Prediction, *, is_ood: bool, is_ood_after: bool = False) -> pd.DataFrame:
    """Return `Prediction.table` with ``is_reliable`` and ``reason``, empty where it is; see `reliability_reasons`."""
    table, sample = prediction.table(), prediction.sample
    reasons = reliability_reasons(sample.model, sample.measured_G, is_ood=is_ood, is_ood_after=is_ood_after)
    table["reason"] = table["ensembl_id"].map(dict(zip(sample.model.space.ensembl, reasons, strict=True)))
    # Linear methods are unbounded: a large perturbation of a highly expressed gene can exceed every possible level.
    table.loc[table["tpm_after"] > TPM_TOTAL, "reason"] = IMPOSSIBLE
    table.loc[table["is_perturbed"], "reason"] = PERTURBED
    table["is_reliable"] = table["reason"] == ""
    return table


def change_over_error(model: Model, table: pd.DataFrame) -> float | None:
    """Return the largest reliable change as a fraction of its gene's usual error; None where no gene is reliable.

    The error is the root mean square over the training profiles. A change is a difference of two predictions, so a
    small fraction does not make it wrong, but one measurement could not show it.
    """
    reliable = table[table["is_reliable"]]
    if not len(reliable) or load_profiles(model) is None:
        return None
    error = pd.Series(gene_error(model), index=model.space.ensembl).loc[reliable["ensembl_id"]]
    return float((reliable["log2_fold_change"].abs().to_numpy() * np.log(2) / error.to_numpy()).max())


def _reason(r2: float, measured: bool) -> str:
    if not measured:
        return NOT_MEASURED
    if not r2 >= MIN_R2:
        return LOW_R2
    return ""
