"""Difference propagation: run the unedited sample once, then send only the change through the network.

f(x') - f(x) subtracts two nearly equal numbers; in bfloat16 nothing but rounding is left. Here the unedited
pre-activations are kept in float32 and each layer carries the difference itself:
``d_pre = W d_h`` and ``d_h' = act(pre + d_pre) - act(pre)``. The first layer of an edit of K genes is K columns of W.

Shape suffixes: S samples, G genes, H any hidden width, K edited genes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from cellstate.model.network import AutoEncoder

#: Output units whose low-precision weights are widened at once: few on a CPU, so that the copy stays in its cache.
ROWS = {"cpu": 64}
ROWS_ELSEWHERE = 2_048


@dataclass(frozen=True)
class BaseState:
    """Pre-activations of the unedited samples: one float32 tensor of shape (S, H) a layer; the last is the output."""

    pre: tuple[Tensor, ...]

    @property
    def output_SG(self) -> Tensor:
        """Predicted standardised log1p TPM of the unedited samples."""
        return self.pre[-1]


def base_pass(network: AutoEncoder, z_SG: Tensor) -> BaseState:
    """Run unedited samples once in float32, whatever the precision of the weights."""
    pre: list[Tensor] = []
    h_SH = z_SG.float()
    for index, layer in enumerate(network.layers):
        pre.append(_linear32(layer, h_SH))
        h_SH = pre[-1] if network.is_linear(index) else network.activation(pre[-1])
    return BaseState(tuple(pre))


def propagate(network: AutoEncoder, base: BaseState, genes_K: Tensor, delta_z_SK: Tensor) -> Tensor:
    """Return the change of the output, shape (S, G), float32.

    Parameters
    ----------
    genes_K : Tensor of int64, shape (K,)
        Edited inputs, the same for every sample.
    delta_z_SK : Tensor, shape (S, K)
        Change of the standardised input.
    """
    d_pre = delta_z_SK.float() @ network.weight(0)[:, genes_K].float().T
    for index in range(len(network.layers) - 1):
        if network.is_linear(index):
            d_h = d_pre
        else:
            pre = base.pre[index]
            d_h = network.activation(pre + d_pre) - network.activation(pre)
        weight = network.weight(index + 1)
        d_pre = functional.linear(d_h.to(weight.dtype), weight).float()
    return d_pre


def _linear32(layer: nn.Module, h_SH: Tensor) -> Tensor:
    assert isinstance(layer, nn.Linear)
    weight, bias = layer.weight, layer.bias.float()
    if weight.dtype == torch.float32:
        return functional.linear(h_SH, weight, bias)
    rows = ROWS.get(weight.device.type, ROWS_ELSEWHERE)
    wide = torch.empty(rows, weight.shape[1], device=weight.device)
    out_SH = h_SH.new_empty(len(h_SH), len(weight))
    for start in range(0, len(weight), rows):
        block = weight[start : start + rows]
        out_SH[:, start : start + rows] = functional.linear(h_SH, wide[: len(block)].copy_(block))
    return out_SH + bias
