"""p of single perturbations: the gene that a goal is made of is called, and on random goals hardly any gene is."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import kstest

from cellstate.perturb.perturbations import InputChange
from cellstate.perturb.predictors.linear import fit_components
from cellstate.perturb.predictors.registry import available_predictors
from cellstate.perturb.predictors.sparse import SparseEffectPropagation
from cellstate.perturb.sample import prepare_sample
from cellstate.perturb.search import null_models
from cellstate.perturb.search.goal import Goal, Signature
from cellstate.perturb.search.null_models import UsualEffects, benjamini_hochberg, goal_p, random_goals
from cellstate.perturb.search.single import gene_p, screen
from tests.unit.perturb.questions import patient_samples

N_GENES, N_MODULES, N_SAMPLES = 1_200, 40, 120
EVERY_GENE = np.ones(N_GENES, bool)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


class World:
    """Genes in modules, and a method by which few genes explain each, mostly those of its module."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.module_G = np.arange(N_GENES) % N_MODULES
        z_SG = rng.normal(size=(N_SAMPLES, N_MODULES))[:, self.module_G] + rng.normal(size=(N_SAMPLES, N_GENES))
        self.known = fit_components(unit(z_SG.T).T * np.sqrt(N_SAMPLES), 20)
        near_G4 = self.module_G[:, None] + N_MODULES * rng.integers(0, N_GENES // N_MODULES, (N_GENES, 4))
        far_G4 = rng.integers(0, N_GENES, (N_GENES, 4))
        source_N = np.where(rng.random((N_GENES, 4)) < 0.7, near_G4, far_G4).ravel()
        target_N, effect_N = np.repeat(np.arange(N_GENES), 4), rng.gamma(2.0, 0.15, 4 * N_GENES).astype(np.float32)
        effect_GG = csr_array((effect_N * (source_N != target_N), (source_N, target_N)), shape=(N_GENES, N_GENES))
        self.effects = SparseEffectPropagation(effect_GG)

    def answer(self, gene):
        """The method's own answer for one gene, which is left out of it."""
        one = np.ones((1, 1), np.float32)
        change_G = self.effects.change(InputChange(np.array([gene]), one, np.full_like(one, np.nan)))[0].copy()
        change_G[gene] = 0
        return unit(change_G)

    def p(self, direction_G, tested_G=EVERY_GENE):
        slope_G = self.effects.slope(direction_G)
        return goal_p(slope_G, direction_G, self.effects.slope, self.known, tested_G)


@pytest.fixture(scope="module")
def world():
    return World()


def called(p_G):
    return benjamini_hochberg(p_G) < 0.1


def random_sets(rng, n, size=40):
    for _ in range(n):
        direction_G = np.zeros(N_GENES, np.float32)
        direction_G[rng.choice(N_GENES, size, replace=False)] = np.where(np.arange(size) % 2, 1, -1)
        yield unit(direction_G)


def test_the_gene_whose_answer_is_the_goal_is_called(world):
    genes = np.random.default_rng(2).choice(N_GENES, 20, replace=False)
    found = [world.p(world.answer(gene)) for gene in genes]
    assert np.mean([called(p_G)[gene] for p_G, gene in zip(found, genes, strict=True)]) >= 0.8
    assert all(p_G[gene] == p_G.min() for p_G, gene in zip(found, genes, strict=True))


def test_the_positive_control_in_a_screen(small_model):
    sample = prepare_sample(small_model, patient_samples())
    method, genes = available_predictors(small_model)["elastic_net"], np.random.default_rng(3).permutation(240)
    n_called = n_asked = 0
    for gene in genes[:20]:
        one = np.ones((1, 1), np.float32)
        change_G = method.predict_change(sample, InputChange(np.array([gene]), one, np.full_like(one, np.nan)))[0]
        change_G = np.where(np.arange(240) == gene, 0, change_G)
        if not change_G.any():
            continue
        goal = Goal("own answer", "own answer", Signature(unit(change_G).astype(np.float32)), 1.0)
        table = screen(sample, goal, predictor="elastic_net").table.set_index("ensembl_id")
        n_asked, n_called = n_asked + 1, n_called + (table.loc[small_model.space.ensembl[gene], "fdr"] < 0.1)
    assert n_asked >= 10 and n_called >= 0.8 * n_asked


def test_random_goals_call_nothing_and_p_is_uniform(world):
    rng = np.random.default_rng(4)
    p_RG = np.array([world.p(direction_G) for direction_G in random_sets(rng, 40)])
    assert sum(called(p_G).any() for p_G in p_RG) <= 2
    # p is 1 for genes from which no path leads to the goal.
    some_RG = [p_G[p_G < 1] for p_G in p_RG]
    assert min(len(p_G) for p_G in some_RG) > 200
    assert min(kstest(p_G / p_G.max(), "uniform").pvalue for p_G in some_RG) > 0.01
    # The same holds for one gene of each goal, which no rank within a goal can bring about.
    assert kstest([rng.choice(p_G) / p_G.max() for p_G in some_RG], "uniform").pvalue > 0.01


def test_a_module_is_a_goal_like_any_other(world):
    goals = [unit((world.module_G == module).astype(np.float32)) for module in range(N_MODULES)]
    assert sum(called(world.p(direction_G)).any() for direction_G in goals) <= 0.05 * N_MODULES


def test_random_goals_have_the_weights_of_the_goal_and_go_together(world):
    rng, direction_G = np.random.default_rng(5), unit(np.repeat([1.0, -2.0, 0.0], [10, 5, N_GENES - 15]))
    random_RG = random_goals(direction_G, world.known, rng)
    assert random_RG.shape == (null_models.N_GOALS, N_GENES)
    assert np.allclose(np.sort(random_RG, axis=1), np.sort(direction_G))
    # Genes that go up together in the goal stand in one module, but for few.
    share = [np.bincount(world.module_G[row_G > 0]).max() / 10 for row_G in random_RG]
    assert np.median(share) >= 0.8


def test_an_effect_is_compared_with_the_gene_s_own_usual_effect(world):
    """A method that triples all effects of a gene makes none of its effects unusual."""
    factor_G = np.where(np.arange(N_GENES) < 100, 3.0, 1.0)
    direction_G = next(random_sets(np.random.default_rng(6), 1))

    def tripled(direction):
        return world.effects.slope(direction) * factor_G

    p_G = goal_p(tripled(direction_G), direction_G, tripled, world.known, EVERY_GENE)
    assert np.allclose(p_G, world.p(direction_G))
    usual = UsualEffects.of(world.effects.slope, world.known, np.random.default_rng(7))
    rows_RG = unit(np.random.default_rng(8).normal(size=(200, N_GENES)).astype(np.float32))
    size_RG = usual.sizes(world.effects.slope(rows_RG), rows_RG)
    assert np.sqrt((size_RG**2).mean()) == pytest.approx(1, abs=0.1)


def test_no_effect_is_p_one_and_an_untested_gene_has_none(world):
    direction_G, tested_G = world.answer(3), np.arange(N_GENES) % 10 != 0

    def some(direction):
        return world.effects.slope(direction) * (np.arange(N_GENES) % 7 != 0)

    p_G = goal_p(some(direction_G), direction_G, some, world.known, tested_G)
    assert np.isnan(p_G[~tested_G]).all() and (p_G[tested_G] > 0).all()
    assert (p_G[tested_G & (np.arange(N_GENES) % 7 == 0)] == 1).all()
    nothing = goal_p(np.zeros(N_GENES), direction_G, np.zeros_like, world.known, tested_G)
    assert (nothing[tested_G] == 1).all()


def test_p_does_not_depend_on_the_length_of_the_list_or_the_amount(small_model):
    sample, direction_G = prepare_sample(small_model, patient_samples()), np.zeros(240, np.float32)
    direction_G[:9] = 1 / 3
    goal = Goal("nine", "nine", Signature(direction_G), 3.0)
    table = screen(sample, goal, perturbations=("ko", "x3"), predictor="ridge").table
    assert (table.groupby("ensembl_id")["p"].nunique() == 1).all()
    scorer = available_predictors(small_model)["ridge"].scorer(sample, goal)
    p_G = gene_p(sample, goal, scorer)
    assert np.array_equal(table.set_index("ensembl_id")["p"].to_dict()[small_model.space.ensembl[5]], p_G[5])
    half = replace(sample, measured_G=np.arange(240) % 2 == 0)
    assert np.array_equal(np.isnan(gene_p(half, goal, scorer)), ~half.measured_G)


@pytest.mark.parametrize("predictor", ["autoencoder", "pca", "coexpression", "ridge", "elastic_net", "ridge_tf"])
def test_slopes_along_many_directions_are_those_along_each(small_model, predictor):
    sample, rng = prepare_sample(small_model, patient_samples()), np.random.default_rng(9)
    direction_RG = unit(rng.normal(size=(5, 240)) * (rng.random((5, 240)) < 0.3)).astype(np.float32)
    method = available_predictors(small_model)[predictor]
    goals = [Goal("g", "g", Signature(direction_G), 1.0) for direction_G in direction_RG]
    found_RG = method.scorer(sample, goals[0]).slopes_along(direction_RG)
    for goal, found_G in zip(goals, found_RG, strict=True):
        assert np.allclose(found_G, method.scorer(sample, goal).slopes()[0], rtol=1e-3, atol=1e-6)
