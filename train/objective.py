"""The loss: squared errors in z of measured genes, optionally of hidden ones alone or weighted by TPM bin.

Shape suffixes: B samples, G genes, E inner edges of the bins.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cellstate.evaluation.metrics import EDGES
from cellstate.gene_space import GeneSpace

from .batches import Batch, SampleSource
from .config import LoopConfig
from .distributed import DistributedContext


class Objective:
    """Inputs and errors of a run; ``space`` is needed for weights by TPM bin."""

    def __init__(self, config: LoopConfig, space: GeneSpace | None = None) -> None:
        self._hidden_only = config.loss_on == "hidden"
        self._weights: Tensor | None = None
        if config.bin_weights:
            assert space is not None
            inner_E1 = np.log1p(np.array(EDGES[1:-1]))[:, None]
            self._edge_EG = torch.from_numpy(((inner_E1 - space.mean_G) / space.scale_G).astype(np.float32))
            self._weights = torch.tensor(config.bin_weights)

    def to(self, device: torch.device) -> Objective:
        """Move what the bins need to a device."""
        if self._weights is not None:
            self._weights, self._edge_EG = self._weights.to(device), self._edge_EG.to(device)
        return self

    def input(self, z_BG: Tensor, seen_BG: Tensor | None, noise_BG: Tensor | None) -> Tensor:
        """Return what the network sees: 0, the training mean, where a gene is not measured or hidden."""
        # Not nan_to_num: it would turn an infinite value, which is a fault in the data, into a number.
        input_BG = torch.where(torch.isnan(z_BG), 0.0, z_BG)
        if seen_BG is not None:
            input_BG = input_BG * seen_BG
        return input_BG if noise_BG is None else input_BG + noise_BG

    def count(self, source: SampleSource, batch: Batch, context: DistributedContext) -> float:
        """Return how many values of a batch, over all processes, the loss is a mean of."""
        if not self._hidden_only:
            return float(source.n_measured_S[batch.rows].sum())
        own = 0
        for part in batch.parts:
            assert part.seen_BG is not None
            own += int((~part.seen_BG & ~torch.isnan(source.z(part.fetched))).sum())
        return max(1.0, float(context.total(torch.tensor(own, dtype=torch.float64, device=context.device))))

    def squares(self, output_BG: Tensor, z_BG: Tensor, seen_BG: Tensor | None) -> Tensor:
        """Return the sum of squared errors: every measured gene, or the hidden ones, each with its bin's weight."""
        error_BG = torch.where(torch.isnan(z_BG), 0.0, output_BG - z_BG)
        if self._hidden_only and seen_BG is not None:
            error_BG = error_BG * ~seen_BG
        square_BG = error_BG**2
        if self._weights is not None:
            bin_BG = torch.zeros_like(z_BG, dtype=torch.long)
            for edge_G in self._edge_EG:
                bin_BG += z_BG >= edge_G
            square_BG = square_BG * self._weights[bin_BG]
        return square_BG.sum()
