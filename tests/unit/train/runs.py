"""Small runs for the tests of the loop: data without files, and a callback that remembers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cellstate.model import ModelConfig
from cellstate.model.network import AutoEncoder, initialise
from train.batches import ArraySource
from train.callbacks import Epoch, Step, TrainerCallback, TrainingState
from train.checkpoints import Checkpoints
from train.config import LoopConfig, RunConfig
from train.distributed import DistributedContext
from train.loop import Outcome, TrainingJob, train

ALONE = DistributedContext(0, 1, torch.device("cpu"))
GENES = 30


class Notes(TrainerCallback):
    """Remembers what a run tells."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.epochs: list[Epoch] = []
        self.kept: dict[str, Tensor] = {}
        self.began_at = -1

    def resumed(self, progress: TrainingState) -> None:
        self.began_at = progress.step

    def step(self, step: Step) -> None:
        self.steps.append(step)

    def epoch(self, epoch: Epoch) -> None:
        self.epochs.append(epoch)

    def best(self, weights: Mapping[str, Tensor]) -> None:
        self.kept = {name: tensor.clone() for name, tensor in weights.items()}

    @property
    def losses(self) -> list[float]:
        """Loss and gradient norm of every step, and both losses of every epoch."""
        of_steps = [value for s in self.steps for value in (s.loss, s.gradient_norm)]
        return of_steps + [v for e in self.epochs for v in (e.train_loss, e.validation_loss) if v is not None]


def make_sources(missing: float = 0.0, n: int = 50) -> tuple[ArraySource, ArraySource]:
    """Training and validation samples that move along four directions."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(4, GENES))
    made = []
    for size, prefix in ((n, "T"), (20, "V")):
        z_SG = (rng.normal(size=(size, 4)) @ mix).astype(np.float32)
        z_SG[rng.random(z_SG.shape) < missing] = np.nan
        made.append(ArraySource(z_SG, [f"{prefix}{i}" for i in range(size)]))
    return made[0], made[1]


def fresh(activation: str = "relu", residual: bool = False) -> AutoEncoder:
    network = AutoEncoder(ModelConfig("any", (GENES, 16, 4, 16, GENES), activation, residual))
    initialise(network, 0)
    return network


def run(
    sources: tuple[ArraySource, ArraySource],
    context: DistributedContext = ALONE,
    *,
    network: AutoEncoder | None = None,
    checkpoints: Checkpoints | None = None,
    how: RunConfig | None = None,
    **loop: object,
) -> tuple[Notes, Outcome]:
    """Train a small network; returns what it told and how it ended."""
    notes = Notes()
    config = LoopConfig(**{"learning_rate": 1e-2, "batch_size": 16, "warmup_steps": 4} | loop)  # type: ignore[arg-type]
    job = TrainingJob(*sources, config, how or RunConfig())
    return notes, train(network or fresh(), job, context, notes, checkpoints)


def read_history(path: Path) -> list[dict]:
    """Return the lines of a history file."""
    return [json.loads(line) for line in path.read_text().splitlines()]
