"""Difference propagation in torch: changes of the input forwards through the network, gradients of a score backwards.

f(x') - f(x) subtracts two nearly equal numbers; in bfloat16 only rounding is left. So the unperturbed sample runs once,
its pre-activations stay in float32, and each layer carries the difference: ``d_pre = W d_h`` and ``d_h' = act(pre +
d_pre) - act(pre)``. The first layer of a perturbation of K genes is K columns of W.

With g = d score / d z at the sample, a perturbation of gene b by delta_b changes the score by about delta_b g_b. A
perturbation of gene a changes g, and that change is the interaction of a with every b. It too is carried as a
difference: ``dg_pre = act'(pre + d_pre) (g + dg) - act'(pre) g``.

A slope at one point predicts little of a perturbation that carries units far along a bend, least of all where it jumps
(ReLU). To propose perturbations, slopes are averaged over a Gaussian as wide as the reach of a typical perturbation.

Shape suffixes: S samples, R rows of a batch (perturbations of one sample, or samples), G genes, H any hidden width, L
latent, K perturbed genes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cellstate.errors import ModelError
from cellstate.model import Model
from cellstate.model.folder import BATCH
from cellstate.model.network import AutoEncoder

if TYPE_CHECKING:
    from cellstate.perturb.perturbations import InputChange

#: Output units whose low-precision weights are widened at once: few on a CPU, so that the copy stays in its cache.
ROWS = {"cpu": 64}
ROWS_ELSEWHERE = 2_048
#: Multiply-adds that own responses may cost: all genes of a small network, a dozen of the published one.
OWN_BUDGET = 5e9
OWN_CHUNK = 512

_aten = torch.ops.aten


@dataclass(frozen=True)
class BaseState:
    """Pre-activations of the unperturbed samples: one float32 tensor of shape (S, H) a layer; the last is the output.

    The linear maps of a residual network are added where they end.
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


def predict_change(model: Model, z_1G: np.ndarray, change: InputChange) -> np.ndarray:
    """Return f(x') - f(x) in z for each row of a change, float32, shape (R, G)."""
    network, device = model.network, model.device
    genes = torch.from_numpy(change.genes_K).to(device)
    with torch.inference_mode():
        base = base_pass(network, torch.from_numpy(z_1G).to(device))
        rows = torch.from_numpy(change.delta_z_RK).split(BATCH)
        return torch.cat([propagate(network, base, genes, part.to(device)).cpu() for part in rows]).numpy()


def base_pass(network: AutoEncoder, z_SG: Tensor) -> BaseState:
    """Run unperturbed samples once in float32, whatever the precision of the weights."""
    pre: list[Tensor] = []
    z_SG = z_SG.float()
    h_SH = z_SG
    for index, layer in enumerate(network.layers):
        h_SH = linear32(layer, h_SH)
        if index == network.latent and network.skip_in is not None:
            # The layer that is read is linear: its output is its pre-activation.
            h_SH = h_SH + linear32(network.skip_in, z_SG if network.entry < 0 else pre[network.entry])
        if index == network.exit and network.skip_out is not None:
            h_SH = h_SH + linear32(network.skip_out, pre[network.latent])
        pre.append(h_SH)
        if index not in network.linear:
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
    d_h = d_entry = d_latent = delta_RK
    for index in range(len(network.layers) - 1):
        weight = network.weight(index)
        d_pre = entering(weight, genes, delta_RK) if index == 0 else times(d_h, weight)
        if index == network.latent and network.skip_in is not None:
            skip = network.skip_in.weight
            d_pre = d_pre + (entering(skip, genes, delta_RK) if network.entry < 0 else times(d_entry, skip))
        if index == network.exit and network.skip_out is not None:
            d_pre = d_pre + times(d_latent, network.skip_out.weight)
        if index == network.entry:
            d_entry = d_pre
        if index == network.latent:
            d_latent = d_pre
        if index in network.linear:
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
        if index == network.latent:
            latent_RL = change.h_RH
    return HiddenChange(last_RH, latent_RL)


def propagate(network: AutoEncoder, base: BaseState, genes: Tensor, delta_RK: Tensor) -> Tensor:
    """Return the change of the output, shape (R, G), float32; parameters as for `changes`."""
    change = hidden_change(network, base, genes, delta_RK)
    d_out = times(change.last_RH, network.weight(len(network.layers) - 1))
    if network.skip_out is None or not network.skips_to_genes:
        return d_out
    return d_out + times(change.latent_RL, network.skip_out.weight)


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


#: (gradient behind the activation, pre-activation) -> gradient before it.
_SLOPE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "relu": lambda g, pre: _aten.threshold_backward(g, pre, 0),
    "gelu": lambda g, pre: _aten.gelu_backward(g, pre),
    "silu": lambda g, pre: _aten.silu_backward(g, pre),
    "tanh": lambda g, pre: _aten.tanh_backward(g, torch.tanh(pre)),
}


def _smooth_gelu(pre: Tensor, reach: float) -> Tensor:
    width = (1 + reach**2) ** 0.5
    u = pre / width
    return torch.special.ndtr(u) + u * torch.exp(-0.5 * u * u) / ((2 * torch.pi) ** 0.5 * width**2)


def _smooth_silu(pre: Tensor, reach: float) -> Tensor:
    width = (1 + torch.pi * reach**2 / 8) ** 0.5
    u = pre / width
    gate = torch.sigmoid(u)
    bend = gate * (1 - gate)
    return gate + bend * (u + (reach / width) ** 2 * (1 - 2 * gate))


def _smooth_tanh(pre: Tensor, reach: float) -> Tensor:
    width = (1 + torch.pi * reach**2 / 2) ** 0.5
    return (1 - torch.tanh(pre / width) ** 2) / width


#: (pre-activation, standard deviation) -> mean slope over a Gaussian; for silu and tanh with the usual approximation of
#: a logistic function by a normal distribution (MacKay, Neural Computation 1992).
_SMOOTH_SLOPE: dict[str, Callable[[Tensor, float], Tensor]] = {
    "relu": lambda pre, reach: torch.special.ndtr(pre / reach),
    "gelu": _smooth_gelu,
    "silu": _smooth_silu,
    "tanh": _smooth_tanh,
}


@dataclass(frozen=True)
class Readout:
    """A score s.y as weights on what the last layer reads: W_out^T s, and the skip's share of the latent units.

    Attributes
    ----------
    direction_G, last_H : Tensor of float32
        Or one row for each of several directions, (R, G) and (R, H).
    latent_L : Tensor of float32 or None
        None without a linear map from the latent layer to the genes.
    """

    direction_G: Tensor
    last_H: Tensor
    latent_L: Tensor | None


@dataclass(frozen=True)
class Backward:
    """Gradients of the score at the unperturbed samples.

    Attributes
    ----------
    behind : tuple of Tensor, each (S, H)
        With respect to what each hidden layer hands on.
    input_SG : Tensor
        With respect to the standardised input.
    reach : tuple of float, or None
        What the slopes were smoothed over, see `typical_reach`.
    """

    behind: tuple[Tensor, ...]
    input_SG: Tensor
    reach: tuple[float, ...] | None = None


def readout(network: AutoEncoder, direction_G: Tensor) -> Readout:
    """Fold a direction in gene space into the last layer, once a goal; only its genes' rows are read."""
    rows = direction_G.nonzero()[:, 0]
    dense = 2 * len(rows) > len(direction_G)

    def fold(weight: Tensor) -> Tensor:
        if dense and weight.dtype == torch.float32:
            return direction_G @ weight
        total_H = torch.zeros(weight.shape[1], device=weight.device)
        for part in rows.split(1_024):
            total_H += direction_G[part] @ weight[part].float()
        return total_H

    skip = network.skip_out if network.skips_to_genes else None
    return Readout(
        direction_G, fold(network.weight(len(network.layers) - 1)), None if skip is None else fold(skip.weight)
    )


def readouts(network: AutoEncoder, direction_RG: Tensor) -> Readout:
    """Fold several directions at once, in the weights' precision."""
    skip = network.skip_out if network.skips_to_genes else None
    last_RH = times_transposed(direction_RG, network.weight(len(network.layers) - 1))
    return Readout(direction_RG, last_RH, None if skip is None else times_transposed(direction_RG, skip.weight))


def typical_reach(network: AutoEncoder, base: BaseState, genes_R: Tensor, delta_R: Tensor) -> tuple[float, ...]:
    """Root mean square change of each layer's pre-activations by some perturbations."""
    found = changes(network, base, genes_R[:, None], delta_R[:, None])
    return tuple(float(change.pre_RH.square().mean().sqrt()) for change in found)


def backward(network: AutoEncoder, base: BaseState, goal: Readout, reach: tuple[float, ...] | None = None) -> Backward:
    """Return the gradients of the score at the unperturbed samples, of smoothed slopes where a reach is given.

    Several directions take the place of the samples, of which there is one then.
    """
    g = goal.last_H if goal.last_H.ndim == 2 else goal.last_H.expand(len(base.output_SG), -1)
    behind: list[Tensor] = []
    skipped = _Skipped(network)
    for index in reversed(range(len(network.layers) - 1)):
        if index == network.latent and goal.latent_L is not None:
            g = g + goal.latent_L
        g = skipped.arriving(index, g)
        behind.append(g)
        g = _slope(network, index, g, base.pre[index].expand(len(g), -1), reach)
        skipped.leaving(index, g)
        g = times_transposed(g, network.weight(index))
    return Backward(tuple(reversed(behind)), skipped.arriving(-1, g), reach)


class _Skipped:
    """Gradients on their way back through the linear maps of a residual network, by the layer where they arrive.

    A map that ends in the genes is part of `Readout`.
    """

    def __init__(self, network: AutoEncoder) -> None:
        latent = network.latent
        self._maps = {} if network.skip_in is None else {latent: (network.skip_in.weight, network.entry)}
        if network.skip_out is not None and not network.skips_to_genes:
            self._maps[network.exit] = (network.skip_out.weight, latent)
        self._kept: dict[int, Tensor] = {}

    def leaving(self, index: int, g_RH: Tensor) -> None:
        """Send the gradient before a layer's activation back through the map that ends there."""
        if index in self._maps:
            weight, source = self._maps[index]
            self._kept[source] = times_transposed(g_RH, weight)

    def arriving(self, index: int, g_RH: Tensor) -> Tensor:
        """Return the gradient behind a layer (-1: at the genes) with what arrives there."""
        extra = self._kept.pop(index, None)
        return g_RH if extra is None else g_RH + extra


def gradient_change(network: AutoEncoder, base: BaseState, before: Backward, genes: Tensor, delta_RK: Tensor) -> Tensor:
    """Return by how much perturbations change the gradient at the input, shape (R, G), float32.

    Parameters
    ----------
    before : Backward
        At the unperturbed sample (or samples, one a row).
    genes, delta_RK : Tensor
        The perturbations, as `changes` takes them.
    """
    d_pre = [change.pre_RH for change in changes(network, base, genes, delta_RK)]
    dg: Tensor | None = None  # the score is linear in what the last layer reads, so nothing changes there
    skipped = _Skipped(network)
    for index in reversed(range(len(network.layers) - 1)):
        # Taken off the list, so that a layer's memory is free for the next.
        pre, g, d = base.pre[index], before.behind[index], d_pre.pop()
        if dg is not None:
            dg = skipped.arriving(index, dg)
        if index in network.linear:
            dg_pre = torch.zeros_like(d) if dg is None else dg
        else:
            after = (g if dg is None else g + dg).expand_as(d)
            dg_pre = _slope(network, index, after, d.add_(pre), before.reach)
            dg_pre = dg_pre.sub_(_slope(network, index, g, pre, before.reach))
        skipped.leaving(index, dg_pre)
        dg = times_transposed(dg_pre, network.weight(index))
    assert dg is not None
    return skipped.arriving(-1, dg)


def own_responses(
    network: AutoEncoder, base: BaseState, direction_G: np.ndarray, budget: float | None = None
) -> np.ndarray:
    """Return d y_g / d z_g of one sample, how far a gene's own prediction follows its input, shape (G,).

    Only a goal's own genes need it; it is 0 for the others, and for all where the network is too large for so many
    genes: then they keep their own part until they are scored exactly.
    """
    inner = sum(network.weight(i).numel() for i in range(1, len(network.layers) - 1))
    chosen = np.flatnonzero(direction_G)
    if len(chosen) * (inner + 2 * len(network.weight(0))) > (OWN_BUDGET if budget is None else budget):
        chosen = chosen[:0]
    own_G = np.zeros(len(direction_G), np.float32)
    for part in np.split(chosen, range(OWN_CHUNK, len(chosen), OWN_CHUNK)) if len(chosen) else ():
        genes_R = torch.from_numpy(part).to(base.output_SG.device)
        own_G[part] = _own_response(network, base, genes_R).cpu().numpy()
    return own_G


def _own_response(network: AutoEncoder, base: BaseState, genes_R: Tensor) -> Tensor:
    one_R1 = torch.ones(len(genes_R), 1, device=genes_R.device)
    last = network.weight(len(network.layers) - 1)
    d_h = d_entry = d_latent = one_R1
    for index in range(len(network.layers) - 1):
        weight = network.weight(index)
        d_h = entering(weight, genes_R[:, None], one_R1) if index == 0 else times(d_h, weight)
        if index == network.entry:
            d_entry = d_h
        if index == network.latent:
            if network.skip_in is not None:
                skip = network.skip_in.weight
                d_h = d_h + (entering(skip, genes_R[:, None], one_R1) if network.entry < 0 else times(d_entry, skip))
            d_latent = d_h
        if index == network.exit and network.skip_out is not None:
            d_h = d_h + times(d_latent, network.skip_out.weight)
        d_h = _slope(network, index, d_h, base.pre[index].expand_as(d_h))
    own_R = (d_h * last[genes_R].float()).sum(dim=1)
    if network.skip_out is not None and network.skips_to_genes:
        own_R = own_R + (d_latent * network.skip_out.weight[genes_R].float()).sum(dim=1)
    return own_R


def _slope(network: AutoEncoder, index: int, g: Tensor, pre: Tensor, reach: tuple[float, ...] | None = None) -> Tensor:
    if index in network.linear:
        return g
    if reach is not None and reach[index] > 0:
        return g * _SMOOTH_SLOPE[network.config.activation](pre, reach[index])
    return _SLOPE[network.config.activation](g.contiguous(), pre)
