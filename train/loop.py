"""The training loop: every step sees the same global batch whatever the number of processes.

Shape suffixes: S samples, G genes, B samples of a part of this process's share of a batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from cellstate.errors import CellStateError, summarise_list
from cellstate.model.network import AutoEncoder
from train.batches import Batch, batches, steps_per_epoch
from train.checkpoints import Checkpoints, Progress
from train.config import LoopConfig, RunConfig
from train.distributed import World
from train.history import Epoch, Step
from train.interruption import Interruption
from train.objective import Objective
from train.source import Source
from train.strategy import Parallel

#: Validation samples that go through at once.
VALIDATION_BATCH = 256


class Watcher(Protocol):
    """Who is told of a run, on every process."""

    def resumed(self, progress: Progress) -> None:
        """The run begins, or continues from a checkpoint."""

    def step(self, step: Step) -> None:
        """A step is done."""

    def epoch(self, epoch: Epoch) -> None:
        """An epoch is done."""

    def best(self, weights: dict[str, Tensor]) -> None:
        """These weights, whole, are the ones to keep so far; they change with the next step."""


class Silent:
    """A watcher that does nothing."""

    def resumed(self, progress: Progress) -> None:
        """Nothing."""

    def step(self, step: Step) -> None:
        """Nothing."""

    def epoch(self, epoch: Epoch) -> None:
        """Nothing."""

    def best(self, weights: dict[str, Tensor]) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    history : list of Epoch
    steps : int
        Steps done.
    finished : bool
        False when it was asked to stop and has saved a checkpoint.
    """

    history: list[Epoch]
    steps: int
    finished: bool


@dataclass(frozen=True, eq=False)
class Task:
    """What a run learns.

    Attributes
    ----------
    train, validation : Source
    loop : LoopConfig
    run : RunConfig
    objective : Objective, optional
        Made from ``loop`` where it is not given.
    shares : mapping of parameter name to float
        Share of the learning rate that a parameter gets, 1 where it is not named; 0: it stays as it is.
    """

    train: Source
    validation: Source
    loop: LoopConfig
    run: RunConfig = field(default_factory=RunConfig)
    objective: Objective | None = None
    shares: Mapping[str, float] = field(default_factory=dict)


def train(
    network: AutoEncoder,
    task: Task,
    world: World,
    watcher: Watcher | None = None,
    checkpoints: Checkpoints | None = None,
) -> Outcome:
    """Train a network in place, from its newest checkpoint on; it ends with the weights of the last step.

    Raises
    ------
    CellStateError
        When the loss is no longer a number (its batch is named, and no weight was changed by it), or a checkpoint
        cannot be written.
    """
    network.to(world.device).train()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(_share(name, task) > 0)
    outcome = _Loop(network, task, world, watcher or Silent(), checkpoints).go()
    network.eval().requires_grad_(False)
    return outcome


def best_of(history: list[Epoch]) -> Epoch:
    """Return the epoch with the lowest validation loss, the first of equals."""
    return min(history, key=lambda e: e.validation_loss)


class _Loop:
    """One run's state: what a step needs and what a checkpoint keeps."""

    def __init__(
        self, network: AutoEncoder, task: Task, world: World, watcher: Watcher, checkpoints: Checkpoints | None
    ) -> None:
        self.network, self.task, self.world, self.watcher, self.checkpoints = network, task, world, watcher, checkpoints
        self.config = task.loop
        self.parallel = Parallel(network, task.run, world)
        self.objective = (task.objective or Objective(task.loop)).to(world.device)
        self.optimiser = _optimiser(network, task)
        self.progress = checkpoints.load(network, self.optimiser) if checkpoints else Progress()
        self.steps = steps_per_epoch(len(task.train.names), task.loop)
        self.total = self.steps * task.loop.epochs
        self.began = time.perf_counter() - self.progress.seconds
        self.saved = time.perf_counter()

    def go(self) -> Outcome:
        progress = self.progress
        self.watcher.resumed(progress)
        if not progress.history:
            self.finish_epoch(None, 0.0)
        with Interruption() as interruption:
            while progress.step < self.total and not self.is_stale:
                for batch in self.rest_of_epoch():
                    asked = self.step(batch, interruption)
                    if asked and progress.step < self.total:
                        return Outcome(progress.history, progress.step, finished=False)
        return Outcome(progress.history, progress.step, finished=True)

    @property
    def is_stale(self) -> bool:
        """Whether validation has not become better for too long."""
        last = self.progress.history[-1].epoch
        return last - best_of(self.progress.history).epoch >= self.config.patience

    def rest_of_epoch(self) -> Iterator[Batch]:
        """Yield the batches that are left of the epoch under way."""
        epoch, done = divmod(self.progress.step, self.steps)
        n_genes, micro = self.network.config.n_genes, self.task.run.micro_batch
        return batches(self.task.train, n_genes, self.config, epoch + 1, self.world, micro_batch=micro, skip=done)

    def step(self, batch: Batch, interruption: Interruption) -> bool:
        """Take one step; returns whether the run was asked to stop, and then has saved a checkpoint."""
        started, progress = time.perf_counter(), self.progress
        rate = self.config.learning_rate * _rate(progress.step, self.total, self.config.warmup_steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        own_squares, values = self.gradients(batch)
        norm = self.parallel.clip(self.config.clip_norm)
        # One exchange tells every process the loss, and whether any was asked to stop or finds a checkpoint due.
        told = torch.tensor([own_squares, interruption.asked, self.is_due], dtype=torch.float64)
        squares, asked, due = self.world.total(told.to(self.world.device)).tolist()
        if not (math.isfinite(squares) and math.isfinite(norm)):
            raise _no_number(self.task.train, batch.rows, progress.step + 1)
        self.optimiser.step()
        # Let go at once: validation and checkpoints need the room.
        self.optimiser.zero_grad(set_to_none=True)
        progress.step += 1
        progress.squares += squares
        progress.values += values
        seconds = time.perf_counter() - started
        self.watcher.step(Step(progress.step, self.total, squares / values, norm, rate, len(batch.rows), seconds))
        if progress.step % self.steps == 0:
            self.finish_epoch(progress.squares / progress.values, rate)
        if (asked or due) and progress.step < self.total:
            self.save()
        return bool(asked)

    def gradients(self, batch: Batch) -> tuple[float, float]:
        """Add up the gradients of a batch; returns this process's squared errors, and how many values all have."""
        values = self.objective.count(self.task.train, batch, self.world)
        squares = torch.zeros((), dtype=torch.float64, device=self.world.device)
        for i, part in enumerate(batch.parts):
            with self.parallel.adding_up(more=i < len(batch.parts) - 1):
                z_BG = self.task.train.z(_to(part.fetched, self.world.device))
                seen_BG, noise_BG = _to((part.seen_BG, part.noise_BG), self.world.device)
                output_BG = self.parallel(self.objective.input(z_BG, seen_BG, noise_BG))
                error = self.objective.squares(output_BG, z_BG, seen_BG)
                # DDP and FSDP average gradients over processes; the loss is a mean over the whole batch.
                (error * self.world.size / values).backward()
                squares += error.detach().double()
        return float(squares), values

    def finish_epoch(self, train_loss: float | None, rate: float) -> None:
        """Validate, tell, and hand on the weights if they are the ones to keep."""
        progress = self.progress
        validation_loss = self.validate()
        if not math.isfinite(validation_loss):
            raise CellStateError(
                f"The validation loss is not a number after step {progress.step}.", "Lower the learning rate."
            )
        seconds = time.perf_counter() - self.began
        epoch = Epoch(len(progress.history), train_loss, validation_loss, rate, seconds)
        progress.history.append(epoch)
        progress.squares = progress.values = 0.0
        self.watcher.epoch(epoch)
        if self.config.keep == "last" or best_of(progress.history) is epoch:
            self.watcher.best(self.parallel.weights())

    @torch.no_grad()
    def validate(self) -> float:
        """Return the mean squared error over the measured values of all validation samples."""
        source, world = self.task.validation, self.world
        n = len(source.names)
        own = np.arange(n)[world.share(n)]
        squares = torch.zeros((), dtype=torch.float64, device=world.device)
        # Every process calls the network equally often: with FSDP each call is an exchange.
        for start in range(0, math.ceil(n / world.size), VALIDATION_BATCH):
            z_BG = source.z(_to(source.fetch(own[start : start + VALIDATION_BATCH]), world.device))
            output_BG = self.parallel(self.objective.input(z_BG, None, None))
            squares += torch.where(torch.isnan(z_BG), 0.0, (output_BG - z_BG) ** 2).sum().double()
        return float(world.total(squares)) / float(source.n_measured_S.sum())

    @property
    def is_due(self) -> bool:
        """Whether this process finds that a checkpoint is due after this step."""
        run = self.task.run
        if run.checkpoint_steps:
            return (self.progress.step + 1) % run.checkpoint_steps == 0
        return self.world.is_first and time.perf_counter() - self.saved >= 60 * run.checkpoint_minutes

    def save(self) -> None:
        """Write a checkpoint."""
        if self.checkpoints:
            self.progress.seconds = time.perf_counter() - self.began
            self.checkpoints.save(self.network, self.optimiser, self.progress)
            self.saved = time.perf_counter()


def _share(name: str, task: Task) -> float:
    if task.loop.freeze_linear and name.startswith("skip_"):
        return 0.0
    return task.shares.get(name, 1.0)


def _optimiser(network: AutoEncoder, task: Task) -> torch.optim.Optimizer:
    """Group parameters by weight decay (matrices have it, vectors none) and by share of the learning rate."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            decay = task.loop.weight_decay if parameter.ndim == 2 else 0.0
            groups.setdefault((decay, _share(name, task)), []).append(parameter)
    described = [{"params": p, "weight_decay": decay, "share": share} for (decay, share), p in groups.items()]
    return torch.optim.AdamW(described, lr=task.loop.learning_rate, fused=True)


def _rate(step: int, total: int, warmup: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))


def _to(tensors: tuple[Any, ...], device: torch.device) -> tuple[Any, ...]:
    return tuple(None if t is None else t.to(device, non_blocking=True) for t in tensors)


def _no_number(source: Source, rows: np.ndarray, step: int) -> CellStateError:
    """Name the samples that hold infinite values, or else the whole batch."""
    bad = [row for row in rows if torch.isinf(source.z(source.fetch(np.array([row])))).any()]
    names = summarise_list([str(source.names[row]) for row in (bad or rows)], 64)
    what = f"infinite values in {names}" if bad else f"the batch was {names}"
    return CellStateError(
        f"The loss is not a number at step {step}: {what}.",
        "Leave these samples out, or lower the learning rate; the last checkpoint is as it was.",
    )
