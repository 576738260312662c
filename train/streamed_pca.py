"""Principal components of training samples that need not fit into memory.

Subspace iteration with a random start (Halko, Martinsson and Tropp, SIAM Review 2011): each pass reads every sample
once and multiplies a basis by the covariance, which itself is never formed.

Shape suffixes: B samples of a block, G genes, P components.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from cellstate.perturb.predictors.components import fit_components
from train.distributed import World
from train.source import ArraySource, Source

#: Passes that sharpen the basis; one more gives the components.
PASSES = 4
#: Directions beside the wanted ones, so that the last of those are found as well.
_SPARE = 16
_BLOCK = 512


def principal_components(
    source: Source, n_genes: int, width: int, world: World, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return components, shape (P, G), orthonormal rows, and the variance of their scores, shape (P,).

    Exact for samples in memory. ``P`` is ``width``, or fewer where there are fewer samples or genes.
    """
    if isinstance(source, ArraySource):
        known = fit_components(np.nan_to_num(source.z_SG), width)
        return known.pca_LG, known.pca_variance_L
    n = len(source.names)
    generator = torch.Generator().manual_seed(seed)
    basis_GP = torch.randn(n_genes, min(width + _SPARE, n, n_genes), generator=generator).to(world.device)
    for _ in range(PASSES):
        basis_GP = torch.linalg.qr(basis_GP)[0]
        moved_GP = torch.zeros_like(basis_GP)
        for z_BG in _blocks(source, world):
            moved_GP += z_BG.T @ (z_BG @ basis_GP)
        basis_GP = world.total(moved_GP) / n
    basis_GP = torch.linalg.qr(basis_GP)[0]
    gram_PP = torch.zeros(basis_GP.shape[1], basis_GP.shape[1], dtype=torch.float64, device=world.device)
    for z_BG in _blocks(source, world):
        score_BP = (z_BG @ basis_GP).double()
        gram_PP += score_BP.T @ score_BP
    variance_P, turn_PP = torch.linalg.eigh(world.total(gram_PP) / n)
    order = torch.arange(len(variance_P) - 1, -1, -1)[:width]
    components_PG = (basis_GP.double() @ turn_PP[:, order]).T
    largest_P1 = components_PG.abs().argmax(dim=1, keepdim=True)
    components_PG *= components_PG.gather(1, largest_P1).sign()
    return components_PG.float().cpu().numpy(), variance_P[order].float().cpu().numpy()


def _blocks(source: Source, world: World) -> Iterator[Tensor]:
    """Yield this process's samples, 0 where not measured."""
    n = len(source.names)
    own = np.arange(n)[world.share(n)]
    for start in range(0, len(own), _BLOCK):
        fetched = tuple(t.to(world.device) for t in source.fetch(own[start : start + _BLOCK]))
        yield torch.nan_to_num(source.z(fetched))
