"""Every prediction method in one table, and those that a model folder supports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scipy.sparse import csr_array

from cellstate.model import Model
from cellstate.model.cache import cached_per_model
from cellstate.perturb.predictors.autoencoder import AutoencoderPredictor
from cellstate.perturb.predictors.base import Predictor, PredictorId
from cellstate.perturb.predictors.components import Components, load_components
from cellstate.perturb.predictors.linear import (
    LinearEffects,
    LinearPredictor,
    NoEffects,
    coexpression_map,
    pca_map,
    ridge_map,
    tf_ridge_map,
)
from cellstate.perturb.predictors.sparse import SparseEffectPropagation, load_effects


@dataclass(frozen=True, eq=False)
class FittedParameters:
    """What the trainer learnt for the linear methods; random weights have none, older folders no effects."""

    n_genes: int
    components: Components | None = None
    effect_GG: csr_array | None = None


@dataclass(frozen=True)
class PredictorSpec:
    """One prediction method.

    Attributes
    ----------
    id : PredictorId
    label : str
        Name as figures and tables show it.
    description : str
        One sentence.
    factory : callable
        (spec, parameters) -> predictor; None where the model folder lacks what it takes.
    uses_prior_knowledge : bool
        Whether it is given which genes are transcription factors.
    is_linear : bool
        Whether perturbations simply add up.
    """

    id: PredictorId
    label: str
    description: str
    factory: Callable[[PredictorSpec, FittedParameters], Predictor | None]
    uses_prior_knowledge: bool = False
    is_linear: bool = True


def _autoencoder(spec: PredictorSpec, fitted: FittedParameters) -> Predictor:
    return AutoencoderPredictor(spec.id, spec.label, spec.description, spec.uses_prior_knowledge)


def _linear(
    effects: Callable[[FittedParameters], LinearEffects | None],
) -> Callable[[PredictorSpec, FittedParameters], Predictor | None]:
    def build(spec: PredictorSpec, fitted: FittedParameters) -> Predictor | None:
        found = effects(fitted)
        if found is None:
            return None
        return LinearPredictor(spec.id, spec.label, spec.description, spec.uses_prior_knowledge, found)

    return build


def _of_components(
    effects: Callable[[Components], LinearEffects],
) -> Callable[[PredictorSpec, FittedParameters], Predictor | None]:
    return _linear(lambda fitted: None if fitted.components is None else effects(fitted.components))


def _sparse(fitted: FittedParameters) -> LinearEffects | None:
    return None if fitted.effect_GG is None else SparseEffectPropagation(fitted.effect_GG)


#: Every method, in the order in which tables show them.
REGISTRY = (
    PredictorSpec(
        PredictorId.AUTOENCODER,
        "Autoencoder",
        "Each gene changes by what the trained autoencoder predicts with the perturbation, less what it predicts "
        "without.",
        _autoencoder,
        is_linear=False,
    ),
    PredictorSpec(
        PredictorId.NO_CHANGE,
        "No change",
        "No gene but the perturbed ones changes.",
        _linear(lambda fitted: NoEffects(fitted.n_genes)),
    ),
    PredictorSpec(
        PredictorId.PCA,
        "PCA",
        "The perturbation projected on the training samples' principal components and back.",
        _of_components(pca_map),
    ),
    PredictorSpec(
        PredictorId.COEXPRESSION,
        "Co-expression",
        "Each gene changes along its regression line on each perturbed gene.",
        _of_components(coexpression_map),
    ),
    PredictorSpec(
        PredictorId.RIDGE,
        "Ridge",
        "Each gene changes by its ridge regression on all other genes.",
        _of_components(ridge_map),
    ),
    PredictorSpec(
        PredictorId.ELASTIC_NET,
        "Elastic net",
        "Few genes explain each gene, by elastic net; half of a gene's change propagates to those it explains, twice.",
        _linear(_sparse),
    ),
    PredictorSpec(
        PredictorId.RIDGE_TF,
        "Ridge on TFs",
        "Each gene changes by its ridge regression on transcription factors alone: prior knowledge, not learning.",
        _of_components(tf_ridge_map),
        uses_prior_knowledge=True,
    ),
)
SPECS = {spec.id: spec for spec in REGISTRY}


def build_predictors(fitted: FittedParameters) -> dict[PredictorId, Predictor]:
    """Return every method that can be built of fitted parameters, in the order of `REGISTRY`."""
    built = {spec.id: spec.factory(spec, fitted) for spec in REGISTRY}
    return {name: predictor for name, predictor in built.items() if predictor is not None}


@cached_per_model
def all_predictors(model: Model) -> dict[PredictorId, Predictor]:
    """Return every method that a model folder supports; random weights have the autoencoder and no change."""
    components = load_components(model)
    effect_GG = None if components is None else load_effects(model)
    return build_predictors(FittedParameters(len(model.space), components, effect_GG))


def available_predictors(model: Model) -> dict[PredictorId, Predictor]:
    """Return the methods that predict a change at all: those that a user can ask for."""
    return {name: one for name, one in all_predictors(model).items() if name is not PredictorId.NO_CHANGE}
