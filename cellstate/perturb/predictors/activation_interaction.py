"""What two perturbations do together beyond the sum of what each does alone, exactly.

f(ab) - f(a) - f(b) + f(0) is a small difference of large numbers. As with a single perturbation, each layer carries the
small part itself: beside the change of each perturbation alone there is a stream I with ``I_pre' = W I_h`` and ``I_h =
act(p + a + b + I) - act(p + a) - act(p + b) + act(p)``; it starts at 0, as the first layer is linear in perturbations.
So low-precision weights round the cooperation itself, never the effects around it.

Shape suffixes: U distinct perturbations, E pairs, G genes, H any hidden width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from cellstate.model.network import AutoEncoder
from cellstate.perturb.predictors.propagate import BaseState, HiddenChange, Readout, changes, times

#: Units of a layer that are widened to float64 at once.
UNITS = 2_048

Vector = TypeVar("Vector", Tensor, np.ndarray)


@dataclass(frozen=True)
class PairScores(Generic[Vector]):
    """Movement of pairs along a goal, shape (E,): each perturbation alone, and what they do beyond the sum.

    Both genes of a pair are left out of all three.
    """

    a_E: Vector
    b_E: Vector
    interaction_E: Vector


def score(network: AutoEncoder, goal: Readout, change: HiddenChange, genes_RK: Tensor) -> Tensor:
    """Return the movement along a goal with each row's perturbed genes left out, shape (R,).

    A gene that stands twice in a row (padding) is left out once.
    """
    total_R = change.last_RH @ goal.last_H
    if goal.latent_L is not None:
        total_R = total_R + change.latent_RL @ goal.latent_L
    last = network.weight(len(network.layers) - 1)
    for k in range(genes_RK.shape[1]):
        genes_R = genes_RK[:, k]
        share_R = goal.direction_G[genes_R] * ~(genes_RK[:, :k] == genes_R[:, None]).any(dim=1)
        rows = share_R.nonzero()[:, 0]
        if not len(rows):
            continue
        own_R = (change.last_RH[rows] * last[genes_R[rows]].float()).sum(dim=1)
        if network.skip_out is not None and network.skips_to_genes:
            own_R = own_R + (change.latent_RL[rows] * network.skip_out.weight[genes_R[rows]].float()).sum(dim=1)
        total_R = total_R.index_add(0, rows, -share_R[rows] * own_R)
    return total_R


def pair_scores(
    network: AutoEncoder, base: BaseState, goal: Readout, genes_U: Tensor, delta_U: Tensor, a_E: Tensor, b_E: Tensor
) -> PairScores[Tensor]:
    """Score pairs of perturbations of one sample.

    Parameters
    ----------
    genes_U, delta_U : Tensor
        Distinct perturbed genes and the change of their input.
    a_E, b_E : Tensor of int64
        The pairs, as positions in ``genes_U``.
    """
    i_h = torch.zeros(len(a_E), 0)
    latent: list[Tensor] = []
    last: list[Tensor] = []
    for index, change in enumerate(changes(network, base, genes_U[:, None], delta_U[:, None])):
        if index == 0:
            i_pre = torch.zeros(len(a_E), change.pre_RH.shape[1], device=change.pre_RH.device)
        else:
            i_pre = times(i_h, network.weight(index))
        if index == network.exit and network.skip_out is not None:
            i_pre = i_pre + times(latent[1], network.skip_out.weight)
        i_h = i_pre if index in network.linear else _bend(network, base.pre[index], change.pre_RH, a_E, b_E, i_pre)
        last = [change.h_RH, i_h]
        if index == network.latent:
            latent = last
    pair_EK = torch.stack([genes_U[a_E], genes_U[b_E]], dim=1)
    return PairScores(
        a_E=score(network, goal, HiddenChange(last[0][a_E], latent[0][a_E]), pair_EK),
        b_E=score(network, goal, HiddenChange(last[0][b_E], latent[0][b_E]), pair_EK),
        interaction_E=score(network, goal, HiddenChange(last[1], latent[1]), pair_EK),
    )


def _bend(network: AutoEncoder, pre: Tensor, d_UH: Tensor, a_E: Tensor, b_E: Tensor, i_EH: Tensor) -> Tensor:
    """Return what an activation makes of the cooperation: in float64 where there is one, as four numbers cancel."""
    wide = torch.float32 if pre.device.type == "mps" else torch.float64
    act, bent_EH = network.activation, torch.empty_like(i_EH)
    # Some units at a time: float64 copies of a wide layer would be the largest thing in memory.
    for start in range(0, i_EH.shape[1], UNITS):
        units = slice(start, start + UNITS)
        p, d = pre[:, units].to(wide), d_UH[:, units].to(wide)
        rest = act(p)
        alone = act(p + d) - rest
        both = act(p + d[a_E] + d[b_E] + i_EH[:, units]) - rest
        bent_EH[:, units] = (both - alone[a_E] - alone[b_E]).float()
    return bent_EH
