"""How far to believe that two edits work together: what was measured, in words."""

from __future__ import annotations

import json

from cellstate.model.folder import default_model_folder
from cellstate.perturb.predictors.default import METHODS
from cellstate.report.together import AGAIN, ALONG, DESIGNED, combination_reason, together_reason

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
    assert (
        "20 highest pairs of regulators in 80 % of cases by what patients show, and in 5 % by the autoencoder's" in said
    )
    assert "59 % and 60 % of the pairs that patients put first point the same way again, and 47 % of the" in said
    assert together_reason(measured(simulated=simulated)).endswith("interaction.")


def test_what_is_not_known_is_not_said():
    nothing = together_reason({})
    assert "holds no figures" in nothing
    half = {f"auto-encoder: {WHAT}": 0.05, f"cohort: {WHAT}": None}
    assert together_reason(measured(simulated=half, pairs={f"here: cohort, {AGAIN}": 0.6})) == nothing


def test_what_was_measured_of_combinations():
    found = {f"elastic net: {DESIGNED}": 0.7, f"auto-encoder: {DESIGNED}": 0.12, f"random genes: {DESIGNED}": 0.01}
    said = combination_reason(measured(simulated=found), "elastic_net")
    assert said.startswith("It was chosen") and "none of them cooperate" in said
    assert "go 70 % of the way that the best three go, those of the network's 12 %, random ones 1 %." in said
    said = combination_reason(measured(simulated=found), "autoencoder")
    assert "By the autoencoder alone do edits more or less" in said and "go 12 % of the way" in said
    assert "those of the network's" not in said
    # Nothing was measured of ridge.
    assert "best three" not in combination_reason(measured(simulated=found), "ridge")
    assert "best three" not in combination_reason({}, "autoencoder")


def test_of_the_shipped_model_it_is_known():
    metrics = json.loads((default_model_folder() / "metrics.json").read_text())
    said = together_reason(metrics)
    assert "In a simulated gene network" in said and "In tumours that neither has seen" in said
    for predictor in METHODS:
        assert "of the way that the best three go" in combination_reason(metrics, predictor)
