"""Predictions for an AnnData, and predictions as its layers.

Shape suffixes: S samples, G genes of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cellstate.errors import CellStateError
from cellstate.expression.in_memory import LIBRARY_SIZE
from cellstate.model import Model, load_model
from cellstate.samples import Samples

if TYPE_CHECKING:
    from anndata import AnnData

    from cellstate.perturb.perturbations import Perturbation
    from cellstate.perturb.predict import Prediction

#: Layers; each other method has one more, ``log2_fold_change_<id>``.
AFTER, CHANGE, MEASURED = "tpm_after", "log2_fold_change", "is_measured"


def predict_anndata(
    adata: AnnData,
    perturbations: Sequence[Perturbation],
    predictor: str | None = None,
    model: Model | str | Path | None = None,
    layer: str | None = None,
    unit: str | None = "TPM",
) -> AnnData:
    """Predict for each sample of an AnnData; see `cellstate.predict`."""
    from cellstate.perturb.predict import predict
    from cellstate.perturb.sample import prepare_sample

    samples = Samples.from_anndata(adata, layer, unit)
    loaded = model if isinstance(model, Model) else load_model(model)
    each = (prepare_sample(loaded, samples.take([s])) for s in range(len(samples)))
    found = to_anndata([predict(sample, perturbations, predictor) for sample in each])
    for name in adata.obs.columns.difference([LIBRARY_SIZE], sort=False):
        found.obs[name] = adata.obs[name].to_numpy()
    return found


def to_anndata(predictions: Sequence[Prediction]) -> AnnData:
    """Return predictions of one model, method and set of perturbations as layers.

    Parameters
    ----------
    predictions : sequence of Prediction, length S

    Returns
    -------
    AnnData
        Samples by genes of the model, as `cellstate.perturb.predict.Prediction.to_anndata` describes it.

    Raises
    ------
    CellStateError
        When there is no prediction, or they differ in model, method or perturbations.
    """
    from anndata import AnnData

    if not predictions:
        raise CellStateError("There is no prediction.", "Give at least one.")
    first = predictions[0]
    model = first.sample.model
    if any(
        one.sample.model is not model or one.predictor != first.predictor or one.perturbations != first.perturbations
        for one in predictions
    ):
        raise CellStateError("The predictions answer different questions.", "Make one AnnData of each.")
    before_SG = np.stack([one.log1p_before_G for one in predictions])
    layers = {
        AFTER: np.expm1(np.stack([one.log1p_after_G for one in predictions])),
        CHANGE: np.stack([one.log2_fold_change_G for one in predictions]),
        MEASURED: np.stack([one.sample.measured_G for one in predictions]),
    }
    others = [one.baseline_log2_fold_changes() for one in predictions]
    layers |= {f"{CHANGE}_{name}": np.stack([other[name] for other in others]) for name in others[0]}
    return AnnData(
        X=np.expm1(before_SG),
        layers=layers,
        obs=pd.DataFrame(
            {LIBRARY_SIZE: [one.sample.library_size for one in predictions]},
            index=pd.Index([one.sample.name for one in predictions], dtype=object),
        ),
        var=pd.DataFrame(
            {"symbol": list(model.space.symbols), "is_perturbed": first.is_perturbed_G},
            index=pd.Index(list(model.space.ensembl), dtype=object),
        ),
        uns={
            "cellstate": {
                "unit": "TPM",
                "model": model.config.name,
                "predictor": str(first.predictor),
                "perturbations": [one.label for one in first.perturbations],
                "kind": "hypothesis",
            }
        },
    )
