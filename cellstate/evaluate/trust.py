"""How far to trust a model: its calibration on validation patients, and which genes of a shift deserve a look."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cellstate.evaluate.calibration import fit_conditional_mode
from cellstate.evaluate.copying import copy_through
from cellstate.evaluate.distance import reference
from cellstate.evaluate.intervals import fit_intervals, gene_error
from cellstate.model import Model
from cellstate.model.profiles import load_profiles
from cellstate.model.record import Calibration
from cellstate.perturb import Shift
from cellstate.samples import TPM_TOTAL, Samples

#: A gene whose held-out R2 is lower is not followed by the model well enough to speak about its shift.
MIN_R2 = 0.3


def calibrate(model: Model, validation: Samples) -> Calibration:
    """Return the calibration of a model folder, from patients that the autoencoder was not fitted to.

    The conditional mode is learnt from the training profiles; copy-through needs no patients. The folder must hold
    weights, training profiles and baselines.
    """
    return Calibration(
        ood=reference(model, validation),
        intervals=fit_intervals(model, validation),
        conditional_mode=fit_conditional_mode(model),
        copy_through=copy_through(model),
    )


def trust_reasons(model: Model, measured_G: np.ndarray, far: bool, left: bool = False) -> list[str]:
    """Return why each gene is not to be trusted, an empty string where it is.

    Two of the reasons hold whoever predicts: the sample, and how far the prediction takes it. That a gene is followed
    on held-out patients is asked of the network alone, whoever leads: it says whether the other genes tell of the gene
    at all, and no model folder carries the patients of whom a rival could be asked the same.

    Parameters
    ----------
    measured_G : ndarray of bool, shape (G,)
        Whether the sample measures the gene.
    far : bool
        Whether the sample is out of distribution: then no gene is trusted.
    left : bool
        Whether the sample is so as the prediction leaves it: nor then.
    """
    if not model.is_trained:
        return ["the model is not trained"] * len(model.space)
    if far:
        return ["the sample is unlike the training samples"] * len(model.space)
    if left:
        return ["the prediction leaves what the training samples show"] * len(model.space)
    r2_G = model.gene_table["r2_validation"].to_numpy(float)
    return [_reason(r2, measured) for r2, measured in zip(r2_G, measured_G, strict=True)]


def trust_table(model: Model, shift: Shift, *, far: bool, left: bool = False, sample: int = 0) -> pd.DataFrame:
    """Return `Shift.table` with two more columns, ``trusted`` and ``reason``: why not, empty where trusted.

    ``far`` and ``left`` are the flags of the sample as it is, and as the leading prediction leaves it.
    """
    table = shift.table(sample)
    reasons = trust_reasons(model, shift.measured_SG[sample], far, left)
    table["reason"] = table["ensembl_id"].map(dict(zip(shift.ensembl, reasons, strict=True)))
    # A linear predictor knows no bound, and a large edit of a loud gene goes far along its line.
    table.loc[table["tpm_after"] > TPM_TOTAL, "reason"] = "more than a million TPM, which no sample holds"
    table.loc[table["edited"], "reason"] = "edited: set, not predicted"
    table["trusted"] = table["reason"] == ""
    return table


def shift_over_error(model: Model, table: pd.DataFrame) -> float | None:
    """Return the largest trusted shift as a share of its gene's usual error; ``None`` where no gene is trusted.

    The error is the root mean square over the training profiles. A shift is a difference of two predictions, so a small
    share does not make it wrong, but it could not be seen in one patient's measurement.
    """
    trusted = table[table["trusted"]]
    if not len(trusted) or load_profiles(model) is None:
        return None
    error = pd.Series(gene_error(model), index=model.space.ensembl).loc[trusted["ensembl_id"]]
    return float((trusted["delta_log2"].abs().to_numpy() * np.log(2) / error.to_numpy()).max())


def _reason(r2: float, measured: bool) -> str:
    if not measured:
        return "not measured in this sample"
    if not r2 >= MIN_R2:
        return f"held-out R2 of the network below {MIN_R2:g}"
    return ""
