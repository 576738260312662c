"""The effects of many genes as one matrix: what a rise of each by one SD does to every gene.

Shape suffixes: C candidate genes, G genes of the model, K candidates of a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cellstate.model import Model
from cellstate.model.folder import cached_per_model
from cellstate.perturb.perturbations import InputChange
from cellstate.perturb.predictors.base import PredictorId, SearchProgress
from cellstate.perturb.predictors.registry import all_predictors
from cellstate.perturb.sample import PreparedSample, training_mean

LOG2_PER_SD = "log2 fold change per SD of a rise of the candidate"
#: Candidates whose changes are predicted at once.
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class EffectMatrix:
    """What a rise of each candidate by one SD does to every gene.

    Attributes
    ----------
    predictor : PredictorId
    candidates_C : ndarray of int
        Positions of the candidates in the model.
    effect_CG : ndarray of float32, shape (C, G)
        Change of z per SD; a candidate's effect on itself is 0.
    """

    predictor: PredictorId
    candidates_C: np.ndarray
    effect_CG: np.ndarray

    @cached_property
    def energy_C(self) -> np.ndarray:
        """Squared length of each candidate's effects, float32, shape (C,)."""
        return np.einsum("cg,cg->c", self.effect_CG, self.effect_CG)

    def log2(self, model: Model) -> np.ndarray:
        """Return the same as log2 fold change of TPM + 1 per SD, float32, shape (C, G)."""
        return self.effect_CG * (model.space.scale_G / np.log(2)).astype(np.float32)


def effect_matrix(
    sample: PreparedSample,
    candidates_C: np.ndarray,
    predictor: PredictorId,
    progress: SearchProgress | None = None,
) -> EffectMatrix:
    """Predict what a rise of each candidate by one SD does, in the state of a sample.

    Linear methods answer the same for every sample; the autoencoder does not.

    Parameters
    ----------
    sample : PreparedSample
        The state; `training_mean` where there is none.
    candidates_C : ndarray of int
    predictor : PredictorId
        A method that the model folder supports.
    progress : callable, optional
        Receives (done, total, what).
    """
    method = all_predictors(sample.model)[predictor]
    effect_CG = np.empty((len(candidates_C), len(sample.model.space)), np.float32)
    for start in range(0, len(candidates_C), _BLOCK):
        genes_K = candidates_C[start : start + _BLOCK]
        rise_KK = np.eye(len(genes_K), dtype=np.float32)
        change_KG = method.predict_change(sample, InputChange(genes_K, rise_KK, np.full(rise_KK.shape, np.nan)))
        change_KG[np.arange(len(genes_K)), genes_K] = 0
        effect_CG[start : start + len(genes_K)] = change_KG
        if progress:
            progress(start + len(genes_K), len(candidates_C), "effects of each candidate")
    return EffectMatrix(predictor, candidates_C, effect_CG)


@cached_per_model
def tf_effects(model: Model) -> dict[PredictorId, EffectMatrix]:
    """Return a place to keep the effects of transcription factors at the training mean, by method."""
    return {}


def effects_of_tfs(model: Model, predictor: PredictorId, progress: SearchProgress | None = None) -> EffectMatrix:
    """Return the effects of every transcription factor at the training mean; computed once a model and method."""
    known = tf_effects(model)
    if predictor not in known:
        at = np.flatnonzero(model.space.is_tf_G)
        known[predictor] = effect_matrix(training_mean(model), at, predictor, progress)
    return known[predictor]
