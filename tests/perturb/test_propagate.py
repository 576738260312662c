"""Difference propagation equals f(x') - f(x) in float64, whatever the network."""

import numpy as np
import pytest
import torch

from cellstate.model import ModelConfig
from cellstate.model.config import ACTIVATIONS
from cellstate.model.network import AutoEncoder, initialise
from cellstate.perturb.propagate import ROWS, base_pass, propagate

GENES = 300


def network(activation: str, hidden=(200, 80, 200)) -> AutoEncoder:
    made = AutoEncoder(ModelConfig("any", (GENES, *hidden, GENES), activation))
    initialise(made, 5)
    for index, layer in enumerate(made.layers):
        assert isinstance(layer, torch.nn.Linear)
        torch.nn.init.normal_(layer.bias, std=0.1, generator=torch.Generator().manual_seed(index))
    return made.requires_grad_(False)


def exact(made: AutoEncoder, z, genes, delta):
    """f(x') - f(x) in float64."""
    wide = AutoEncoder(made.config).double()
    wide.load_state_dict({k: v.double() for k, v in made.state_dict().items()})
    edited = z.double().clone()
    edited[:, genes] += delta.double()
    with torch.inference_mode():
        return wide(edited) - wide(z.double())


def relative(found, reference) -> float:
    return float((found.double() - reference).norm() / reference.norm())


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(200, 80, 200), (90,), (150, 120, 60, 120, 150)])
@pytest.mark.parametrize("n_edits", [1, 4])
def test_float32_equals_the_difference(activation, hidden, n_edits):
    made = network(activation, hidden)
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(3, GENES, generator=generator)
    genes = torch.randperm(GENES, generator=generator)[:n_edits]
    delta = torch.randn(3, n_edits, generator=generator)
    with torch.inference_mode():
        found = propagate(made, base_pass(made, z), genes, delta)
    assert relative(found, exact(made, z, genes, delta)) < 1e-4


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_bfloat16_keeps_the_shift_that_a_plain_difference_loses(activation):
    made = network(activation)
    low = network(activation).to(torch.bfloat16)
    reference = network(activation)
    reference.load_state_dict({k: v.float() for k, v in low.state_dict().items()})
    z = torch.randn(2, GENES, generator=torch.Generator().manual_seed(1))
    genes, delta = torch.tensor([7]), torch.full((2, 1), -0.02)
    with torch.inference_mode():
        found = propagate(low, base_pass(low, z), genes, delta)
        edited = z.clone()
        edited[:, genes] += delta
        naive = low(edited.bfloat16()).float() - low(z.bfloat16()).float()
    truth = exact(reference, z, genes, delta)
    assert relative(found, truth) < 2e-2
    assert relative(naive, truth) > 0.2
    assert made.layers[0].weight.dtype == torch.float32


def test_the_base_pass_is_the_network_itself():
    made = network("relu")
    z = torch.randn(4, GENES)
    with torch.inference_mode():
        assert torch.allclose(base_pass(made, z).output_SG, made(z), atol=1e-5)


def test_low_precision_weights_are_widened_in_blocks(monkeypatch):
    low = network("gelu").half()
    z = torch.randn(2, GENES)
    with torch.inference_mode():
        whole = base_pass(low, z).output_SG
        monkeypatch.setitem(ROWS, "cpu", 7)
        assert np.allclose(base_pass(low, z).output_SG, whole, atol=1e-5)
