"""How far to believe that two edits work together: what was measured, in words."""

from __future__ import annotations

import json

from cellstate.model.folder import default_model_folder
from cellstate.report.together import AGAIN, ALONG, together_reason

WHAT = f"right pair {ALONG}, in top 20 of regulators"


def measured(**benchmarks: dict[str, float | None]) -> dict:
    return {
        "evidence": {
            benchmark: {"marks": [{"name": name, "value": value} for name, value in values.items()]}
            for benchmark, values in benchmarks.items()
        }
    }


def test_what_was_measured_of_pairs():
    simulated = {f"auto-encoder: {WHAT}": 0.05, f"cohort: {WHAT}": 0.8}
    real = {f"here: cohort, {AGAIN}": 0.59, f"there: cohort, {AGAIN}": 0.6, f"here: network, {AGAIN}": 0.47}
    said = together_reason(measured(simulated=simulated, pairs=real))
    assert "20 highest pairs of regulators in 80 % of cases by what patients show, and in 5 % by the network's" in said
    assert "59 % and 60 % of the pairs that patients put first point the same way again, and 47 % of the" in said
    assert together_reason(measured(simulated=simulated)).endswith("synergy.")


def test_what_is_not_known_is_not_said():
    nothing = together_reason({})
    assert "holds no figures" in nothing
    half = {f"auto-encoder: {WHAT}": 0.05, f"cohort: {WHAT}": None}
    assert together_reason(measured(simulated=half, pairs={f"here: cohort, {AGAIN}": 0.6})) == nothing


def test_of_the_shipped_model_it_is_known():
    said = together_reason(json.loads((default_model_folder() / "metrics.json").read_text()))
    assert "In a simulated gene network" in said and "In tumours that neither has seen" in said
