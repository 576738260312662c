"""How far to believe that two edits work together, in words: what the same ways find where it is known."""

from __future__ import annotations

from collections.abc import Mapping

from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.default import METHODS, SIMULATION
from cellstate.perturb.predictors.registry import SPECS
from cellstate.report.marks import marks_of
from cellstate.report.predictors import lead_reason
from cellstate.viz.style import listed, percent

#: How `benchmarks.simulated` names the method of the network and that of the cohort, and what it asks of both: how far
#: up a planted pair stands along its own goal.
METHOD, COHORT = METHODS[PredictorId.AUTOENCODER], "cohort"
#: How `benchmarks.pairs` names the autoencoder.
STORED = PredictorId.AUTOENCODER.stored_name
TOP = 20
ALONG, OF_REGULATORS = "along a goal", " of regulators"
#: What it asks of whoever designs combinations: the true way of the edits that it chooses.
DESIGNED, BY_CHANCE = "three knock-outs, share of the way of the best three", "random genes"
#: How `benchmarks.pairs` names both, and what it asks of both, on patients that the model never saw.
REAL = "pairs"
AGAIN = "of 1,000 pairs, those with the foreseen sign"


def together_reason(metrics: Mapping) -> str:
    """Say in a sentence or two how well the network and the cohort find pairs that truly work together.

    Parameters
    ----------
    metrics : mapping
        ``metrics.json`` of a model folder; empty for random weights.
    """
    return " ".join(filter(None, (_simulated(metrics), _real(metrics)))) or (
        "This model folder holds no figures on whether the pairs that it finds truly work together."
    )


def combination_reason(metrics: Mapping, predictor: str) -> str:
    """Say why a predictor designs combinations, whether its edits can cooperate, and how far those truly reach.

    Parameters
    ----------
    metrics : mapping
        ``metrics.json`` of a model folder; empty for random weights.
    predictor : str
        Who does.
    """
    works = (
        "By the autoencoder alone do edits more or less together than their sum."
        if not SPECS[PredictorId(predictor)].is_linear
        else "It is linear: edits add up, but for what they do to one another's genes, and none of them cooperate."
    )
    return " ".join(filter(None, (lead_reason(metrics, predictor), works, _designed(metrics, predictor))))


def _designed(metrics: Mapping, predictor: str) -> str:
    values = _values(metrics, SIMULATION)
    own, chance = (values.get(f"{name}: {DESIGNED}") for name in (METHODS[PredictorId(predictor)], BY_CHANCE))
    network = values.get(f"{METHOD}: {DESIGNED}")
    if own is None or network is None or chance is None:
        return ""
    beside = "" if predictor == PredictorId.AUTOENCODER else f"those of the network's {percent(network)}, "
    return (
        f"In a simulated gene network the three knock-outs that its method chooses go {percent(own)} of the way that "
        f"the best three go, {beside}random ones {percent(chance)}."
    )


def _simulated(metrics: Mapping) -> str:
    values = _values(metrics, SIMULATION)
    what = f"right pair {ALONG}, in top {TOP}{OF_REGULATORS}"
    network, cohort = (values.get(f"{name}: {what}") for name in (METHOD, COHORT))
    if network is None or cohort is None:
        return ""
    return (
        f"In a simulated gene network, a pair that truly works together is among the {TOP} highest pairs of regulators "
        f"in {percent(cohort)} of cases by what patients show, and in {percent(network)} by the autoencoder's "
        "interaction."
    )


def _real(metrics: Mapping) -> str:
    values = _values(metrics, REAL)
    shares = {
        name: [value for key, value in values.items() if key.endswith(f": {name}, {AGAIN}") and value is not None]
        for name in (COHORT, STORED)
    }
    if not all(shares.values()):
        return ""
    cohort, network = (listed([*dict.fromkeys(map(percent, shares[name]))]) for name in (COHORT, STORED))
    return (
        f"In tumours that neither has seen, {cohort} of the pairs that patients put first point the same way again, "
        f"and {network} of the network's; 50 % is chance."
    )


def _values(metrics: Mapping, benchmark: str) -> dict[str, float | None]:
    """What a benchmark measured, by the name of its row."""
    return {one["name"]: one["value"] for one in marks_of(metrics, benchmark)}
