"""The training loop: every step sees the same global batch whatever the number of processes.

Shape suffixes: S samples, G genes, B samples of a part of this process's share of a batch.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any

import numpy as np
import torch

from cellstate.errors import CellStateError, summarise_list
from cellstate.model.network import AutoEncoder

from .batches import Batch, SampleSource, batches, steps_per_epoch
from .callbacks import Epoch, Step, TrainerCallback, TrainingState
from .checkpoints import Checkpoints
from .config import LoopConfig, RunConfig
from .distributed import DistributedContext
from .objective import Objective
from .strategy import Parallel

#: Signals that ask a run to stop: a cluster's pre-emption, Ctrl+C.
SIGNALS = (signal.SIGTERM, signal.SIGINT)
#: Validation samples that go through at once.
VALIDATION_BATCH = 256


@dataclass(frozen=True)
class Outcome:
    """Result of a run."""

    history: list[Epoch]
    steps: int
    finished: bool
    """False when the run was interrupted and has saved a checkpoint."""


@dataclass(frozen=True, eq=False)
class TrainingJob:
    """Samples and settings of a run."""

    train: SampleSource
    validation: SampleSource
    loop: LoopConfig
    run: RunConfig = field(default_factory=RunConfig)
    objective: Objective | None = None
    """Made from ``loop`` where it is not given."""
    lr_multipliers: Mapping[str, float] = field(default_factory=dict)
    """Factor of the learning rate by parameter name, 1 where it is not named; a parameter with 0 is frozen."""


def train(
    network: AutoEncoder,
    job: TrainingJob,
    context: DistributedContext,
    callback: TrainerCallback | None = None,
    checkpoints: Checkpoints | None = None,
) -> Outcome:
    """Train a network in place, from its newest checkpoint on; it ends with the weights of the last step.

    Raises
    ------
    CellStateError
        When the loss is no longer a number (its batch is named, and no weight was changed by it), or a checkpoint
        cannot be written.
    """
    network.to(context.device).train()
    network.dropout = job.loop.dropout
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(_lr_multiplier(name, job) > 0)
    outcome = _Loop(network, job, context, callback or TrainerCallback(), checkpoints).go()
    network.eval().requires_grad_(False)
    return outcome


def best_of(history: list[Epoch]) -> Epoch:
    """Return the epoch with the lowest validation loss, the first of equals."""
    return min(history, key=lambda e: e.validation_loss)


class Interruption:
    """While entered, the first SIGTERM or SIGINT only sets ``requested``; a second one acts as usual."""

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interruption:
        # Python hands signals to the main thread only.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}


class _Loop:
    """One run's state: what a step needs and what a checkpoint keeps."""

    def __init__(
        self,
        network: AutoEncoder,
        job: TrainingJob,
        context: DistributedContext,
        callback: TrainerCallback,
        checkpoints: Checkpoints | None,
    ) -> None:
        self.network, self.job, self.context = network, job, context
        self.callback, self.checkpoints = callback, checkpoints
        self.config = job.loop
        self.parallel = Parallel(network, job.run, context)
        self.objective = (job.objective or Objective(job.loop)).to(context.device)
        self.optimiser = _optimiser(network, job)
        self.progress = checkpoints.load(network, self.optimiser) if checkpoints else TrainingState()
        self.steps = steps_per_epoch(len(job.train.names), job.loop)
        self.total = self.steps * job.loop.epochs
        self.began = time.perf_counter() - self.progress.seconds
        self.saved = time.perf_counter()

    def go(self) -> Outcome:
        progress = self.progress
        self.callback.resumed(progress)
        if not progress.history:
            self.finish_epoch(None, 0.0)
        with Interruption() as interruption:
            while not self.is_over:
                for batch in self.rest_of_epoch():
                    stop = self.step(batch, interruption)
                    if stop and not self.is_over:
                        return Outcome(progress.history, progress.step, finished=False)
        return Outcome(progress.history, progress.step, finished=True)

    @property
    def is_over(self) -> bool:
        """Whether all steps are done, or validation has not become better for too long."""
        last = self.progress.history[-1].epoch
        is_stale = last - best_of(self.progress.history).epoch >= self.config.patience
        return self.progress.step >= self.total or is_stale

    def rest_of_epoch(self) -> Iterator[Batch]:
        """Yield the batches that are left of the epoch under way."""
        epoch, done = divmod(self.progress.step, self.steps)
        n_genes, micro = self.network.config.n_genes, self.job.run.micro_batch
        return batches(self.job.train, n_genes, self.config, epoch + 1, self.context, micro_batch=micro, skip=done)

    def step(self, batch: Batch, interruption: Interruption) -> bool:
        """Take one step; returns whether to stop, after a checkpoint was saved."""
        started, progress = time.perf_counter(), self.progress
        rate = self.config.learning_rate * _schedule(progress.step, self.total, self.config.warmup_steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["lr_multiplier"]
        if self.config.dropout:
            # By the step, so that a run that continues draws as one that was never stopped.
            torch.manual_seed(hash((self.config.seed, progress.step, self.context.rank)) % 2**63)
        own_squares, values = self.gradients(batch)
        norm = self.parallel.clip(self.config.clip_norm)
        # One exchange of the loss, and of whether any process must stop or finds a checkpoint due.
        own = torch.tensor([own_squares, interruption.requested, self.is_due], dtype=torch.float64)
        squares, stop, due = self.context.total(own.to(self.context.device)).tolist()
        if not (math.isfinite(squares) and math.isfinite(norm)):
            raise _no_number(self.job.train, batch.rows, progress.step + 1)
        self.optimiser.step()
        # Freed at once: validation and checkpoints need the memory.
        self.optimiser.zero_grad(set_to_none=True)
        progress.step += 1
        progress.squares += squares
        progress.values += values
        seconds = time.perf_counter() - started
        self.callback.step(Step(progress.step, self.total, squares / values, norm, rate, len(batch.rows), seconds))
        if progress.step % self.steps == 0:
            self.finish_epoch(progress.squares / progress.values, rate)
        # Also at the end: what follows the last step may be interrupted too.
        if stop or due or self.is_over:
            self.save()
        return bool(stop)

    def gradients(self, batch: Batch) -> tuple[float, float]:
        """Add up the gradients of a batch; returns this process's squared errors, and how many values all have."""
        values = self.objective.count(self.job.train, batch, self.context)
        squares = torch.zeros((), dtype=torch.float64, device=self.context.device)
        for i, part in enumerate(batch.parts):
            with self.parallel.adding_up(more=i < len(batch.parts) - 1):
                fetched = _to(part.fetched, self.context.device)
                z_BG = self.job.train.z(fetched)
                seen_BG, noise_BG = _to((part.seen_BG, part.noise_BG), self.context.device)
                read_BG = self.job.train.filled(fetched, z_BG)
                output_BG = self.parallel(self.objective.input(read_BG, seen_BG, noise_BG))
                error = self.objective.squares(output_BG, z_BG, seen_BG)
                # DDP and FSDP average gradients over processes; the loss is a mean over the whole batch.
                (error * self.context.size / values).backward()
                squares += error.detach().double()
        return float(squares), values

    def finish_epoch(self, train_loss: float | None, rate: float) -> None:
        """Validate, call the callback, with the weights if they are the ones to keep."""
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
        self.callback.epoch(epoch)
        if self.config.keep == "last" or best_of(progress.history) is epoch:
            self.callback.best(self.parallel.weights())

    @torch.no_grad()
    def validate(self) -> float:
        """Return the mean squared error over the measured values of all validation samples."""
        source, context = self.job.validation, self.context
        self.network.eval()
        n = len(source.names)
        own = np.arange(n)[context.share(n)]
        squares = torch.zeros((), dtype=torch.float64, device=context.device)
        # Every process calls the network equally often, since with FSDP each call is an exchange.
        for start in range(0, math.ceil(n / context.size), VALIDATION_BATCH):
            fetched = _to(source.fetch(own[start : start + VALIDATION_BATCH]), context.device)
            z_BG = source.z(fetched)
            output_BG = self.parallel(self.objective.input(source.filled(fetched, z_BG), None, None))
            squares += torch.where(torch.isnan(z_BG), 0.0, (output_BG - z_BG) ** 2).sum().double()
        self.network.train()
        return float(context.total(squares)) / float(source.n_measured_S.sum())

    @property
    def is_due(self) -> bool:
        """Whether this process finds that a checkpoint is due after this step."""
        run = self.job.run
        if run.checkpoint_steps:
            return (self.progress.step + 1) % run.checkpoint_steps == 0
        return self.context.is_first and time.perf_counter() - self.saved >= 60 * run.checkpoint_minutes

    def save(self) -> None:
        """Write a checkpoint."""
        if self.checkpoints:
            self.callback.saving()
            self.progress.seconds = time.perf_counter() - self.began
            self.checkpoints.save(self.network, self.optimiser, self.progress)
            self.saved = time.perf_counter()


def _lr_multiplier(name: str, job: TrainingJob) -> float:
    if job.loop.freeze_linear and name.startswith("skip_"):
        return 0.0
    return job.lr_multipliers.get(name, 1.0)


def _optimiser(network: AutoEncoder, job: TrainingJob) -> torch.optim.Optimizer:
    """Group parameters by weight decay (matrices have it, vectors none) and by share of the learning rate."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            decay = job.loop.weight_decay if parameter.ndim == 2 else 0.0
            groups.setdefault((decay, _lr_multiplier(name, job)), []).append(parameter)
    described = [
        {"params": p, "weight_decay": decay, "lr_multiplier": multiplier} for (decay, multiplier), p in groups.items()
    ]
    return torch.optim.AdamW(described, lr=job.loop.learning_rate, fused=True)


def _schedule(step: int, total: int, warmup: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))


def _to(tensors: tuple[Any, ...], device: torch.device) -> tuple[Any, ...]:
    return tuple(None if t is None else t.to(device, non_blocking=True) for t in tensors)


def _no_number(source: SampleSource, rows: np.ndarray, step: int) -> CellStateError:
    """Name the samples that hold infinite values, or else the whole batch."""
    bad = [row for row in rows if torch.isinf(source.z(source.fetch(np.array([row])))).any()]
    names = summarise_list([str(source.names[row]) for row in (bad or rows)], 64)
    what = f"infinite values in {names}" if bad else f"the batch was {names}"
    return CellStateError(
        f"The loss is not a number at step {step}: {what}.",
        "Leave these samples out, or lower the learning rate; the last checkpoint is as it was.",
    )
