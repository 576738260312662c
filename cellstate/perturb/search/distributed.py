"""The rows of a pair screen, shared among the processes that torchrun started; one process has all of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from cellstate.errors import CellStateError

T = TypeVar("T")

#: How long a process waits for the slowest. The connection of a process that failed closes at once.
_TIMEOUT = timedelta(hours=6)
_KEY = "cellstate/claimed/"


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of one search, as one of them sees it; alone it is rank 0 of 1."""

    rank: int = 0
    size: int = 1
    _store: Any = None

    @property
    def is_first(self) -> bool:
        """Whether this process prints, shows progress and writes files."""
        return self.rank == 0

    def mine(self, n: int) -> range:
        """Return which of n rows or blocks are this process's: every ``size``-th, so that all finish together."""
        return range(self.rank, n, self.size)

    def gather(self, value: T) -> list[T] | None:
        """Return every process's value, in order of rank, to the first process and None to the others.

        Raises
        ------
        CellStateError
            When another process has failed.
        """
        if self.size == 1:
            return [value]
        values: list[Any] | None = [None] * self.size if self.is_first else None
        with _peers_alive():
            dist.gather_object(value, values)
        return values

    def share(self, value: T) -> T:
        """Return the first process's value to every process; raises as `gather`."""
        if self.size == 1:
            return value
        values = [value]
        with _peers_alive():
            dist.broadcast_object_list(values)
        return values[0]

    def claims(self, text: str) -> bool:
        """Whether this process is the first to claim a text: it alone prints an error that every process meets."""
        if self.size == 1:
            return True
        try:
            return self._store.add(_KEY + hashlib.sha256(text.encode()).hexdigest(), 1) == 1
        except RuntimeError:  # the store went with the process that kept it
            return self.is_first

    def device(self, wanted: str = "auto") -> str:
        """Return the device asked for; ``"auto"`` is a GPU of its own for each process of a machine with GPUs."""
        if self.size == 1 or wanted != "auto" or not torch.cuda.is_available():
            return wanted
        return f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % torch.cuda.device_count()}"


@contextmanager
def _peers_alive() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:  # gloo: the peer closed its connection
        raise CellStateError(
            "Another process of this run has failed.", "Correct its error, then repeat the command."
        ) from error


@contextmanager
def process_group() -> Iterator[ProcessGroup]:
    """Join the process group that torchrun describes, or stand alone.

    The group runs on gloo, also between GPUs: only a few thousand pairs are exchanged, at the end.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield ProcessGroup()
        return
    try:
        store, rank, size = next(dist.rendezvous("env://"))
        dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=_TIMEOUT)
    except (RuntimeError, ValueError) as error:
        raise CellStateError(
            f"The processes of this run did not find each other: {str(error).splitlines()[0]}",
            "Start them with torchrun.",
        ) from error
    share_cores()
    try:
        yield ProcessGroup(rank, size, store)
    finally:
        dist.destroy_process_group()


def share_cores() -> None:
    """Divide the machine's cores among its processes, unless the user chose a number of threads.

    Without a choice, torchrun sets OMP_NUM_THREADS=1, which would leave most of the machine idle.
    """
    if os.environ.get("OMP_NUM_THREADS", "1") == "1":
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", 1))))
