import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import roc_auc_score

from benchmarks.change_metrics import (
    CHANGE_METRICS,
    MOVES,
    PAIR_METRICS,
    Changes,
    ScoredPairs,
    auroc,
    precision_at,
    right_in_top_five,
)
from cellstate.errors import CellStateError

CHANGE = {metric.name: metric.function for metric in CHANGE_METRICS}
PAIRS = {metric.name: metric.function for metric in PAIR_METRICS}
SAMPLES, PERTURBATIONS, GENES, REGULATORS = 3, 40, 50, 25


@pytest.fixture
def truth():
    """True changes of 25 regulators, which change everything, and of 15 leaves, which change nothing."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=(SAMPLES, PERTURBATIONS, GENES))
    regulator = np.arange(PERTURBATIONS) < REGULATORS
    true[:, ~regulator] = 0
    genes = rng.permutation(GENES)[:PERTURBATIONS]
    change = rng.uniform(-3, -1, (SAMPLES, PERTURBATIONS))
    return true, genes, change, regulator


def score(name, predicted, truth):
    true, genes, change, regulator = truth
    return CHANGE[name](Changes(predicted, true, genes, change, regulator))


@pytest.mark.parametrize("metric", [m for m in CHANGE_METRICS if m.name != "similarity"], ids=lambda m: m.name)
def test_the_truth_scores_best_whatever_the_perturbed_gene_does(metric, truth):
    true, genes, change, regulator = truth
    boasting = true.copy()
    boasting[:, np.arange(PERTURBATIONS), genes] = 1e6
    assert metric.function(Changes(boasting, true, genes, change, regulator)) == pytest.approx(metric.best)


@pytest.mark.parametrize("name", CHANGE)
def test_noise_scores_worse_than_the_truth(name, truth):
    noise = np.random.default_rng(1).normal(size=truth[0].shape)
    best = next(m.best for m in CHANGE_METRICS if m.name == name)
    if name not in ("magnitude ratio", "similarity"):
        assert abs(score(name, noise, truth) - best) > 0.2


def test_pearson_is_that_of_the_other_genes(truth):
    true, genes, *_ = truth
    predicted = true + np.random.default_rng(2).normal(size=true.shape)
    by_hand = [
        pearsonr(np.delete(predicted[s, e], genes[e]), np.delete(true[s, e], genes[e]))[0]
        for s in range(SAMPLES)
        for e in range(REGULATORS)
    ]
    assert score("Pearson-delta", predicted, truth) == pytest.approx(np.mean(by_hand))


def test_no_change_is_no_truth_and_no_error(truth):
    nothing = np.zeros_like(truth[0])
    values = {name: score(name, nothing, truth) for name in CHANGE}
    assert values["Pearson-delta"] == 0 and values["magnitude ratio"] == 0 and values["similarity"] == 0
    assert values["sign accuracy"] == values["AUROC raw"] == values["discrimination"] == 0.5
    assert values["precision@20"] == pytest.approx(REGULATORS / PERTURBATIONS)
    assert np.isnan(values["leaf effect"])


def test_the_signs_of_the_opposite_are_all_wrong(truth):
    assert score("sign accuracy", -truth[0], truth) == 0
    assert score("Pearson-delta", -truth[0], truth) == pytest.approx(-1)


def test_magnitude_and_leaf_effect_are_ratios(truth):
    true = truth[0]
    assert score("magnitude ratio", 3 * true, truth) == pytest.approx(3)
    constant = true.copy()
    constant[:, :REGULATORS] = 2.0
    constant[:, REGULATORS:] = 0.5
    assert score("leaf effect", constant, truth) == pytest.approx(0.25)


def test_effects_per_sd_forgive_a_large_change(truth):
    """A leaf whose own level changes ten times as much changes others more, but not more per SD."""
    true, genes, _, regulator = truth
    change = np.where(regulator, -1.0, -10.0) * np.ones((SAMPLES, 1))
    predicted = change[:, :, None] * np.where(regulator, 0.3, 0.1)[:, None] * np.ones(GENES)
    changes = Changes(predicted, true, genes, change, regulator)
    assert (CHANGE["AUROC raw"](changes), CHANGE["AUROC per SD"](changes)) == (0, 1)


def test_a_perturbation_without_change_has_no_effect_per_sd(truth):
    true, genes, change, regulator = truth
    change[:, 3] = 0
    changes = Changes(true, true, genes, change, regulator)
    assert changes.size_per_sd_P()[3] == 0 and np.isfinite(changes.size_per_sd_P()).all()


def test_the_same_truth_to_everything_is_similar(truth):
    same = np.broadcast_to(np.random.default_rng(3).normal(size=GENES), truth[0].shape)
    assert score("similarity", same, truth) > 0.9
    assert score("similarity", truth[0], truth) < 0.2
    assert score("discrimination", same, truth) == pytest.approx(0.5, abs=0.15)


def test_perturbations_without_an_effect_do_not_count(truth):
    true, genes, change, regulator = truth
    true[:, 0] = 0.5 * MOVES
    predicted = true.copy()
    predicted[:, 0] = np.random.default_rng(4).normal(size=(SAMPLES, GENES))
    assert CHANGE["Pearson-delta"](Changes(predicted, true, genes, change, regulator)) == pytest.approx(1)


def test_what_does_not_fit_together_is_refused(truth):
    true, genes, change, regulator = truth
    with pytest.raises(CellStateError, match="different shapes"):
        Changes(true[:2], true, genes, change, regulator)
    with pytest.raises(CellStateError, match="every perturbation"):
        Changes(true, true, genes[:-1], change, regulator)
    with pytest.raises(CellStateError, match="finite"):
        Changes(np.full_like(true, np.nan), true, genes, change, regulator)


def test_auroc_is_scikit_learn_s():
    rng = np.random.default_rng(5)
    positive = rng.random(200) < 0.3
    scores = np.round(rng.normal(size=200) + positive, 1)
    assert auroc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))
    assert np.isnan(auroc(scores, np.ones(200, bool)))


def test_precision_with_ties_is_what_chance_gives():
    positive = np.array([True, False, True, False, False])
    assert precision_at(np.array([5.0, 4, 3, 2, 1]), positive, 3) == pytest.approx(2 / 3)
    assert precision_at(np.zeros(5), positive, 2) == pytest.approx(0.4)
    assert precision_at(np.array([9.0, 1, 1, 1, 1]), positive, 3) == pytest.approx((1 + 2 * 0.25) / 3)
    assert precision_at(np.arange(5.0), positive, 20) == pytest.approx(0.4)


def test_pairs_are_judged_by_score_and_by_call():
    planted = np.arange(100) < 10
    scores = np.where(planted, 2.0, 1.0)
    called = np.where(np.arange(100) < 8, 0.01, 1.0)
    called[50:52] = 0.05
    pairs = ScoredPairs(scores, planted, called)
    values = {name: function(pairs) for name, function in PAIRS.items()}
    assert values["interaction AUROC"] == 1
    assert values["interaction precision@20"] == pytest.approx(0.5)
    assert values["interaction FDR"] == pytest.approx(0.2) and values["interaction power"] == pytest.approx(0.8)


def test_to_call_nothing_is_no_discovery():
    pairs = ScoredPairs(np.arange(10.0), np.arange(10) > 7)
    assert np.isnan(PAIRS["interaction FDR"](pairs)) and PAIRS["interaction power"](pairs) == 0


def test_the_right_perturbation_must_be_alone_among_the_best():
    movement = np.zeros((4, 30))
    movement[0, 7] = 1.0
    movement[1, :6], movement[1, 7] = 2.0, 1.0
    movement[2] = 1.0
    movement[3, 7] = -1.0
    found = [right_in_top_five(row[None], np.array([7])) for row in movement]
    assert found == [1, 0, 0, 0]
