import numpy as np
import pytest
import torch

from cellstate.errors import ModelError
from cellstate.model import ModelConfig
from cellstate.model.network import AutoEncoder
from cellstate.perturb.predictors.linear import Components, fit_components
from train.warm_start import pca_map, robust_map, warm_start

GENES = 120


@pytest.fixture
def z():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(90, 10)) @ rng.normal(size=(10, GENES)) + rng.normal(size=(90, GENES))).astype(np.float32)


def network(*hidden: int, activation: str = "relu") -> AutoEncoder:
    return AutoEncoder(ModelConfig("any", (GENES, *hidden, GENES), activation))


def map_of(pca: Components):
    return pca_map(pca.pca_LG, pca.pca_variance_L)


@pytest.mark.parametrize(
    "hidden", [(16, 8, 16), (40, 8, 40), (8,), (60, 30, 16, 8, 16, 30, 60), (60, 8, 16, 60), (64, 48, 8, 50)]
)
def test_the_network_starts_as_pca(z, hidden):
    """Spare units, any depth, any symmetry: at the start the function is PCA, also on samples it was not fitted to."""
    made, pca = network(*hidden), fit_components(z, 8)
    warm_start(made, *map_of(pca), seed=1)
    new = np.random.default_rng(1).normal(size=(20, GENES)).astype(np.float32) * 3
    with torch.inference_mode():
        assert np.allclose(made(torch.from_numpy(new)).numpy(), pca.reconstruct(new), atol=1e-4)


def test_fewer_components_than_latent_units(z):
    made, pca = network(40, 12, 40), fit_components(z[:6], 12)
    assert len(pca.pca_LG) == 6
    warm_start(made, *map_of(pca), seed=1)
    with torch.inference_mode():
        assert np.allclose(made(torch.from_numpy(z)).numpy(), pca.reconstruct(z), atol=1e-4)


def test_spare_units_can_learn(z):
    """The first step moves the spare units' outgoing weights, the next their incoming ones.

    On other samples than the components were fitted to: on those PCA is optimal and the encoder has no gradient.
    """
    made = network(40, 8, 40)
    warm_start(made, *map_of(fit_components(z[:45], 8)), seed=1)
    z = z[45:]
    optimiser = torch.optim.SGD(made.parameters(), lr=0.1)
    before = made.layers[0].weight[16:].clone()
    for _ in range(2):
        optimiser.zero_grad()
        ((made(torch.from_numpy(z)) - torch.from_numpy(z)) ** 2).mean().backward()
        optimiser.step()
    assert not torch.equal(made.layers[0].weight[16:], before)


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh"])
@pytest.mark.parametrize("hidden", [(9, 8, 9), (8,), (30, 12, 8, 30)])
def test_a_residual_network_of_any_kind_starts_as_pca_and_learns(z, activation, hidden):
    config = ModelConfig("any", (GENES, *hidden, GENES), activation, residual=True)
    made, pca = AutoEncoder(config), fit_components(z[:45], 8)
    warm_start(made, *map_of(pca), seed=1)
    rest = torch.from_numpy(z[45:])
    with torch.inference_mode():
        assert np.allclose(made(rest).numpy(), pca.reconstruct(z[45:]), atol=1e-4)
    before = made.layers[-1].weight.clone()
    ((made(rest) - rest) ** 2).mean().backward()
    torch.optim.SGD(made.parameters(), lr=0.1).step()
    assert not torch.equal(made.layers[-1].weight, before)


def test_a_network_that_cannot_carry_pca_is_refused(z):
    for made in (network(15, 8, 16), network(16, 8, 16, activation="gelu")):
        with pytest.raises(ModelError, match="needs relu and hidden layers of 16"):
            warm_start(made, *map_of(fit_components(z, 8)), seed=1)


@pytest.mark.parametrize(("activation", "hidden", "residual"), [("relu", (40, 8, 40), False), ("gelu", (10, 8), True)])
def test_the_network_starts_as_the_robust_map(z, activation, hidden, residual):
    made = AutoEncoder(ModelConfig("any", (GENES, *hidden, GENES), activation, residual))
    encoder_LG, decoder_GL = robust_map(z, 8)
    warm_start(made, encoder_LG, decoder_GL, seed=1)
    new = np.random.default_rng(1).normal(size=(20, GENES)).astype(np.float32)
    with torch.inference_mode():
        assert np.allclose(made(torch.from_numpy(new)).numpy(), new @ encoder_LG.T @ decoder_GL.T, atol=1e-4)
