"""The whole plan of a config: every strategy in numbers, and the one to take."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from train.plan.communication import communication
from train.plan.figure import Figure
from train.plan.hardware import Hardware
from train.plan.job import Job
from train.plan.memory import checkpoint, memory
from train.plan.time import step_time, validation_time

#: Share of the memory that may be planned for: the allocator leaves holes, and a plan errs.
HEADROOM = 0.9


@dataclass(frozen=True)
class Run:
    """What a job is run on, and for how long.

    Attributes
    ----------
    device : Hardware
    gpus_per_node : int
    samples, validation : int
        Training and validation samples.
    epochs : int
    row_bytes : int
        Bytes of a sample that are read.
    """

    device: Hardware
    gpus_per_node: int
    samples: int
    validation: int
    epochs: int
    row_bytes: int

    @property
    def usable(self) -> float:
        """Bytes of a device that may be planned for."""
        return HEADROOM * self.device.memory - self.device.reserve


@dataclass(frozen=True)
class Strategy:
    """One way to run a job, in numbers.

    Attributes
    ----------
    job : Job
    fits : bool
        Whether the peak fits the device with headroom.
    figures : dict of str to Figure
    """

    job: Job
    fits: bool
    figures: dict[str, Figure]

    @property
    def settings(self) -> dict[str, str | int | bool]:
        """The entries of ``[run]`` that say so."""
        return {"strategy": self.job.strategy, "micro_batch": self.job.micro_batch, "recompute": self.job.recompute}


@dataclass(frozen=True)
class Plan:
    """What a config needs on some devices.

    Attributes
    ----------
    asked : Strategy
        As the config says.
    strategies : dict of str to Strategy
        The best of each kind, ``ddp`` and ``fsdp``; for one device alone the config's, which is the same.
    recommended : Strategy
    why : str
        One sentence.
    """

    asked: Strategy
    strategies: dict[str, Strategy]
    recommended: Strategy
    why: str


def plan(job: Job, run: Run) -> Plan:
    """Plan a job: ``ddp`` if it fits with headroom, else ``fsdp``, each with parts as large as fit."""
    kinds = ("ddp", "fsdp") if job.ranks > 1 else (job.strategy,)
    strategies = {kind: _figures(_fitting(replace(job, strategy=kind), run), run) for kind in kinds}
    best = next((strategy for strategy in strategies.values() if strategy.fits), None)
    if best is None:
        best = min(strategies.values(), key=lambda strategy: strategy.figures["peak"].value)
    return Plan(_figures(job, run), strategies, best, _why(best, strategies, run))


def _why(best: Strategy, strategies: dict[str, Strategy], run: Run) -> str:
    job, usable = best.job, f"{Figure(run.usable, 'bytes', '')} of {Figure(run.device.memory, 'bytes', '')}"
    needs = (
        f"{job.strategy.upper() if job.ranks > 1 else 'One device'} needs {best.figures['peak']} a device at its peak"
    )
    if not best.fits:
        return f"Nothing fits: {needs}, and {usable} may be filled."
    if job.is_sharded:
        needs = f"DDP does not fit; {needs}"
    if job.micro_batch:
        needs += f" with {job.micro_batch:,} samples at once"
    if job.recompute:
        needs += ", hidden activations computed again"
    takes = f"a step takes {best.figures['step']}"
    for other in strategies.values():
        if other is not best and other.fits:
            takes += f", with {other.job.strategy.upper()} {other.figures['step']}"
    return f"{needs}, and {usable} may be filled; {takes}."


def _fitting(job: Job, run: Run) -> Job:
    """Take the whole share at once if it fits, else the largest half, quarter, ... of it that does.

    Below the ridge of the roofline, where products wait for weights, smaller parts cost time: there activations are
    computed again instead, if that lets larger parts fit.
    """
    job = replace(job, micro_batch=0, recompute=False)
    ridge = run.device.products(job.precision) / run.device.streaming * job.width / 2
    kept, again = _largest(job, run), _largest(replace(job, recompute=True), run)
    return again if kept.at_once < min(ridge, job.share) and again.at_once > kept.at_once else kept


def _largest(job: Job, run: Run) -> Job:
    tried = job
    while memory(tried)["peak"].value > run.usable:
        if tried.at_once == 1:
            return job
        tried = replace(tried, micro_batch=math.ceil(tried.at_once / 2))
    return tried


def _figures(job: Job, run: Run) -> Strategy:
    figures = memory(job) | communication(job) | step_time(job, run.device, run.gpus_per_node)
    step, steps = figures["step"].value, math.ceil(run.samples / job.batch_size)
    epoch = steps * step + validation_time(job, run.device, run.validation)
    local = min(job.ranks, run.gpus_per_node)
    figures |= {
        "steps": Figure(steps, "steps", f"ceil({run.samples:,} samples / B) an epoch"),
        "epoch": Figure(epoch, "s", f"steps x step + {run.validation:,} validation samples forward"),
        "run": Figure(run.epochs * epoch, "s", f"{run.epochs} epochs; start, warm start, checkpoints come on top"),
        "throughput": Figure(job.batch_size / step, "samples/s", "B / step"),
        "loader": Figure(job.share * run.row_bytes / step, "bytes/s", f"b x {run.row_bytes:,} B / step, each rank"),
        "loader_node": Figure(local * job.share * run.row_bytes / step, "bytes/s", f"{local} x loader, each node"),
        "checkpoint": checkpoint(job),
    }
    return Strategy(job, figures["peak"].value <= run.usable, figures)
