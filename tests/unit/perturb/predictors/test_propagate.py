"""Difference propagation equals f(x') - f(x) in float64, whatever the network."""

import numpy as np
import pytest
import torch

from cellstate.perturb.predictors.propagate import ROWS, base_pass, propagate
from tests.unit.perturb.networks import GENES, KINDS, make_network, make_warm, relative, widen


def exact(made, z, genes, delta):
    """f(x') - f(x) in float64."""
    wide = widen(made)
    edited = z.double().clone()
    edited[:, genes] += delta.double()
    return wide(edited) - wide(z.double())


def batch(n_edits: int):
    generator = torch.Generator().manual_seed(0)
    genes = torch.randperm(GENES, generator=generator)[:n_edits]
    return torch.randn(3, GENES, generator=generator), genes, torch.randn(3, n_edits, generator=generator)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("n_edits", [1, 4])
def test_float32_equals_the_difference(kind, n_edits):
    made = make_network(*kind)
    z, genes, delta = batch(n_edits)
    with torch.inference_mode():
        found = propagate(made, base_pass(made, z), genes, delta)
    assert relative(found, exact(made, z, genes, delta)) < 1e-4


@pytest.mark.parametrize(("activation", "residual"), [("relu", False), ("relu", True), ("gelu", True)])
def test_warm_started_networks_too(activation, residual):
    made = make_warm(activation, residual)
    z, genes, delta = batch(2)
    with torch.inference_mode():
        found = propagate(made, base_pass(made, z), genes, delta)
    assert relative(found, exact(made, z, genes, delta)) < 1e-4


def test_each_row_may_have_edits_of_its_own():
    made = make_network("gelu", residual=True)
    z, _, delta = batch(2)
    genes = torch.tensor([[3, 8], [100, 7], [7, 250]])
    with torch.inference_mode():
        found = propagate(made, base_pass(made, z), genes, delta)
    for row in range(3):
        truth = exact(made, z[row : row + 1], genes[row], delta[row : row + 1])
        assert relative(found[row : row + 1], truth) < 1e-4


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_bfloat16_keeps_the_shift_that_a_plain_difference_loses(kind):
    low = make_network(*kind).to(torch.bfloat16)
    z = torch.randn(2, GENES, generator=torch.Generator().manual_seed(1))
    genes, delta = torch.tensor([7]), torch.full((2, 1), -0.02)
    with torch.inference_mode():
        found = propagate(low, base_pass(low, z), genes, delta)
        edited = z.clone()
        edited[:, genes] += delta
        naive = low(edited.bfloat16()).float() - low(z.bfloat16()).float()
    truth = exact(low, z, genes, delta)
    assert relative(found, truth) < 2e-2
    assert relative(naive, truth) > 0.2


@pytest.mark.parametrize("residual", [False, True])
def test_the_base_pass_is_the_network_itself(residual):
    made = make_network(residual=residual)
    z = torch.randn(4, GENES)
    with torch.inference_mode():
        assert torch.allclose(base_pass(made, z).output_SG, made(z), atol=1e-5)


def test_low_precision_weights_are_widened_in_blocks(monkeypatch):
    low = make_network("gelu", residual=True).half()
    z = torch.randn(2, GENES)
    with torch.inference_mode():
        whole = base_pass(low, z).output_SG
        monkeypatch.setitem(ROWS, "cpu", 7)
        assert np.allclose(base_pass(low, z).output_SG, whole, atol=1e-5)
