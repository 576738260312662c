"""Bytes that each rank sends in a step, by the ring formulas.

A ring of R ranks reduces or gathers a message of S bytes in R - 1 hops, each rank sending S / R at a hop; an all-reduce
is a reduce-scatter and an all-gather (Patarasuk & Yuan, J. Parallel Distrib. Comput. 2009; as counted by nccl-tests).
"""

from __future__ import annotations

import math

from train.plan.figure import Figure
from train.plan.job import Job

#: DDP's buckets; a tensor that is larger is a message of its own.
BUCKET = 25 * 2**20


def communication(job: Job) -> dict[str, Figure]:
    """Return what is exchanged in a step: payload of each kind, bytes sent by a rank, and messages."""
    if job.ranks == 1:
        return {"sent": Figure(0, "bytes", "one rank has nobody to send to")}
    return _sharded(job) if job.is_sharded else _whole(job)


def ring(job: Job) -> float:
    """Share of a message that a rank sends when it is gathered, or reduced and scattered."""
    return (job.ranks - 1) / job.ranks


def gathers(job: Job) -> int:
    """Times that a sharded layer is gathered in a step: forward, again when recomputed, and backward."""
    return job.passes * (3 if job.recompute else 2)


def _whole(job: Job) -> dict[str, Figure]:
    payload = 4 * job.n_trained
    return {
        "all_reduced": Figure(payload, "bytes", "4 T: float32 gradients, once a step"),
        "sent": Figure(2 * ring(job) * payload, "bytes", "2 (R - 1) / R x all-reduced"),
        "messages": Figure(messages(job), "messages", "matrices above 25 MiB, and the rest in buckets of 25 MiB"),
    }


def _sharded(job: Job) -> dict[str, Figure]:
    gathered = gathers(job) * job.width * job.padded()
    scattered = 4 * job.padded(trained_only=True)
    times = "3 p w N, forward, recomputed, backward" if job.recompute else "2 p w N, forward and backward"
    return {
        "all_gathered": Figure(gathered, "bytes", f"{times}; rows rounded up"),
        "reduce_scattered": Figure(scattered, "bytes", "4 T: float32 gradients, once a step; rows rounded up"),
        "sent": Figure(ring(job) * (gathered + scattered), "bytes", "(R - 1) / R x (all-gathered + reduce-scattered)"),
        "messages": Figure(messages(job), "messages", "layers x (gathers + 1)"),
    }


def messages(job: Job) -> int:
    """Messages a step."""
    if job.is_sharded:
        return len(job.layers) * gathers(job) + sum(layer.trained for layer in job.layers)
    sizes = [4 * layer.parameters for layer in job.layers if layer.trained]
    large = [size for size in sizes if size > BUCKET]
    return len(large) + math.ceil((sum(sizes) - sum(large)) / BUCKET)
