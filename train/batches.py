"""Batches: the same samples in the same order, hidden and noised the same, whatever the number of processes.

Shape suffixes: B samples of this process's share of a batch, G genes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .config import LoopConfig
from .distributed import World
from .source import Source

#: Batches that are read before they are asked for.
AHEAD = 2


@dataclass(frozen=True)
class Part:
    """Samples that go through the network at once.

    Attributes
    ----------
    fetched : tuple of Tensor
        What the source read, in host memory.
    seen_BG : Tensor of bool, or None
        Genes that the network may see; None: all.
    noise_BG : Tensor of float32, or None
        Added to the input.
    """

    fetched: tuple[Tensor, ...]
    seen_BG: Tensor | None
    noise_BG: Tensor | None


@dataclass(frozen=True)
class Batch:
    """One step's samples.

    Attributes
    ----------
    rows : ndarray of int
        Samples of the whole batch, over all processes.
    parts : tuple of Part
        This process's share; every process has the same number, some may be empty.
    """

    rows: np.ndarray
    parts: tuple[Part, ...]


def steps_per_epoch(n: int, config: LoopConfig) -> int:
    """Return how many batches go through all samples once; the last may be smaller."""
    return math.ceil(n / config.batch_size)


def batches(
    source: Source, n_genes: int, config: LoopConfig, epoch: int, world: World, *, micro_batch: int = 0, skip: int = 0
) -> Iterator[Batch]:
    """Yield the batches of an epoch, read ahead by a thread.

    Order, hidden genes and noise depend on seed, epoch and sample alone.

    Parameters
    ----------
    micro_batch : int
        Most samples in a part; 0: no limit.
    skip : int
        Batches at the beginning that were trained on already.
    """
    generator = torch.Generator().manual_seed(hash((config.seed, epoch)) % 2**63)
    order = torch.randperm(len(source.names), generator=generator).numpy()
    ordered = [order[i : i + config.batch_size] for i in range(0, len(order), config.batch_size)]

    def read(rows: np.ndarray) -> Batch:
        own = rows[world.share(len(rows))]
        most = math.ceil(len(rows) / world.size)
        size = micro_batch or most
        cuts = range(0, most, size)
        return Batch(rows, tuple(_part(source, own[i : i + size], n_genes, config, epoch) for i in cuts))

    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as reader:
        waiting: deque[Future[Batch]] = deque()
        for rows in ordered[skip:]:
            waiting.append(reader.submit(read, rows))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _part(source: Source, rows: np.ndarray, n_genes: int, config: LoopConfig, epoch: int) -> Part:
    seen_BG = torch.empty(len(rows), n_genes, dtype=torch.bool) if config.hide else None
    noise_BG = torch.empty(len(rows), n_genes) if config.noise else None
    if seen_BG is not None or noise_BG is not None:
        for b, row in enumerate(rows):
            # A counter-based generator: each sample's draws need no other's.
            draw = np.random.Generator(np.random.Philox(key=[config.seed, epoch], counter=[0, 0, 0, int(row)]))
            if seen_BG is not None:
                share = config.hide * draw.random()
                seen_BG[b] = torch.from_numpy(draw.random(n_genes, np.float32) >= share)
            if noise_BG is not None:
                noise_BG[b] = torch.from_numpy(config.noise * draw.standard_normal(n_genes, np.float32))
    return Part(source.fetch(rows), seen_BG, noise_BG)
