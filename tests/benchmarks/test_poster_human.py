"""The curve of the published network: it stops by the clock once, as Ctrl+C does, and keeps what it saw."""

from __future__ import annotations

import signal

import numpy as np
import pytest

from benchmarks.base import reconstruction
from benchmarks.poster_human import JUDGED, Curve, Run
from cellstate.model.config import ModelConfig
from cellstate.model.network import AutoEncoder, initialise
from train.callbacks import Epoch, Step


class Judging:
    """Stands for the samples: says how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def figures(self, predict) -> dict[str, float]:
        self.asked += 1
        return {"r2_pooled": 0.5, "r2_within": 0.25}


def curve(minutes: float) -> Curve:
    return Curve(Judging(), lambda z: z, minutes)  # type: ignore[arg-type]


def test_stops_once_when_the_minutes_are_over(monkeypatch) -> None:
    raised: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    one = curve(minutes=1)
    for step in range(1, 5):
        one.step(Step(step, 10, 0.1, 1.0, 1e-3, 64, 25.0))
    assert (one.seconds, one.steps) == (100, 4)
    # A second signal would end the process instead of saving a checkpoint.
    assert raised == [signal.SIGINT]


def test_judges_some_epochs_and_keeps_all_losses() -> None:
    one = curve(minutes=1)
    for epoch in range(42):
        one.epoch(Epoch(epoch, None if epoch == 0 else 0.5, 0.6, 1e-3, float(epoch)))
    assert len(one.losses) == 42
    assert sorted(one.points) == sorted({*JUDGED, 40})
    assert one.judge.asked == len(one.points)  # type: ignore[attr-defined]
    names = {c.name: c.value for c in Run("run", one, 41.0, {"r2_pooled": 0.4}, 10**9).criteria()}
    assert names["run.epoch_40.r2_within"] == 0.25
    assert names["run.test.r2_pooled"] == 0.4
    assert "run.epoch_0.training_loss" not in names


@pytest.mark.parametrize("n", [1, 256, 300])
def test_reconstruction_in_blocks_is_that_of_the_whole(n) -> None:
    import torch

    network = AutoEncoder(ModelConfig("small", (7, 3, 7)))
    initialise(network, 0)
    z_SG = np.random.default_rng(0).normal(size=(n, 7)).astype(np.float32)
    found = reconstruction(network, torch.device("cpu"))(z_SG)
    with torch.no_grad():
        np.testing.assert_allclose(found, network(torch.from_numpy(z_SG)).numpy(), rtol=1e-5, atol=1e-6)
