"""Where a run's samples come from: an array in memory, or the rows of a store on disk.

Shape suffixes: B samples of a batch, S samples, G genes of the model, A genes of the axis.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from cellstate.gene_space import GeneSpace


class Source(Protocol):
    """Samples that a loop draws batches from."""

    @property
    def names(self) -> Sequence[str]:
        """What each sample is called, so that a bad one can be named."""

    @property
    def n_measured_S(self) -> np.ndarray:
        """Genes of the model that each sample measures, shape (S,)."""

    def fetch(self, rows_B: np.ndarray) -> tuple[Tensor, ...]:
        """Read samples by position into host memory; safe to call from a thread that reads ahead."""

    def z(self, fetched: tuple[Tensor, ...]) -> Tensor:
        """Turn what `fetch` gave, now on any device, into z, shape (B, G), float32; NaN where not measured."""


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Standardised samples in memory.

    Attributes
    ----------
    z_SG : ndarray of float32, shape (S, G)
        NaN where not measured.
    names : sequence of str, length S
    """

    z_SG: np.ndarray
    names: Sequence[str]

    @cached_property
    def n_measured_S(self) -> np.ndarray:
        """Genes that each sample measures."""
        return np.count_nonzero(~np.isnan(self.z_SG), axis=1)

    def fetch(self, rows_B: np.ndarray) -> tuple[Tensor, ...]:
        """Take rows."""
        return (torch.from_numpy(self.z_SG[rows_B]),)

    def z(self, fetched: tuple[Tensor, ...]) -> Tensor:
        """The rows are standardised already."""
        return fetched[0]


def mapped(values: np.ndarray) -> Tensor:
    """Return a memory-mapped array as a tensor on the same bytes; it is only ever read."""
    with warnings.catch_warnings():
        # That it must not be written to is what torch warns of.
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(values)


@dataclass(frozen=True, eq=False)
class StoreSource:
    """Samples of a store, standardised on the device that asks for them.

    Attributes
    ----------
    log1p_SA : Tensor of float16, shape (all samples of the store, 19383), memory-mapped (`mapped`)
    rows_S : ndarray of int, shape (S,)
        Which of them are this source's.
    factor_S : ndarray of float32, shape (S,)
        What each sample's TPM are multiplied by to be on the training cohort's scale (`cellstate.gene_space.align`).
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
    _kept: dict[torch.device, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict, repr=False)

    def fetch(self, rows_B: np.ndarray) -> tuple[Tensor, ...]:
        """Read whole rows: on disk the genes of a sample lie together."""
        log1p_BA = torch.index_select(self.log1p_SA, 0, torch.from_numpy(self.rows_S[rows_B]))
        return log1p_BA, torch.from_numpy(self.factor_S[rows_B, None])

    def z(self, fetched: tuple[Tensor, ...]) -> Tensor:
        """Scale to the cohort and standardise."""
        log1p_BA, factor_B1 = fetched
        index_G, mean_G, scale_G = self._on(log1p_BA.device)
        log1p_BG = log1p_BA[:, index_G].float()
        return (torch.log1p(torch.expm1(log1p_BG) * factor_B1) - mean_G) / scale_G

    def _on(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        if device not in self._kept:
            arrays = (self.space.axis_index_G.astype(np.int64), self.space.mean_G, self.space.scale_G)
            index_G, mean_G, scale_G = (torch.from_numpy(a.copy()).to(device) for a in arrays)
            self._kept[device] = index_G, mean_G, scale_G
        return self._kept[device]
