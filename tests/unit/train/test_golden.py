"""Recorded losses: a change of the loop that is none must reproduce them.

To record them anew after a change that is one: ``python -m tests.unit.train.test_golden``, and say why in the commit.
"""

import json
from pathlib import Path

import pytest

from tests.unit.train.runs import fresh, make_sources, run

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "losses.json"
RUNS: dict[str, dict] = {
    "relu": {"settings": {}},
    "residual gelu": {"settings": {}, "network": ("gelu", True)},
    "hidden genes": {"settings": {"hide": 0.4, "loss_on": "hidden", "noise": 0.1}},
    "missing values": {"settings": {"weight_decay": 0.1, "clip_norm": 0.5}, "missing": 0.2},
}


def losses(name: str) -> list[float]:
    """Losses and gradient norms of 20 seeded steps."""
    one = RUNS[name]
    network = fresh(*one.get("network", ()))
    notes, _ = run(make_sources(one.get("missing", 0.0)), network=network, epochs=5, **one["settings"])
    assert len(notes.steps) == 20
    return [value for step in notes.steps for value in (step.loss, step.gradient_norm)]


@pytest.mark.parametrize("name", RUNS)
def test_recorded_losses_are_reproduced(name):
    found = losses(name)
    assert found == pytest.approx(json.loads(GOLDEN.read_text())[name], rel=1e-5)
    assert found == losses(name)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({name: losses(name) for name in RUNS}, indent=1) + "\n")
