"""Which genes of a predicted shift deserve a look, and why the others do not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cellstate.model import Model
from cellstate.perturb import Shift

#: A gene whose held-out R2 is lower is not followed by the model well enough to speak about its shift.
MIN_R2 = 0.3


def trust_reasons(model: Model, measured_G: np.ndarray, far: bool) -> list[str]:
    """Return why each gene is not to be trusted, an empty string where it is.

    Parameters
    ----------
    measured_G : ndarray of bool, shape (G,)
        Whether the sample measures the gene.
    far : bool
        Whether the sample is out of distribution: then no gene is trusted.
    """
    if not model.is_trained:
        return ["the model is not trained"] * len(model.space)
    if far:
        return ["the sample is unlike the training samples"] * len(model.space)
    r2_G = model.gene_table["r2_validation"].to_numpy(float)
    return [_reason(r2, measured) for r2, measured in zip(r2_G, measured_G, strict=True)]


def trust_table(model: Model, shift: Shift, *, far: bool, sample: int = 0) -> pd.DataFrame:
    """Return `Shift.table` with two more columns, ``trusted`` and ``reason``: why not, empty where trusted."""
    table = shift.table(sample)
    reasons = trust_reasons(model, shift.measured_SG[sample], far)
    table["reason"] = table["ensembl_id"].map(dict(zip(shift.ensembl, reasons, strict=True)))
    table.loc[table["edited"], "reason"] = "edited: set, not predicted"
    table["trusted"] = table["reason"] == ""
    return table


def _reason(r2: float, measured: bool) -> str:
    if not measured:
        return "not measured in this sample"
    if not r2 >= MIN_R2:
        return f"held-out R2 below {MIN_R2:g}"
    return ""
