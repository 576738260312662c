"""Who predicts, in words: what each predictor is, what was measured of it, and why one of them leads."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.default import BENCHMARK, DELTA, leader, standings
from cellstate.perturb.predictors.registry import SPECS
from cellstate.report.marks import by_predictor, marks_of, when
from cellstate.report.section import Section, decimal, label
from cellstate.viz.style import listed

_UNKNOWN = "this model folder holds no figures on who finds known targets better"


def said_by(predictor: str) -> str:
    """Return a predictor as a sentence begins with it."""
    return label(predictor)


def what_it_is(predictor: str) -> str:
    """Say what a predictor does, in one sentence."""
    return SPECS[PredictorId(predictor)].description


def figures_of(metrics: Mapping, predictor: str) -> str:
    """Say what was measured of a predictor, in one sentence; empty where nothing was."""
    said = []
    if one := standings(metrics).get(PredictorId(predictor)):
        said.append(f"own targets less others' {one.own:+.3f} (0 is blind)")
        if one.simulated is not None:
            said.append(f"the same method in a simulated network r = {decimal(one.simulated, 2)}")
    if found := _experiments(metrics, predictor):
        said.append(f"real experiments r = {listed([decimal(r, 2) for r in found])}")
    return f"Measured: {', '.join(said)}." if said else ""


def lead_reason(metrics: Mapping, predictor: str) -> str:
    """Say in one sentence why a predictor stands first.

    Parameters
    ----------
    metrics : mapping
        ``metrics.json`` of a model folder; empty for random weights.
    predictor : str
        Who does.
    """
    first, found = leader(metrics), standings(metrics)
    if predictor != first:
        figures = _targets(metrics, first, predictor)
        return f"It was chosen; by the model's own evidence {label(first)} would lead{figures}."
    if predictor != PredictorId.AUTOENCODER:
        return (
            f"It leads because it tells a transcription factor's own known targets from those of others better than "
            f"the autoencoder does{_targets(metrics, predictor, PredictorId.AUTOENCODER)}, and nothing known speaks "
            "against it."
        )
    if PredictorId.AUTOENCODER not in found:
        return f"It leads because {_UNKNOWN}."
    return "It leads because no other predictor of this model is clearly better by all that was measured."


def lead_section(metrics: Mapping) -> Section:
    """Who leads, by which rule, and what else was measured of each."""
    title, key = "Who predicts first?", "leader"
    found, first = standings(metrics), leader(metrics)
    if not found:
        return Section(key, title, "", absent=f"The autoencoder, because {_UNKNOWN}.")
    rows = [
        (
            label(name) + (" (leads)" if name == first else ""),
            decimal(one.auroc),
            f"{one.own:+.3f}",
            "–" if name == PredictorId.AUTOENCODER else f"{one.lead:+.3f}",
            decimal(one.simulated, 2),
            listed([decimal(r, 2) for r in _experiments(metrics, name)]) or "–",
        )
        for name, one in found.items()
    ]
    text = (
        f"**{said_by(first)}.** {lead_reason(metrics, first)}\n\nThe rule: a rival leads if it tells the known targets "
        "of the edited factor from those of other factors better than the network (the 95 % interval of the difference "
        "lies above 0) and its method comes as close to the true shifts of a simulated network; of several, the one "
        "that tells them best. Else the network does. Whoever is told which genes are transcription factors never "
        "leads by itself. Every answer shows all others beside the first, and you can put any of them first."
    )
    best = max(found, key=lambda name: found[name].own)
    if best != first:
        text += (
            f"\n\n**The truths do not agree.** {said_by(best)} tells own targets best "
            f"({found[best].own:+.3f}); in a simulated network its correlation with the true shift is "
            f"{decimal(found[best].simulated, 2)}, and {label(first)}'s {decimal(found[first].simulated, 2)}."
        )
    notes = (
        "The leader is chosen by the same figures, so its own may be a little too good.",
        when(metrics, BENCHMARK),
    )
    columns = [
        "Predictor",
        "Known targets, AUROC",
        "Own less others' targets",
        "That less the network's, low end of 95 %",
        "Simulated network, r",
        "Real experiments, r",
    ]
    return Section(key, title, text, pd.DataFrame(rows, columns=columns), notes)


def _targets(metrics: Mapping, one: str, other: str) -> str:
    """Compare two predictors in brackets, after a blank; empty where one was not measured."""
    found = standings(metrics)
    first, second = found.get(PredictorId(one)), found.get(PredictorId(other))
    if first is None or second is None:
        return ""
    return f" (AUROC of own less others' targets {first.own:+.3f} against {second.own:+.3f}; 0 is blind)"


def _experiments(metrics: Mapping, predictor: str) -> list[float]:
    """Correlations with the real experiments."""
    cases = by_predictor(marks_of(metrics, "experiments")).values()
    found = [rows.get(PredictorId(predictor).stored_name, {}).get(DELTA, {}).get("value") for rows in cases]
    return [value for value in found if value is not None]
