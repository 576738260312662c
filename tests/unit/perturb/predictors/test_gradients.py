"""Gradients, own responses, pair scores and scores equal float64 autograd and brute force, whatever the network."""

import numpy as np
import pytest
import torch

from cellstate.perturb.predictors.activation_interaction import HiddenChange, pair_scores, score
from cellstate.perturb.predictors.propagate import (
    backward,
    base_pass,
    gradient_change,
    hidden_change,
    own_responses,
    readout,
)
from tests.unit.perturb.networks import GENES, KINDS, edited, make_network, make_warm, relative, widen

NETWORKS = [
    *(
        pytest.param(
            lambda k=kind: make_network(*k),
            id=f"{kind[0]}-{len(kind[1])}-{'residual' * kind[2]}{'-embedding' * kind[3]}",
        )
        for kind in KINDS
    ),
    pytest.param(lambda: make_warm("relu", residual=False), id="warm"),
    pytest.param(lambda: make_warm("tanh", residual=True), id="warm-residual"),
]


def sample() -> torch.Tensor:
    return torch.randn(1, GENES, generator=torch.Generator().manual_seed(0))


def direction(n: int = 40) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    made = torch.zeros(GENES)
    made[torch.randperm(GENES, generator=generator)[:n]] = torch.randn(n, generator=generator)
    return made / made.norm()


def gradient_at(wide, z, towards) -> torch.Tensor:
    z = z.double().clone().requires_grad_()
    (wide(z) @ towards.double()).sum().backward()
    return z.grad


def leave_out(towards: torch.Tensor, *genes: int) -> torch.Tensor:
    kept = towards.double().clone()
    kept[list(genes)] = 0
    return kept


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("n_goal", [1, 40, GENES])
def test_one_backward_pass_is_the_gradient(make, n_goal):
    network, towards = make(), direction(n_goal)
    z = torch.cat([sample(), 2 * sample()])
    with torch.inference_mode():
        found = backward(network, base_pass(network, z), readout(network, towards)).input_SG
    assert relative(found, gradient_at(widen(network), z, towards)) < 1e-5


@pytest.mark.parametrize("make", NETWORKS)
def test_the_change_of_the_gradient_after_an_edit(make):
    network, towards, z = make(), direction(), sample()
    wide = widen(network)
    genes = torch.tensor([[3, 8], [100, 100], [7, 250]])
    deltas = torch.tensor([[-2.0, 0.5], [1.5, 0.0], [-0.8, -3.0]])
    with torch.inference_mode():
        base = base_pass(network, z)
        found = gradient_change(network, base, backward(network, base, readout(network, towards)), genes, deltas)
    before = gradient_at(wide, z, towards)
    for row in range(3):
        truth = gradient_at(wide, edited(z, genes[row], deltas[row]), towards) - before
        assert relative(found[row : row + 1], truth) < 1e-4 or float(truth.norm()) == float(found[row].norm()) == 0


def test_a_change_of_gradient_survives_bfloat16_weights():
    low = make_network("gelu").to(torch.bfloat16)
    towards, z = direction(), sample()
    wide = widen(low)
    genes, deltas = torch.tensor([[5]]), torch.tensor([[-0.1]])
    with torch.inference_mode():
        base = base_pass(low, z)
        before = backward(low, base, readout(low, towards))
        found = gradient_change(low, base, before, genes, deltas)
        naive = backward(low, base_pass(low, edited(z, genes[0], deltas[0]).float()), readout(low, towards))
    truth = gradient_at(wide, edited(z, genes[0], deltas[0]), towards) - gradient_at(wide, z, towards)
    assert relative(found, truth) < 2e-2
    assert relative(naive.input_SG - before.input_SG, truth) > 5 * relative(found, truth)


@pytest.mark.parametrize("make", NETWORKS)
def test_own_responses_are_the_diagonal_of_the_jacobian(make):
    network, z = make(), sample()
    wide, towards = widen(network), direction()
    jacobian = torch.autograd.functional.jacobian(lambda x: wide(x)[0], z.double())[:, 0]
    with torch.inference_mode():
        found = own_responses(network, base_pass(network, z), towards.numpy())
    inside = towards.numpy() != 0
    assert relative(found[inside], jacobian.diagonal()[inside]) < 1e-5
    assert not found[~inside].any()


def test_a_network_too_large_for_all_of_a_goals_genes_does_without(monkeypatch):
    network, z = make_network(), sample()
    towards = direction().numpy()
    cost = np.count_nonzero(towards) * (2 * 200 * 80 + 2 * 200)
    for budget, some in ((cost, True), (cost - 1, False)):
        monkeypatch.setattr("cellstate.perturb.predictors.propagate.OWN_BUDGET", budget)
        with torch.inference_mode():
            assert own_responses(network, base_pass(network, z), towards).any() == some


@pytest.mark.parametrize("make", NETWORKS)
def test_scores_leave_the_edited_genes_out(make):
    network, z, towards = make(), sample(), direction(GENES)
    wide = widen(network)
    genes = torch.tensor([[3, 3], [12, 200], [50, 4]])
    deltas = torch.tensor([[-2.0, 0.0], [1.0, -1.0], [0.3, 2.0]])
    with torch.inference_mode():
        base = base_pass(network, z)
        found = score(network, readout(network, towards), hidden_change(network, base, genes, deltas), genes)
    for row in range(3):
        shift = wide(edited(z, genes[row], deltas[row])) - wide(z.double())
        truth = (shift @ leave_out(towards, *genes[row].tolist())).item()
        assert float(found[row]) == pytest.approx(truth, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("make", NETWORKS)
def test_pair_scores_equal_brute_force(make):
    network, z, towards = make(), sample(), direction(150)
    wide = widen(network)
    genes, deltas = torch.tensor([2, 31, 77, 290]), torch.tensor([-3.0, 2.0, 1.5, -2.5])
    a, b = torch.tensor([0, 0, 1, 3]), torch.tensor([1, 2, 3, 0])
    with torch.inference_mode():
        found = pair_scores(network, base_pass(network, z), readout(network, towards), genes, deltas, a, b)

    def shift(*which):
        return (wide(edited(z, genes[list(which)], deltas[list(which)])) - wide(z.double()))[0]

    for e, (i, j) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        kept = leave_out(towards, int(genes[i]), int(genes[j]))
        alone = [float(shift(i) @ kept), float(shift(j) @ kept)]
        assert [float(found.a_E[e]), float(found.b_E[e])] == pytest.approx(alone, rel=1e-4, abs=1e-6)
        assert float(found.interaction_E[e]) == pytest.approx(
            float(shift(i, j) @ kept) - sum(alone), rel=1e-3, abs=1e-6
        )


def test_a_cooperation_far_smaller_than_its_effects_survives_bfloat16():
    low = make_network("tanh").to(torch.bfloat16)
    wide, z, towards = widen(low), sample(), direction()
    genes, deltas = torch.tensor([2, 31]), torch.tensor([-0.05, 0.05])
    first, second = torch.tensor([0]), torch.tensor([1])
    with torch.inference_mode():
        base = base_pass(low, z)
        found = pair_scores(low, base, readout(low, towards), genes, deltas, first, second)
    kept = leave_out(towards, 2, 31)
    at = [wide(edited(z, genes[w], deltas[w])) @ kept for w in ([0, 1], [0], [1], [])]
    truth = float(at[0] - at[1] - at[2] + at[3])
    assert abs(truth) < 0.05 * float((at[1] - at[3]).abs())
    assert float(found.interaction_E) == pytest.approx(truth, rel=0.05)


def test_a_linear_network_has_no_cooperation():
    network = make_network("relu", (90,))  # one hidden layer is the latent one, and that is linear
    genes, deltas = torch.tensor([2, 31]), torch.tensor([-3.0, 2.0])
    with torch.inference_mode():
        base = base_pass(network, sample())
        found = pair_scores(
            network, base, readout(network, direction()), genes, deltas, genes[:1] * 0, genes[:1] * 0 + 1
        )
    assert found.interaction_E.abs().max() == 0


def test_float16_weights_do_not_swallow_small_differences():
    low = make_network("relu").half()
    wide, z = widen(low), sample()
    genes, deltas = torch.tensor([[5]]), torch.tensor([[-1e-4]])
    with torch.inference_mode():
        found = hidden_change(low, base_pass(low, z), genes, deltas)
        towards = readout(low, direction())
        moved = score(low, towards, HiddenChange(found.last_RH, found.latent_RL), genes)
    truth = (wide(edited(z, genes[0], deltas[0])) - wide(z.double())) @ leave_out(direction(), 5)
    assert float(moved) == pytest.approx(float(truth), rel=2e-2)
