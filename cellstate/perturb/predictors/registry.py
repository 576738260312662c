"""Every prediction method in one table, those that a model folder supports, and the default among them.

`cellstate.default_rule` chooses the default when a benchmark's result is recorded; here it is only read. A folder that
names none, or one that it does not hold, has the autoencoder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cellstate.default_rule import choose_ranking
from cellstate.errors import ModelError
from cellstate.evidence import METHODS
from cellstate.model import Model
from cellstate.model.folder import cached_per_model
from cellstate.model.numpy_network import NumpyModel
from cellstate.perturb.predictors.base import GoalScorer, Predictor, PredictorId, PredictorSpec
from cellstate.perturb.predictors.linear import (
    Components,
    LinearEffects,
    LinearPredictor,
    NoEffects,
    coexpression_map,
    load_components,
    pca_map,
    ridge_map,
    tf_ridge_map,
    whitened_map,
)
from cellstate.perturb.predictors.sparse import SparseEffectPropagation, load_effects

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from cellstate.perturb.perturbations import InputChange
    from cellstate.perturb.sample import PreparedSample
    from cellstate.perturb.search.goal import Goal

_AUTOENCODER = PredictorSpec(
    PredictorId.AUTOENCODER,
    "The autoencoder's prediction with the perturbation, less its prediction without.",
    is_linear=False,
)
_NO_CHANGE = PredictorSpec(PredictorId.NO_CHANGE, "No gene but the perturbed ones changes.")
_ELASTIC_NET = PredictorSpec(
    PredictorId.ELASTIC_NET,
    "Each gene is predicted from a few others (elastic net regression). A change propagates to the genes that it "
    "predicts and, halved each time, two steps further.",
)
#: Methods that are built from the principal components of the training samples.
_OF_COMPONENTS: dict[PredictorSpec, Callable[[Components], LinearEffects]] = {
    PredictorSpec(
        PredictorId.PCA, "The perturbation projected on the training samples' principal components and back."
    ): pca_map,
    PredictorSpec(
        PredictorId.COEXPRESSION, "Each gene changes along its regression line on each perturbed gene."
    ): coexpression_map,
    PredictorSpec(
        PredictorId.WHITENED_COEXPRESSION,
        "Each gene changes by its correlation with each perturbed gene, every principal component given equal weight.",
    ): whitened_map,
    PredictorSpec(PredictorId.RIDGE, "Each gene changes by its ridge regression on all other genes."): ridge_map,
    PredictorSpec(
        PredictorId.RIDGE_TF,
        "Each gene changes by its ridge regression on transcription factors alone: prior knowledge, not learning.",
        uses_prior_knowledge=True,
    ): tf_ridge_map,
}
_PCA, _COEXPRESSION, _WHITENED, _RIDGE, _RIDGE_TF = _OF_COMPONENTS
#: Every method, in the order in which tables show them.
REGISTRY = (_AUTOENCODER, _NO_CHANGE, _PCA, _COEXPRESSION, _WHITENED, _RIDGE, _ELASTIC_NET, _RIDGE_TF)
SPECS = {spec.id: spec for spec in REGISTRY}


@dataclass(frozen=True)
class AutoencoderPredictor:
    """The autoencoder; see `cellstate.perturb.predictors.base.Predictor`."""

    spec: PredictorSpec

    def predict_change(self, sample: PreparedSample, change: InputChange) -> np.ndarray:
        """Return f(x') - f(x) in z for each row, computed by difference propagation, float32, shape (R, G)."""
        if isinstance(sample.model, NumpyModel):
            found_RG = sample.model.numpy_network.change(sample.z_1G, change.genes_K, change.delta_z_RK)
        else:
            from cellstate.perturb.predictors.propagate import predict_change

            found_RG = predict_change(sample.model, sample.z_1G, change)
        if not np.isfinite(found_RG).all():
            raise ModelError("The model's weights give results that are not numbers.", "Use another model folder.")
        return found_RG

    def scorer(self, sample: PreparedSample, goal: Goal) -> GoalScorer:
        """Return the scores of perturbations of a sample along a goal, computed in torch."""
        from cellstate.perturb.predictors.autoencoder import AutoencoderScorer

        return AutoencoderScorer(sample, goal)


@dataclass(frozen=True, eq=False)
class FittedParameters:
    """What the trainer learnt for the linear methods; random weights have none, older folders no effects."""

    n_genes: int
    components: Components | None = None
    effect_GG: csr_array | None = None


def build_predictors(fitted: FittedParameters) -> dict[PredictorId, Predictor]:
    """Return every method that can be built from fitted parameters, in the order of `REGISTRY`."""
    effects: dict[PredictorSpec, LinearEffects] = {_NO_CHANGE: NoEffects(fitted.n_genes)}
    if fitted.components is not None:
        effects |= {spec: build(fitted.components) for spec, build in _OF_COMPONENTS.items()}
    if fitted.effect_GG is not None:
        effects[_ELASTIC_NET] = SparseEffectPropagation(fitted.effect_GG)
    built: dict[PredictorSpec, Predictor] = {_AUTOENCODER: AutoencoderPredictor(_AUTOENCODER)}
    built |= {spec: LinearPredictor(spec, one) for spec, one in effects.items()}
    return {spec.id: built[spec] for spec in REGISTRY if spec in built}


@cached_per_model
def all_predictors(model: Model) -> dict[PredictorId, Predictor]:
    """Return every method that a model folder supports; random weights have the autoencoder and no change."""
    components = load_components(model)
    effect_GG = None if components is None else load_effects(model)
    return build_predictors(FittedParameters(len(model.space), components, effect_GG))


def available_predictors(model: Model) -> dict[PredictorId, Predictor]:
    """Return the methods that predict a change at all: those that a user can choose."""
    return {name: one for name, one in all_predictors(model).items() if name is not PredictorId.NO_CHANGE}


def default_predictor(model: Model) -> PredictorId:
    """Return the default method of a model folder."""
    named = model.record.default_predictor
    return named if named in available_predictors(model) else PredictorId.AUTOENCODER


def ranking_predictor(model: Model) -> PredictorId:
    """Return the method of a model folder that ranks regulators, see `cellstate.default_rule.choose_ranking`."""
    return choose_ranking(model.record.records, default_predictor(model), available_predictors(model))


def resolve_predictor(model: Model, wanted: str | None) -> PredictorId:
    """Return a method by its id, or the default for None.

    Raises
    ------
    ModelError
        A method that does not exist, or that this model folder does not hold.
    """
    if wanted is None:
        return default_predictor(model)
    available = available_predictors(model)
    found = next((one for one in METHODS if one.value == wanted), None)
    if found in available:
        return found
    names = ", ".join(available)
    if found is None:
        raise ModelError(f"There is no predictor {wanted!r}.", f"Write one of {names}.")
    raise ModelError(
        f"This model folder holds no {found}: its weights are random, or were trained by an older version.",
        f"Write one of {names}, or train the model again.",
    )
