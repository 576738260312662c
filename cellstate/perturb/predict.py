"""Predict what else changes when genes of a sample are perturbed; also for all samples of an AnnData.

Shape suffixes: S samples, G genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
import pandas as pd

from cellstate.errors import CellStateError
from cellstate.expression.in_memory import LIBRARY_SIZE
from cellstate.model import Model, load_model
from cellstate.perturb.perturbations import Perturbation, input_change
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.registry import all_predictors, resolve_predictor
from cellstate.perturb.sample import PreparedSample, prepare_sample
from cellstate.samples import Samples

if TYPE_CHECKING:
    from anndata import AnnData

    from cellstate.perturb.perturbations import Perturbation

#: Layers; each other method has one more, ``log2_fold_change_<id>``.
AFTER, CHANGE, MEASURED = "tpm_after", "log2_fold_change", "is_measured"


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted expression change of every gene, beside that of every other method: a hypothesis.

    Attributes
    ----------
    sample : PreparedSample
    predictor : PredictorId
        The method of the prediction.
    perturbations : tuple of Perturbation
    is_perturbed_G : ndarray of bool, shape (G,)
    log1p_before_G, log1p_after_G : ndarray of float32, shape (G,)
        Natural log of 1 + TPM. Before is what was measured, imputed where nothing was.
    baseline_log1p_after : dict of PredictorId to ndarray of float32, shape (G,)
        After, by every other method; the autoencoder comes first where it is not the method of the prediction.
    """

    sample: PreparedSample
    predictor: PredictorId
    perturbations: tuple[Perturbation, ...]
    is_perturbed_G: np.ndarray
    log1p_before_G: np.ndarray
    log1p_after_G: np.ndarray
    baseline_log1p_after: dict[PredictorId, np.ndarray]

    @property
    def log2_fold_change_G(self) -> np.ndarray:
        """Predicted log2 fold change of TPM + 1, shape (G,)."""
        return _log2_fold_change(self.log1p_before_G, self.log1p_after_G)

    def baseline_log2_fold_changes(self) -> dict[PredictorId, np.ndarray]:
        """Return the predicted log2 fold change by each other method, shape (G,) each."""
        before_G = self.log1p_before_G
        return {name: _log2_fold_change(before_G, after_G) for name, after_G in self.baseline_log1p_after.items()}

    def table(self) -> pd.DataFrame:
        """One row a gene, by absolute change, the perturbed genes marked and last.

        Columns: gene, ensembl_id, tpm_before, tpm_after, log2_fold_change, one ``log2_fold_change_<id>`` for each other
        method, is_measured, is_perturbed.
        """
        space = self.sample.model.space
        columns = {
            "gene": space.symbols,
            "ensembl_id": space.ensembl,
            "tpm_before": np.expm1(self.log1p_before_G),
            "tpm_after": np.expm1(self.log1p_after_G),
            "log2_fold_change": self.log2_fold_change_G,
        }
        columns |= {f"log2_fold_change_{name}": change for name, change in self.baseline_log2_fold_changes().items()}
        columns |= {"is_measured": self.sample.measured_G, "is_perturbed": self.is_perturbed_G}
        table = pd.DataFrame(columns)
        order = np.lexsort((-table["log2_fold_change"].abs().to_numpy(), table["is_perturbed"].to_numpy()))
        return table.iloc[order].reset_index(drop=True)

    def to_anndata(self) -> AnnData:
        """Return the prediction as AnnData: one sample by the G genes of the model.

        Returns
        -------
        AnnData
            ``X``: TPM before, on the training cohort's scale, imputed where nothing was measured. Layers: ``tpm_after``
            (TPM), ``log2_fold_change`` (of TPM + 1), one ``log2_fold_change_<id>`` for each other method, and
            ``is_measured``. ``var``: ``symbol`` and ``is_perturbed``, named by Ensembl id. ``obs``: ``library_size``
            (total reads; NaN where unknown). ``uns["cellstate"]``: unit, model, predictor, perturbations.
        """
        return to_anndata([self])


@overload
def predict(
    sample: PreparedSample, perturbations: Sequence[Perturbation], predictor: str | None = None
) -> Prediction: ...


@overload
def predict(
    sample: AnnData,
    perturbations: Sequence[Perturbation],
    predictor: str | None = None,
    *,
    model: Model | str | Path | None = None,
    layer: str | None = None,
    unit: str | None = "TPM",
) -> AnnData: ...


def predict(
    sample: PreparedSample | AnnData,
    perturbations: Sequence[Perturbation],
    predictor: str | None = None,
    *,
    model: Model | str | Path | None = None,
    layer: str | None = None,
    unit: str | None = "TPM",
) -> Prediction | AnnData:
    """Apply perturbations to a sample and predict the expression change of every gene.

    The perturbed genes themselves take their perturbed level; every other gene changes as the method predicts.

    Parameters
    ----------
    sample : PreparedSample or AnnData
        One prepared sample, or an AnnData of S samples by genes, each of which is predicted alone.
    perturbations : sequence of Perturbation
        What is done to the sample, at most one perturbation a gene; of an AnnData, to each sample.
    predictor : str, optional
        A `PredictorId`; default: the model's own default method (`cellstate.perturb.predictors.registry`).
    model : Model, path or str, optional
        For an AnnData: a model, its folder, or the name of a shipped one. Default: that of `cellstate.load_model`.
    layer : str, optional
        For an AnnData: the layer with the values. Default: ``X``.
    unit : str, optional
        For an AnnData: the unit of the values, as `cellstate.Samples.from_anndata` takes it; None to detect it.

    Returns
    -------
    Prediction or AnnData
        Of a prepared sample a `Prediction`. Of an AnnData a new one, shape (S, genes of the model), with the columns of
        ``obs`` and with layers as `Prediction.to_anndata` has them; the one given is not changed.

    Raises
    ------
    CellStateError
        An unknown gene, a gene perturbed twice, a level above one million TPM, a quantile where the model carries no
        cohort, a method that the model folder does not support, weights that give no number; of an AnnData also values
        or names that `cellstate.Samples.from_anndata` refuses, and a sample that measures too few genes.
    """
    if isinstance(sample, PreparedSample):
        if model is not None or layer is not None:
            raise CellStateError("A prepared sample has its model.", "Give a model or a layer with an AnnData only.")
        return _predict(sample, perturbations, predictor)
    if not hasattr(sample, "obs_names"):
        raise CellStateError(
            f"A prediction is about a prepared sample or an AnnData, not {type(sample).__name__}.",
            "Prepare it first: prepare_sample(model, samples).",
        )
    return _predict_anndata(sample, perturbations, predictor, model, layer, unit)


def _predict(sample: PreparedSample, perturbations: Sequence[Perturbation], predictor: str | None) -> Prediction:
    model = sample.model
    chosen = resolve_predictor(model, predictor)
    change = input_change(perturbations, sample)
    before_G = np.log1p(sample.tpm_G).astype(np.float32)
    is_perturbed_G = np.zeros(len(model.space), bool)
    is_perturbed_G[change.genes_K] = True

    after = {}
    for name, method in all_predictors(model).items():
        delta_z_G = method.predict_change(sample, change)[0]
        after_G = np.maximum(before_G + delta_z_G * model.space.scale_G, 0.0)
        after_G[change.genes_K] = np.log1p(change.tpm_after_RK[0])
        after[name] = after_G
    return Prediction(
        sample=sample,
        predictor=chosen,
        perturbations=tuple(perturbations),
        is_perturbed_G=is_perturbed_G,
        log1p_before_G=before_G,
        log1p_after_G=after.pop(chosen),
        baseline_log1p_after=after,
    )


def _log2_fold_change(before_G: np.ndarray, after_G: np.ndarray) -> np.ndarray:
    return (after_G - before_G) / np.float32(np.log(2))


def _predict_anndata(
    adata: AnnData,
    perturbations: Sequence[Perturbation],
    predictor: str | None = None,
    model: Model | str | Path | None = None,
    layer: str | None = None,
    unit: str | None = "TPM",
) -> AnnData:
    """Predict for each sample of an AnnData; see `cellstate.predict`."""
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
