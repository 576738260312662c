"""Samples of a run and their batches: the same order, hidden genes and noise whatever the number of processes.

Shape suffixes: B samples of this process's share of a batch, S samples, G genes of the model, A genes of the axis.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from cellstate.gene_space import GeneSpace

from .config import LoopConfig
from .distributed import DistributedContext

#: Batches that are read in advance.
AHEAD = 2


class SampleSource(Protocol):
    """Samples that a loop draws batches from."""

    @property
    def names(self) -> Sequence[str]:
        """Name of each sample, for error messages."""

    @property
    def n_measured_S(self) -> np.ndarray:
        """Genes of the model that each sample measures, shape (S,)."""

    def fetch(self, rows_B: np.ndarray) -> tuple[Tensor, ...]:
        """Read samples by position into host memory; safe to call from a thread that reads ahead."""

    @property
    def weight_S(self) -> np.ndarray | None:
        """How often each sample is drawn relative to the others, shape (S,); None: each once an epoch."""

    def z(self, fetched: tuple[Tensor, ...]) -> Tensor:
        """Convert the result of `fetch`, on any device, to z, shape (B, G), float32; NaN where not measured."""

    def filled(self, fetched: tuple[Tensor, ...], z_BG: Tensor) -> Tensor:
        """Return z as the network reads it: with a value where nothing was measured."""


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Standardised samples in memory.

    Attributes
    ----------
    z_SG : ndarray of float32, shape (S, G)
        NaN where not measured.
    names : sequence of str, length S
    filled_SG : ndarray of float32, shape (S, G), optional
        The same with values where nothing was measured; by default these are 0, the training mean.
    weight_S : ndarray of float32, shape (S,), optional
    """

    z_SG: np.ndarray
    names: Sequence[str]
    filled_SG: np.ndarray | None = None
    weight_S: np.ndarray | None = None

    @cached_property
    def n_measured_S(self) -> np.ndarray:
        """Genes that each sample measures, shape (S,)."""
        return np.count_nonzero(~np.isnan(self.z_SG), axis=1)

    @property
    def complete_SG(self) -> np.ndarray:
        """Samples as the network reads them, shape (S, G)."""
        return np.nan_to_num(self.z_SG) if self.filled_SG is None else self.filled_SG

    def fetch(self, rows_B: np.ndarray) -> tuple[Tensor, ...]:
        """Return the rows of z, shape (B, G), and of the filled z where there is one."""
        kept = (self.z_SG,) if self.filled_SG is None else (self.z_SG, self.filled_SG)
        return tuple(torch.from_numpy(z_SG[rows_B]) for z_SG in kept)

    def z(self, fetched: tuple[Tensor, ...]) -> Tensor:
        """Return z, shape (B, G), float32; NaN where not measured."""
        return fetched[0]

    def filled(self, fetched: tuple[Tensor, ...], z_BG: Tensor) -> Tensor:
        """Return z with the values that were filled in, shape (B, G)."""
        return fetched[-1]


def mapped(values: np.ndarray) -> Tensor:
    """Return a memory-mapped array as a read-only tensor on the same bytes."""
    with warnings.catch_warnings():
        # The warning is that the array is read-only.
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(values)


@dataclass(frozen=True, eq=False)
class StoreSource:
    """Samples of a store, standardised on the device where they are used.

    Attributes
    ----------
    log1p_SA : Tensor of float16, shape (all samples of the store, 19383), memory-mapped (`mapped`)
    rows_S : ndarray of int, shape (S,)
        The rows of this source.
    factor_S : ndarray of float32, shape (S,)
        Factor of each sample's TPM to the training cohort's scale (`cellstate.gene_space.align`).
    space : GeneSpace
    n_measured_S : ndarray of int, shape (S,)
    names : sequence of str, length S
    """

    log1p_SA: Tensor
    rows_S: np.ndarray
    factor_S: np.ndarray
    space: GeneSpace
    n_measured_S: np.ndarray
    names: Sequence[str]
    weight_S: np.ndarray | None = None
    _kept: dict[torch.device, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict, repr=False)

    def fetch(self, rows_B: np.ndarray) -> tuple[Tensor, ...]:
        """Return the rows on the gene axis, shape (B, A), and the factor of each, shape (B, 1)."""
        log1p_BA = torch.index_select(self.log1p_SA, 0, torch.from_numpy(self.rows_S[rows_B]))
        return log1p_BA, torch.from_numpy(self.factor_S[rows_B, None])

    def z(self, fetched: tuple[Tensor, ...]) -> Tensor:
        """Scale to the training cohort and standardise, shape (B, G), float32; NaN where not measured."""
        log1p_BA, factor_B1 = fetched
        index_G, mean_G, scale_G = self._on(log1p_BA.device)
        log1p_BG = log1p_BA[:, index_G].float()
        return (torch.log1p(torch.expm1(log1p_BG) * factor_B1) - mean_G) / scale_G

    def filled(self, fetched: tuple[Tensor, ...], z_BG: Tensor) -> Tensor:
        """Return z as it is: a store is not filled."""
        return z_BG

    def _on(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        if device not in self._kept:
            arrays = (self.space.axis_index_G.astype(np.int64), self.space.mean_G, self.space.scale_G)
            index_G, mean_G, scale_G = (torch.from_numpy(a.copy()).to(device) for a in arrays)
            self._kept[device] = index_G, mean_G, scale_G
        return self._kept[device]


@dataclass(frozen=True)
class Part:
    """Samples that go through the network at once."""

    fetched: tuple[Tensor, ...]
    """Result of the source's ``fetch``, in host memory."""
    seen_BG: Tensor | None
    """Genes that are not hidden from the network; None: all."""
    noise_BG: Tensor | None
    """Noise that is added to the input."""


@dataclass(frozen=True)
class Batch:
    """Samples of one step."""

    rows: np.ndarray
    """Samples of the whole batch, over all processes."""
    parts: tuple[Part, ...]
    """This process's share; every process has the same number, some may be empty."""


def steps_per_epoch(n: int, config: LoopConfig) -> int:
    """Return how many batches go through all samples once; the last may be smaller."""
    return math.ceil(n / config.batch_size)


def batches(
    source: SampleSource,
    n_genes: int,
    config: LoopConfig,
    epoch: int,
    context: DistributedContext,
    *,
    micro_batch: int = 0,
    skip: int = 0,
) -> Iterator[Batch]:
    """Yield the batches of an epoch, read ahead by a thread, but for the first ``skip``.

    Order, hidden genes and noise depend on seed, epoch and sample alone. A part has at most ``micro_batch`` samples; 0:
    no limit.
    """
    generator = torch.Generator().manual_seed(hash((config.seed, epoch)) % 2**63)
    if source.weight_S is None:
        order = torch.randperm(len(source.names), generator=generator).numpy()
    else:
        weight_S = torch.from_numpy(source.weight_S).double()
        order = torch.multinomial(weight_S, len(weight_S), replacement=True, generator=generator).numpy()
    ordered = [order[i : i + config.batch_size] for i in range(0, len(order), config.batch_size)]

    def read(rows: np.ndarray) -> Batch:
        own = rows[context.share(len(rows))]
        most = math.ceil(len(rows) / context.size)
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


def _part(source: SampleSource, rows: np.ndarray, n_genes: int, config: LoopConfig, epoch: int) -> Part:
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
