"""The training loop: every step sees the same global batch whatever the number of processes.

Shape suffixes: S samples, G genes, B samples of this process's share of a batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from cellstate.errors import CellStateError
from cellstate.model.network import AutoEncoder
from train.config import LoopConfig
from train.distributed import World

#: Validation samples that go through at once.
VALIDATION_BATCH = 256


@dataclass(frozen=True)
class Epoch:
    """One line of the history; losses are mean squared errors in z, epoch 0 is before the first step."""

    epoch: int
    train_loss: float | None
    validation_loss: float
    learning_rate: float
    seconds: float

    def to_dict(self) -> dict:
        """Plain values for JSON."""
        return asdict(self)


def train(
    network: AutoEncoder,
    train_z_SG: np.ndarray,
    validation_z_SG: np.ndarray,
    config: LoopConfig,
    world: World,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    on_step: Callable[[int, int], None] = lambda step, total: None,
) -> list[Epoch]:
    """Train a network in place; it ends with the weights of the best epoch.

    Parameters
    ----------
    on_epoch, on_step : callable
        Told of each finished epoch, and of (step, steps in all).

    Raises
    ------
    CellStateError
        When the loss is no longer a number.
    """
    network.to(world.device).train().requires_grad_(True)
    if config.freeze_linear:
        for linear in (network.skip_in, network.skip_out):
            if linear is not None:
                linear.requires_grad_(False)
    model = DistributedDataParallel(network) if world.size > 1 else network
    optimiser = _optimiser(network, config)
    data_SG = torch.from_numpy(train_z_SG)
    steps = math.ceil(len(data_SG) / config.batch_size)
    total_steps = steps * config.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, total_steps, config.warmup_steps))

    start = time.perf_counter()
    history = [Epoch(0, None, _validate(network, validation_z_SG, world), 0.0, 0.0)]
    on_epoch(history[0])
    best = _copy(network)
    for epoch in range(1, config.epochs + 1):
        squares = torch.zeros((), dtype=torch.float64, device=world.device)
        for step, (input_BG, target_BG, n_batch) in enumerate(_batches(data_SG, config, epoch, world)):
            squared_error = ((model(input_BG) - target_BG) ** 2).sum()
            # DDP averages gradients over processes; the loss is a mean over the global batch.
            loss = squared_error * world.size / (n_batch * data_SG.shape[1])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
            optimiser.step()
            schedule.step()
            squares += squared_error.detach().double()
            on_step((epoch - 1) * steps + step + 1, total_steps)
        train_loss = float(world.total(squares)) / data_SG.numel()
        validation_loss = _validate(network, validation_z_SG, world)
        if not math.isfinite(train_loss + validation_loss):
            raise CellStateError(f"The loss is not a number in epoch {epoch}.", "Lower the learning rate.")
        seconds = time.perf_counter() - start
        history.append(Epoch(epoch, train_loss, validation_loss, float(schedule.get_last_lr()[0]), seconds))
        on_epoch(history[-1])
        best_epoch = best_of(history).epoch
        if best_epoch == epoch:
            best = _copy(network)
        elif epoch - best_epoch >= config.patience:
            break
    network.load_state_dict(best)
    network.eval().requires_grad_(False)
    return history


def best_of(history: list[Epoch]) -> Epoch:
    """Return the epoch with the lowest validation loss, the first of equals."""
    return min(history, key=lambda e: e.validation_loss)


def _batches(data_SG: Tensor, config: LoopConfig, epoch: int, world: World) -> Iterator[tuple[Tensor, Tensor, int]]:
    """Yield (input, target, size of the global batch); order and noise depend on seed and epoch alone."""
    generator = torch.Generator().manual_seed(hash((config.seed, epoch)) % 2**63)
    for rows in torch.randperm(len(data_SG), generator=generator).split(config.batch_size):
        target_SG = data_SG[rows]
        input_SG = target_SG
        if config.hide:
            share_S1 = config.hide * torch.rand(len(rows), 1, generator=generator)
            input_SG = input_SG * (torch.rand(target_SG.shape, generator=generator) >= share_S1)
        if config.noise:
            input_SG = input_SG + config.noise * torch.randn(target_SG.shape, generator=generator)
        own = world.share(len(rows))
        yield input_SG[own].to(world.device), target_SG[own].to(world.device), len(rows)


def _optimiser(network: AutoEncoder, config: LoopConfig) -> torch.optim.Optimizer:
    learning = [p for p in network.parameters() if p.requires_grad]
    matrices = [p for p in learning if p.ndim == 2]
    vectors = [p for p in learning if p.ndim != 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate)


def _rate(step: int, total: int, warmup: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))


@torch.inference_mode()
def _validate(network: AutoEncoder, z_SG: np.ndarray, world: World) -> float:
    own_SG = z_SG[world.share(len(z_SG))]
    squares = torch.zeros((), dtype=torch.float64, device=world.device)
    for start in range(0, len(own_SG), VALIDATION_BATCH):
        z = torch.from_numpy(own_SG[start : start + VALIDATION_BATCH]).to(world.device)
        squares += ((network(z) - z) ** 2).sum().double()
    return float(world.total(squares)) / z_SG.size


def _copy(network: AutoEncoder) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
