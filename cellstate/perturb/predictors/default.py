"""Who predicts: the network or one of its rivals, and which of them leads where nobody chooses.

The one rule. The question is what follows from the perturbation of one gene, and how far. A rival leads where it tells
better than the network which gene was perturbed, and no known truth speaks against it: the 95 % bootstrap interval of
the difference lies above 0 of how much better a regulator's own targets are found than other regulators' targets
(``benchmarks.regulons``: real tissue, the weights at hand, but the order of genes alone), and in a simulated gene
network its method comes as close to the true shift (``benchmarks.simulated``: amounts too, but methods and not
weights). Of several, the one that tells best. Otherwise, and for a model folder without such evidence, the network
leads.

Why not the AUROC of known targets as it stands: a ranking by how much each gene varies, blind to the perturbation,
beats every predictor there. Own targets less others' targets is 0 for whatever is blind.

Real experiments do not vote: there are two, which nothing predicts. A predictor that is told which genes are
transcription factors never leads by itself: that is prior knowledge, and it says nothing of any other gene.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cellstate.errors import ModelError
from cellstate.model import Model
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.registry import SPECS, available_predictors

#: How the benchmark names its rows about a folder's own predictors: ``this model: pca, AUROC in z``.
BENCHMARK, THIS_MODEL = "regulons", "this model"
SIMULATION, DELTA = "simulated", "Pearson-delta"
#: What the simulation calls each predictor's method.
METHODS = {
    PredictorId.AUTOENCODER: "auto-encoder",
    PredictorId.PCA: "PCA",
    PredictorId.COEXPRESSION: "co-expression",
    PredictorId.RIDGE: "ridge",
    PredictorId.ELASTIC_NET: "elastic net",
    PredictorId.RIDGE_TF: "ridge on TFs (prior knowledge)",
}
AUROC, OWN, LEAD = "AUROC in z", "own - others in z", "own - others less the network's, low end of 95 %"


@dataclass(frozen=True)
class Standing:
    """How well one predictor finds known targets.

    Attributes
    ----------
    auroc : float
        Mean over transcription factors; 0.5 is chance.
    own : float
        AUROC of a factor's own targets less that of the others'; 0 for a ranking that is blind to the perturbation.
    lead : float
        Lower end of the 95 % bootstrap interval of the difference of ``own`` from the network's.
    simulated : float or None
        Correlation of the same method with the true shifts of a simulated gene network; None where it is not known.
    """

    auroc: float
    own: float
    lead: float
    simulated: float | None = None


def standings(metrics: Mapping) -> dict[PredictorId, Standing]:
    """Return how well each of a model's own predictors finds known targets; none where that was not recorded."""
    values, simulated = (
        {one["name"]: one["value"] for one in metrics.get("evidence", {}).get(benchmark, {}).get("marks", ())}
        for benchmark in (BENCHMARK, SIMULATION)
    )
    found = {}
    for name in METHODS:
        figures = [values.get(f"{THIS_MODEL}: {name.stored_name}, {what}") for what in (AUROC, OWN, LEAD)]
        known = [figure for figure in figures if figure is not None]
        if len(known) == len(figures):
            auroc, own, lead = known
            found[name] = Standing(auroc, own, lead, simulated.get(f"{METHODS[name]}: {DELTA}"))
    return found


def leader(metrics: Mapping) -> PredictorId:
    """Return the default method by the rule of this module, from a model's metrics."""
    found = standings(metrics)
    if PredictorId.AUTOENCODER not in found:
        return PredictorId.AUTOENCODER
    network = found[PredictorId.AUTOENCODER]
    able = [
        name
        for name, one in found.items()
        if not SPECS[name].uses_prior_knowledge and one.lead > 0 and not _worse(one.simulated, network.simulated)
    ]
    return max(able, key=lambda name: found[name].own, default=PredictorId.AUTOENCODER)


def _worse(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one < other


def default_predictor(model: Model) -> PredictorId:
    """Return the method that answers where a user asks for none."""
    first = leader(model.metrics)
    return first if first in available_predictors(model) else PredictorId.AUTOENCODER


def resolve_predictor(model: Model, asked: str | None) -> PredictorId:
    """Return the method that was asked for, or the default where none was.

    Raises
    ------
    ModelError
        A method that does not exist, or that this model folder does not support.
    """
    if asked is None:
        return default_predictor(model)
    available = available_predictors(model)
    try:
        found = PredictorId(asked)
    except ValueError:
        found = PredictorId.NO_CHANGE
    if found in available:
        return found
    names = ", ".join(available)
    if found is PredictorId.NO_CHANGE:
        raise ModelError(f"There is no predictor {asked!r}.", f"Write one of {names}.")
    raise ModelError(
        f"This model folder holds no {found}: its weights are random, or were trained by an older version.",
        f"Write one of {names}, or train the model again.",
    )
