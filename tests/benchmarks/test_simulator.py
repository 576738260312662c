from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simulated import Questions, true_interaction
from benchmarks.simulated_pairs import products
from benchmarks.simulated_predictors import PREDICTORS, Training
from benchmarks.simulated_sparse import Recipe, given_share, links, propagated, relevance, titration_curves
from benchmarks.simulator import Design, simulate
from cellstate.errors import CellStateError
from cellstate.perturb.predictors.linear import PENALTIES

SMALL = replace(
    Design(), n_masters=4, n_tfs=12, n_leaves=44, n_train=200, n_test=6, n_pairs=4, specific_masters=1, specific_tfs=2
)


@pytest.fixture(scope="module")
def world():
    return simulate(SMALL, 5)


@pytest.fixture(scope="module")
def knocked_out(world):
    return world.true_shift(np.arange(SMALL.n_genes)[:, None], "ko")


def others(shift_SGG):
    """Shifts without those of the perturbed genes themselves."""
    gene = np.arange(shift_SGG.shape[1])
    shift_SGG = shift_SGG.copy()
    shift_SGG[:, gene, gene] = 0
    return shift_SGG


def test_the_same_seed_gives_the_same_world(world):
    again, other = simulate(SMALL, 5), simulate(SMALL, 6)
    assert np.array_equal(world.train.tpm_SG, again.train.tpm_SG)
    assert np.array_equal(world.network.weight_GR, again.network.weight_GR)
    assert not np.array_equal(world.train.tpm_SG, other.train.tpm_SG)


def test_a_steady_state_stands_still(world):
    network, drive = world.network, world.test.drive_SG
    level = network.steady_state(drive)
    active = 1 / (1 + np.exp(-network.hill_R * (level[:, : SMALL.n_regulators] - network.threshold_R)))
    together = active[:, network.pairs_P2[:, 0]] * active[:, network.pairs_P2[:, 1]]
    moved = network.base_G + drive + (active - 0.5) @ network.weight_GR.T
    assert np.allclose(level, moved + (together - 0.25) @ network.pair_weight_GP.T, atol=1e-5)


def test_a_leaf_moves_nothing_and_every_regulator_something(knocked_out):
    size = np.abs(others(knocked_out)).max(axis=(0, 2))
    assert (size[SMALL.n_regulators :] < 1e-6).all()
    assert (size[: SMALL.n_regulators] > 0.02).all()


def test_a_perturbation_clamps_its_gene(world):
    genes = np.arange(3)[:, None]
    before = np.exp(world.network.steady_state(world.test.drive_SG)[:, :3])
    for kind, factor in (("ko", 0.0), ("kd", 0.5), ("oe", 3.0)):
        own = world.true_shift(genes, kind)[:, np.arange(3), np.arange(3)]
        assert np.allclose(own, (np.log1p(factor * before) - np.log1p(before)) / world.scale_G[:3], atol=1e-5)


def test_less_is_between_nothing_and_all(world, knocked_out):
    genes = np.arange(SMALL.n_regulators)
    down, up = (others(world.true_shift(genes[:, None], kind)) for kind in ("kd", "oe"))
    out = others(knocked_out)[:, : SMALL.n_regulators]
    assert (np.abs(down).sum() < np.abs(out).sum()) and (down * out).sum() > 0 > (up * out).sum()


def test_an_unbranched_chain_is_as_computed_by_hand():
    """One master, one TF, leaves: a knock-out of the master reaches them through the TF alone."""
    design = replace(
        SMALL, n_masters=1, n_tfs=1, n_leaves=4, n_pairs=0, specific_masters=0, specific_tfs=0, n_feedback=0,
        master_share=0.0, fewest_targets=0,
    )  # fmt: skip
    world = simulate(design, 0)
    network, drive = world.network, world.test.drive_SG[0]
    shift = world.true_shift(np.array([[0]]), "ko")[0, 0] * world.scale_G
    hill = lambda r, y: 1 / (1 + np.exp(-network.hill_R[r] * (y - network.threshold_R[r])))  # noqa: E731
    free = network.base_G + drive
    tf = [free[1] + network.weight_GR[1, 0] * (h - 0.5) for h in (hill(0, free[0]), 0.0)]
    leaf = [free[2:] + network.weight_GR[2:, 1] * (hill(1, y) - 0.5) for y in tf]
    assert np.allclose(shift[2:], np.log1p(np.exp(leaf[1])) - np.log1p(np.exp(leaf[0])), atol=1e-5)


def test_planted_pairs_cooperate_and_leaves_do_not(world, knocked_out):
    planted = true_interaction(world, knocked_out, world.network.pairs_P2)
    leaf_pairs = np.array([[SMALL.n_regulators, 0], [SMALL.n_regulators, SMALL.n_regulators + 1]])
    assert (planted > 0.005).all()
    assert np.allclose(true_interaction(world, knocked_out, leaf_pairs), 0, atol=1e-6)


def test_a_pair_acts_on_its_targets_only_together(world):
    """Without any other link, knocking out both partners does no more than one of them."""
    alone = replace(world.network, weight_GR=np.zeros_like(world.network.weight_GR))
    shift = replace_network(world, alone)
    a, b = world.network.pairs_P2[0]
    one, both = (shift.true_shift(np.array([genes]), "ko")[:, 0] for genes in ((a, a), (a, b)))
    targets = world.network.pair_weight_GP[:, 0] != 0
    rest = np.delete(np.arange(SMALL.n_pairs), 0)
    private = targets & (world.network.pair_weight_GP[:, rest] == 0).all(axis=1)
    assert private.any() and np.allclose(one[:, private], both[:, private], atol=1e-6)


def replace_network(world, network):
    return type(world)(world.design, world.seed, network, world.train, world.validation, world.test)


def test_subtypes_use_regulators_of_their_own(world, knocked_out):
    silenced = world.network.silenced_2G < 0
    size = np.abs(others(knocked_out)).mean(axis=2)
    for subtype in (0, 1):
        used, unused = world.test.subtype_S != subtype, world.test.subtype_S == subtype
        genes = np.flatnonzero(silenced[subtype])
        assert len(genes) == 3 and size[used][:, genes].mean() > 2 * size[unused][:, genes].mean()


def test_series_depth_and_counts_are_there(world):
    tpm, series = world.train.tpm_SG, world.train.series_S
    assert set(world.test.series_S).isdisjoint(series)
    means = np.stack([np.log1p(tpm[series == s]).mean(axis=0) for s in range(SMALL.n_series)])
    assert means.std(axis=0).mean() > 0.15
    z = world.z(world.train)
    assert np.allclose(z.mean(axis=0), 0, atol=1e-4) and (z.std(axis=0) < 1).all()
    assert np.allclose(Training.of(world).z_SG[series == 2].mean(axis=0), 0, atol=1e-6)


def test_a_network_that_explodes_is_refused(world):
    runaway = replace(world.network, weight_GR=world.network.weight_GR.copy(), hill_R=world.network.hill_R * 8)
    runaway.weight_GR[0, 1], runaway.weight_GR[1, 0] = -30.0, 30.0
    with pytest.raises(CellStateError, match="does not settle"):
        runaway.steady_state(world.test.drive_SG)


def test_questions_are_right_in_one_subtype_alone(world, knocked_out):
    questions = Questions(world, knocked_out)
    subtype = world.test.subtype_S
    assert len(questions.right_Q)
    assert (subtype[questions.patient_Q] != subtype[questions.exchanged_Q]).all()
    assert questions.recovery(knocked_out) == {"right in top 5": 1, "right in top 5, exchanged": 0}


def test_true_effects_of_a_large_network_recover_the_regulators_of_the_own_subtype_alone():
    """There programmes hold leaves whose own knock-out moves them most: that must make no answer right or wrong."""
    large = simulate(replace(Design(), n_test=4, n_train=20, n_validation=6), 0)
    truth = large.true_shift(np.arange(large.design.n_genes)[:, None], "ko")
    questions = Questions(large, truth)
    assert questions.recovery(truth) == {"right in top 5": 1, "right in top 5, exchanged": 0}


def precision_matrix_effect(z_SG, penalty_G):
    """Regress every gene on all others, shape (G, G): with P the inverse, k's effect on g is -P_kg / P_gg."""
    inverse_GG = np.linalg.inv(z_SG.T @ z_SG + np.diag(len(z_SG) * penalty_G))
    effect_GG = -inverse_GG / np.diag(inverse_GG)
    np.fill_diagonal(effect_GG, 0)
    return effect_GG


@pytest.mark.parametrize("name", ["ridge", "ridge_tf"])
def test_ridge_is_the_product_s_with_the_penalty_of_the_least_validation_error(world, name):
    training = Training.of(world)
    regulator_G = np.arange(training.z_SG.shape[1]) < training.n_regulators
    weight_G = np.where(regulator_G, 1.0, 1e9) if name == "ridge_tf" else np.ones(len(regulator_G))
    middle = (training.z_SG**2).sum() / len(training.z_SG) / min(training.z_SG.shape)
    effects = [precision_matrix_effect(training.z_SG, penalty * middle * weight_G) for penalty in PENALTIES]
    asked_SG = training.validation_z_SG
    expected = min(effects, key=lambda effect_GG: ((asked_SG - asked_SG @ effect_GG) ** 2).mean())
    found = next(p for p in PREDICTORS if p.id == name).fit(training).effect_GG
    assert np.allclose(found, expected, atol=1e-4)


@pytest.fixture(scope="module")
def hubs():
    """Three hubs with ten targets each, z; hub 0 acts only above its mean."""
    rng = np.random.default_rng(1)
    hub = rng.normal(size=(250, 3))
    leaf = 0.8 * np.repeat(np.column_stack([np.where(hub[:, 0] > 0, 1.6, 0.2) * hub[:, 0], hub[:, 1:]]), 10, axis=1)
    z = np.hstack([hub, leaf + 0.5 * rng.normal(size=leaf.shape)])
    return (z - z.mean(axis=0)) / z.std(axis=0)


def test_relevance_starts_as_ridge_and_learns_by_the_evidence(hubs):
    """One step, written out with matrices of genes by genes."""
    genes = hubs.shape[1]
    everyone = np.arange(genes)
    ridge = precision_matrix_effect(hubs, np.full(genes, 1 / 3))
    assert np.allclose(relevance(hubs, 0).effects(everyone)[0], ridge, atol=1e-8)
    prior = 3 / len(hubs)
    p = np.linalg.inv(hubs.T @ hubs + np.eye(genes) / prior)
    noise = (((hubs - hubs @ ridge) ** 2).sum(axis=0) + (ridge**2).sum(axis=0) / prior) / len(hubs)
    variance = np.diag(p)[:, None] - p**2 / np.diag(p)
    np.fill_diagonal(variance, 0)
    learnt = relevance(hubs, 1)
    assert np.allclose(learnt.prior_G, (ridge**2 / noise + variance).sum(axis=1) / (genes - 1))
    weight, _ = learnt.effects(np.array([4]))
    assert np.allclose(weight[0], precision_matrix_effect(hubs, 1 / (len(hubs) * learnt.prior_G))[4], atol=1e-8)


def test_hubs_are_found_without_a_list(hubs):
    recipe = Recipe(members=2, sweeps=8)
    effect = links(hubs, relevance(hubs, 20), recipe, 0)
    share = given_share(effect, recipe.sharpness)
    assert share[:3].min() > share[3:].max() and np.median(share[3:]) < 0.1
    own = np.arange(30) // 10 == np.arange(3)[:, None]
    size = np.abs(effect[:3, 3:])
    # Siblings tell more of the bent hub's activity than its own level does, so its links are weaker.
    assert size[1:][own[1:]].min() > 0.3 > 3 * size[~own].max() and size[0][own[0]].mean() > 5 * size[~own].mean()
    curves = titration_curves(hubs, effect, recipe)
    below = curves.felt(np.zeros((1, 33)) - 0.2, np.full((1, 33), -1.0))[0]
    assert abs(below[0]) < 0.7 < abs(below[1:3]).min() <= abs(below[1:3]).max() <= 1


def test_effects_are_passed_on_along_links():
    effect = np.zeros((3, 3))
    effect[0, 1], effect[1, 2], effect[1, 0] = 0.5, 0.8, 0.2
    total = propagated(effect, 0.5)
    assert total[0, 1] == pytest.approx(0.5)
    assert total[0, 2] == pytest.approx(0.5 * 0.5 * 0.8)
    assert (np.diag(total) == 0).all()


def test_products_are_uncorrelated_with_single_genes(hubs):
    product = products(hubs, np.array([0, 1]), np.array([1, 2]))
    assert np.allclose(product.std(axis=0), 1)
    assert np.allclose(product.T @ hubs[:, :3] / len(hubs) * [[1, 1, 0], [0, 1, 1]], 0, atol=1e-8)
