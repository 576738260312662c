"""Combinations in a simulated network: who knows the truth goes the whole way, who knows nothing hardly any."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.simulated import Questions
from benchmarks.simulated_predictors import Linear, Mean, Network
from benchmarks.simulated_sets import DESIGNED, QUESTIONS, SetQuestions
from benchmarks.simulator import simulate
from cellstate.model.config import ModelConfig
from cellstate.model.network import AutoEncoder
from tests.benchmarks.test_simulator import SMALL


@pytest.fixture(scope="module")
def world():
    return simulate(SMALL, 5)


@pytest.fixture(scope="module")
def questions(world):
    asked = Questions(world, world.true_shift(np.arange(SMALL.n_genes)[:, None], "ko"))
    return SetQuestions(world, asked.patient_Q, asked.direction_QG)


def test_true_effects_reach_the_best_combination_and_their_opposite_does_not(world, questions):
    assert 1 < len(questions.best_Q) <= QUESTIONS and (questions.best_Q > 0).all()
    # Told apart by their measured profile, patients are looked up.
    number = {z_G.tobytes(): s for s, z_G in enumerate(questions.z_SG)}

    def truly(z_G, change_G, genes_EK):
        return world.true_shift(genes_EK, "ko", [number[z_G.tobytes()]])[0]

    told: Any = SimpleNamespace(together=truly)
    wrong: Any = SimpleNamespace(together=lambda *asked: -truly(*asked))
    assert questions.reached(told)[DESIGNED] == pytest.approx(1)
    still: Any = SimpleNamespace(together=lambda z_G, change_G, genes_EK: np.zeros((len(genes_EK), SMALL.n_genes)))
    assert questions.reached(still)[DESIGNED] < 0.2
    assert questions.reached(wrong)[DESIGNED] < questions.by_chance()[DESIGNED] < 0.5


def test_one_patient_is_as_all_of_them(world):
    genes_EK = np.array([[0, 1, 2], [5, 3, 20]])
    assert np.array_equal(world.true_shift(genes_EK, "ko", [3])[0], world.true_shift(genes_EK, "ko")[3])


def test_a_linear_set_is_a_sum_and_a_mean_one_of_means(world, questions):
    rng, genes_EK = np.random.default_rng(0), np.array([[0, 4, 9], [2, 1, 30]])
    one, other = (Linear(rng.normal(size=(SMALL.n_genes,) * 2)) for _ in range(2))
    z_G, change_G = questions.z_SG[0], questions.change_SG[0]
    expected = [sum(change_G[g] * one.effect_GG[g] for g in genes_K) for genes_K in genes_EK]
    assert np.allclose(one.together(z_G, change_G, genes_EK), expected)
    both = Mean([one, other]).together(z_G, change_G, genes_EK)
    assert np.allclose(both, (np.array(expected) + other.together(z_G, change_G, genes_EK)) / 2)


def test_a_network_perturbs_all_genes_of_a_set_at_once(questions):
    torch.manual_seed(0)
    network = AutoEncoder(ModelConfig("small", (SMALL.n_genes, 32, 8, 32, SMALL.n_genes), "gelu", residual=True)).eval()
    z_G, change_G, genes_EK = questions.z_SG[0], questions.change_SG[0], np.array([[0, 4, 9], [2, 1, 30]])
    after_EG = np.tile(z_G, (len(genes_EK), 1))
    np.put_along_axis(after_EG, genes_EK, z_G[genes_EK] + change_G[genes_EK], axis=1)
    with torch.inference_mode():
        expected = network(torch.from_numpy(after_EG)) - network(torch.from_numpy(z_G[None]))
        found = Network(network).together(z_G, change_G, genes_EK)
    assert np.allclose(found, expected, atol=1e-4) and np.abs(found).max() > 0.01
