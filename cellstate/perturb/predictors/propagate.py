"""Difference propagation: run the unperturbed sample once, then send only the change through the network.

f(x') - f(x) subtracts two nearly equal numbers; in bfloat16 nothing but rounding is left. Here the unperturbed
pre-activations are kept in float32 and each layer carries the difference itself: ``d_pre = W d_h`` and ``d_h' = act(pre
+ d_pre) - act(pre)``. The first layer of a perturbation of K genes is K columns of W.

Shape suffixes: S samples, E perturbations, R rows of a batch (perturbations of one sample, or samples), G genes, H any
hidden width, L latent, K perturbed genes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from cellstate.errors import ModelError
from cellstate.model.network import AutoEncoder

#: Output units whose low-precision weights are widened at once: few on a CPU, so that the copy stays in its cache.
ROWS = {"cpu": 64}
ROWS_ELSEWHERE = 2_048


@dataclass(frozen=True)
class BaseState:
    """Pre-activations of the unperturbed samples: one float32 tensor of shape (S, H) a layer; the last is the output.

    The linear maps of a residual network are added where they end: in the latent layer and in the output.
    """

    pre: tuple[Tensor, ...]

    @property
    def output_SG(self) -> Tensor:
        """Predicted standardised log1p TPM of the unperturbed samples."""
        return self.pre[-1]


@dataclass(frozen=True)
class HiddenChange:
    """Change of the units that the last layer reads, shape (R, H), and of the latent units, (R, L)."""

    last_RH: Tensor
    latent_RL: Tensor


def base_pass(network: AutoEncoder, z_SG: Tensor) -> BaseState:
    """Run unperturbed samples once in float32, whatever the precision of the weights."""
    pre: list[Tensor] = []
    z_SG = z_SG.float()
    h_SH = z_SG
    for index, layer in enumerate(network.layers):
        h_SH = linear32(layer, h_SH)
        if network.is_latent(index) and network.skip_in is not None:
            h_SH = h_SH + linear32(network.skip_in, z_SG)
        if index == len(network.layers) - 1 and network.skip_out is not None:
            h_SH = h_SH + linear32(network.skip_out, pre[network.config.latent_index - 1])
        pre.append(h_SH)
        if not network.is_linear(index):
            h_SH = network.activation(h_SH)
    return BaseState(tuple(pre))


@dataclass(frozen=True)
class LayerChange:
    """What perturbations change in one layer, shape (R, H): before its activation, and behind it."""

    pre_RH: Tensor
    h_RH: Tensor


def changes(network: AutoEncoder, base: BaseState, genes: Tensor, delta_RK: Tensor) -> Iterator[LayerChange]:
    """Yield the change of every layer but the last.

    Parameters
    ----------
    genes : Tensor of int64, shape (K,) or (R, K)
        Perturbed inputs: the same for every row, or each row's own.
    delta_RK : Tensor
        Change of the standardised input.
    """
    d_h = delta_RK
    for index in range(len(network.layers) - 1):
        weight = network.weight(index)
        d_pre = entering(weight, genes, delta_RK) if index == 0 else times(d_h, weight)
        if network.is_latent(index) and network.skip_in is not None:
            d_pre = d_pre + entering(network.skip_in.weight, genes, delta_RK)
        if network.is_linear(index):
            d_h = d_pre
        else:
            pre = base.pre[index]
            d_h = network.activation(pre + d_pre) - network.activation(pre)
        yield LayerChange(d_pre, d_h)


def hidden_change(network: AutoEncoder, base: BaseState, genes: Tensor, delta_RK: Tensor) -> HiddenChange:
    """Return the change up to the last layer: what a scalar score needs; parameters as for `changes`."""
    latent_RL = last_RH = delta_RK
    for index, change in enumerate(changes(network, base, genes, delta_RK)):
        last_RH = change.h_RH
        if network.is_latent(index):
            latent_RL = change.h_RH
    return HiddenChange(last_RH, latent_RL)


def propagate(network: AutoEncoder, base: BaseState, genes: Tensor, delta_RK: Tensor) -> Tensor:
    """Return the change of the output, shape (R, G), float32; parameters as for `changes`."""
    change = hidden_change(network, base, genes, delta_RK)
    d_out = times(change.last_RH, network.weight(len(network.layers) - 1))
    return d_out if network.skip_out is None else d_out + times(change.latent_RL, network.skip_out.weight)


def entering(weight_HG: Tensor, genes: Tensor, delta_RK: Tensor) -> Tensor:
    """Change of the units behind the input: K columns of a matrix, weighted, shape (R, H)."""
    delta_RK = delta_RK.float()
    if genes.ndim == 1:
        return delta_RK @ weight_HG[:, genes].float().T
    d_RH = torch.zeros(len(genes), len(weight_HG), device=weight_HG.device)
    for k in range(genes.shape[1]):
        d_RH.addcmul_(weight_HG[:, genes[:, k]].T.float(), delta_RK[:, k : k + 1])
    return d_RH


def times(d_RH: Tensor, weight: Tensor) -> Tensor:
    """Differences times the transpose of a weight matrix, (R, inputs) to (R, outputs), in the weights' precision."""
    small, size = _fit(d_RH, weight)
    return functional.linear(small, weight).float() * size


def times_transposed(g_RH: Tensor, weight: Tensor) -> Tensor:
    """Gradients times a weight matrix, (R, outputs) to (R, inputs), in the weights' precision."""
    small, size = _fit(g_RH, weight)
    return (small @ weight).float() * size


def _fit(d_RH: Tensor, weight: Tensor) -> tuple[Tensor, Tensor | float]:
    """Return the rows in the weights' precision with the factor that was taken out of each.

    float16 reaches down to 6e-5 only, and differences are small: there each row is brought to a largest value of 1.
    """
    if weight.dtype != torch.float16:
        return d_RH.to(weight.dtype), 1.0
    size_R1 = d_RH.abs().amax(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
    return (d_RH / size_R1).to(weight.dtype), size_R1


def check_numbers(numbers: Tensor) -> None:
    """Raise ``ModelError`` where weights give results that are not numbers."""
    if not torch.isfinite(numbers).all():
        raise ModelError("The model's weights give results that are not numbers.", "Use another model folder.")


def linear32(layer: nn.Module, h_SH: Tensor) -> Tensor:
    """Run a linear layer in float32, whatever the precision of its weights."""
    assert isinstance(layer, nn.Linear)
    weight, bias = layer.weight, None if layer.bias is None else layer.bias.float()
    if weight.dtype == torch.float32:
        return functional.linear(h_SH, weight, bias)
    rows = ROWS.get(weight.device.type, ROWS_ELSEWHERE)
    wide = torch.empty(rows, weight.shape[1], device=weight.device)
    out_SH = h_SH.new_empty(len(h_SH), len(weight))
    for start in range(0, len(weight), rows):
        block = weight[start : start + rows]
        out_SH[:, start : start + rows] = functional.linear(h_SH, wide[: len(block)].copy_(block))
    return out_SH if bias is None else out_SH + bias
