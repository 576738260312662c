"""One process or many: the same code under plain Python and under torchrun."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from cellstate.errors import CellStateError
from cellstate.model.network import pick_device

Value = TypeVar("Value")


@dataclass(frozen=True)
class DistributedContext:
    """Rank, number of processes and device of this process; ``mesh`` where there are several."""

    rank: int
    size: int
    device: torch.device
    mesh: DeviceMesh | None = None

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def share(self, n: int) -> slice:
        """Return this process's rows of a global batch of n samples; the shares differ by one at most."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def total(self, value: Tensor) -> Tensor:
        """Sum a tensor over all processes."""
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def wait(self) -> None:
        """Wait until all processes call this."""
        if self.size > 1:
            dist.barrier()

    def gather(self, value: Value) -> list[Value]:
        """Return the values of all processes, by rank, on every process."""
        values = [value] * self.size
        if self.size > 1:
            dist.all_gather_object(values, value)
        return values

    def agree(self, what: str, value: str) -> None:
        """Raise ``CellStateError`` on every process when they do not all hold the same text."""
        values = self.gather(value)
        if len(set(values)) > 1:
            odd = next(rank for rank, other in enumerate(values) if other != values[0])
            raise CellStateError(f"Process {odd} has another {what} than process 0.", f"Give all the same {what}.")


@contextmanager
def distributed_context(device: str = "auto") -> Iterator[DistributedContext]:
    """Join the process group of torchrun, or run as a single process."""
    if "LOCAL_RANK" not in os.environ:
        yield DistributedContext(0, 1, pick_device(device))
        return
    on_gpu = device != "cpu" and torch.cuda.is_available()
    own = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(own)
    store, rank, size = next(dist.rendezvous("env://"))
    # torchrun keeps one store over its restarts, and in it the addresses of processes that are dead by then.
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    own_store = dist.PrefixStore(f"attempt-{attempt}", store)
    dist.init_process_group("nccl" if on_gpu else "gloo", store=own_store, rank=rank, world_size=size)
    mesh = init_device_mesh(own.type, (size,))
    try:
        yield DistributedContext(rank, size, own, mesh)
    finally:
        dist.destroy_process_group()
        # torch caches references to the mesh and so to the group; a thread of it that is alive when Python ends can
        # crash the finished run.
        mesh._pg_registry.clear()
