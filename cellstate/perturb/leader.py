"""Who predicts: the network or one of its rivals, and which of them leads where nobody chooses.

The one rule. The question is what follows from the edit of one gene, and how far. A rival leads where it tells better
than the network which gene was edited, and no known truth speaks against it: the 95 % bootstrap interval of the
difference lies above 0 of how much better a regulator's own targets are found than other regulators' targets
(``benchmarks.regulons``: real tissue, the weights at hand, but the order of genes alone), and in a simulated gene
network its method comes as close to the true shift (``benchmarks.simulated``: amounts too, but methods and not
weights). Of several, the one that tells best. Otherwise, and for a model folder without such evidence, the network
leads.

Why not the AUROC of known targets as it stands: a ranking by how much each gene varies, blind to the edit, beats every
predictor there. Own targets less others' targets is 0 for whatever is blind.

Real experiments do not vote: there are two, which nothing predicts. A predictor that is told which genes are
transcription factors never leads by itself: that is prior knowledge, and it says nothing of any other gene.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cellstate.errors import ModelError
from cellstate.model import Model
from cellstate.perturb.rivals import NETWORK, REGISTRY, rival_maps

#: How the benchmark names its rows about a folder's own predictors: ``this model: pca, AUROC in z``.
BENCHMARK, THIS_MODEL = "regulons", "this model"
SIMULATION, DELTA = "simulated", "Pearson-delta"
#: What the simulation calls each predictor's method.
METHODS = {
    NETWORK: "auto-encoder",
    "pca": "PCA",
    "coexpression": "co-expression",
    "ridge": "ridge",
    "elastic_net": "elastic net",
    "ridge_tf": "ridge on TFs (prior knowledge)",
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
        AUROC of a factor's own targets less that of the others'; 0 for a ranking that is blind to the edit.
    lead : float
        Lower end of the 95 % bootstrap interval of the difference of ``own`` from the network's.
    simulated : float or None
        Correlation of the same method with the true shifts of a simulated gene network; None where it is not known.
    """

    auroc: float
    own: float
    lead: float
    simulated: float | None = None


def predictors(model: Model) -> tuple[str, ...]:
    """Return who can predict with a model: the network, and the rivals that its folder holds."""
    return (NETWORK, *rival_maps(model))


def standings(metrics: Mapping) -> dict[str, Standing]:
    """Return how well each of a model's own predictors finds known targets; none where that was not recorded."""
    values, simulated = (
        {one["name"]: one["value"] for one in metrics.get("evidence", {}).get(benchmark, {}).get("marks", ())}
        for benchmark in (BENCHMARK, SIMULATION)
    )
    found = {}
    for name in (NETWORK, *(rival.name for rival in REGISTRY)):
        figures = [values.get(f"{THIS_MODEL}: {name}, {what}") for what in (AUROC, OWN, LEAD)]
        told = [figure for figure in figures if figure is not None]
        if len(told) == len(figures):
            auroc, own, lead = told
            found[name] = Standing(auroc, own, lead, simulated.get(f"{METHODS[name]}: {DELTA}"))
    return found


def leader(metrics: Mapping) -> str:
    """Return the predictor that leads by the rule of this module, from a model's metrics."""
    found = standings(metrics)
    told = {rival.name for rival in REGISTRY if rival.told}
    able = [name for name, one in found.items() if NETWORK in found and name not in told and one.lead > 0]
    able = [name for name in able if not _worse(found[name].simulated, found[NETWORK].simulated)]
    return max(able, key=lambda name: found[name].own, default=NETWORK)


def _worse(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one < other


def choose(model: Model, predictor: str | None) -> str:
    """Return the predictor that was asked for, or where none was, the one that leads.

    Raises
    ------
    ModelError
        A predictor that does not exist, or that this model folder does not hold.
    """
    able = predictors(model)
    if predictor is None:
        first = leader(model.metrics)
        return first if first in able else NETWORK
    if predictor in able:
        return predictor
    if any(predictor == rival.name for rival in REGISTRY):
        raise ModelError(
            f"This model folder holds no {predictor}: its weights are random, or were trained by an older version.",
            f"Write {NETWORK}, or train the model again.",
        )
    raise ModelError(f"There is no predictor {predictor!r}.", f"Write one of {', '.join(able)}.")
