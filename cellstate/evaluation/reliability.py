"""How far to trust a model: its calibration on validation patients, and which genes of a shift deserve a look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cellstate.evaluation.calibration import fit_conditional_mode
from cellstate.evaluation.copy_through import copy_through
from cellstate.evaluation.intervals import fit_intervals, gene_error
from cellstate.evaluation.ood import ood_reference
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.model.record import Calibration
from cellstate.perturb.predict import Prediction
from cellstate.perturb.sample import PreparedSample
from cellstate.samples import TPM_TOTAL

#: A gene whose held-out R2 is lower is not followed by the model well enough to speak about its shift.
MIN_R2 = 0.3


def calibrate(validation: Sequence[PreparedSample]) -> Calibration:
    """Return the calibration of a model folder, from patients that the autoencoder was not fitted to.

    The conditional mode is learnt from the training profiles; copy-through needs no patients. The folder must hold
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
    """Return why each gene is not to be trusted, an empty string where it is.

    Two of the reasons hold whoever predicts: the sample, and how far the prediction takes it. That a gene is followed
    on held-out patients is asked of the network alone, whoever leads: it says whether the other genes tell of the gene
    at all, and no model folder carries the patients of whom a rival could be asked the same.

    Parameters
    ----------
    measured_G : ndarray of bool, shape (G,)
        Whether the sample measures the gene.
    is_ood : bool
        Whether the sample is out of distribution: then no gene is reliable.
    is_ood_after : bool
        Whether the sample is so as the prediction leaves it: nor then.
    """
    if not model.is_trained:
        return ["the model is not trained"] * len(model.space)
    if is_ood:
        return ["the sample is unlike the training samples"] * len(model.space)
    if is_ood_after:
        return ["the prediction leaves what the training samples show"] * len(model.space)
    r2_G = model.gene_table["r2_validation"].to_numpy(float)
    return [_reason(r2, measured) for r2, measured in zip(r2_G, measured_G, strict=True)]


def reliability_table(prediction: Prediction, *, is_ood: bool, is_ood_after: bool = False) -> pd.DataFrame:
    """Return `Prediction.table` with two more columns, ``is_reliable`` and ``reason``: why not, empty where it is.

    ``is_ood`` and ``is_ood_after`` are the flags of the sample as it is, and as the prediction leaves it.
    """
    table, sample = prediction.table(), prediction.sample
    reasons = reliability_reasons(sample.model, sample.measured_G, is_ood=is_ood, is_ood_after=is_ood_after)
    table["reason"] = table["ensembl_id"].map(dict(zip(sample.model.space.ensembl, reasons, strict=True)))
    # A linear method knows no bound, and a large perturbation of a highly expressed gene goes far along its line.
    table.loc[table["tpm_after"] > TPM_TOTAL, "reason"] = "more than a million TPM, which no sample holds"
    table.loc[table["is_perturbed"], "reason"] = "perturbed: set, not predicted"
    table["is_reliable"] = table["reason"] == ""
    return table


def change_over_error(model: Model, table: pd.DataFrame) -> float | None:
    """Return the largest reliable change as a fraction of its gene's usual error; None where no gene is reliable.

    The error is the root mean square over the training profiles. A change is a difference of two predictions, so a
    small fraction does not make it wrong, but it could not be seen in one patient's measurement.
    """
    reliable = table[table["is_reliable"]]
    if not len(reliable) or load_profiles(model) is None:
        return None
    error = pd.Series(gene_error(model), index=model.space.ensembl).loc[reliable["ensembl_id"]]
    return float((reliable["log2_fold_change"].abs().to_numpy() * np.log(2) / error.to_numpy()).max())


def _reason(r2: float, measured: bool) -> str:
    if not measured:
        return "not measured in this sample"
    if not r2 >= MIN_R2:
        return f"held-out R2 of the network below {MIN_R2:g}"
    return ""
