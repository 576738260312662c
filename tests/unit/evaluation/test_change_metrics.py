import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import roc_auc_score

from cellstate.errors import CellStateError
from cellstate.evaluation.change_metrics import (
    CHANGE_METRICS,
    MOVES,
    PAIR_METRICS,
    PATIENT_METRICS,
    Changes,
    Cooperation,
    Recovery,
    auroc,
    precision_at,
)

SHIFT = {metric.name: metric.function for metric in CHANGE_METRICS}
PAIRS = {metric.name: metric.function for metric in PAIR_METRICS}
PATIENTS = {metric.name: metric.function for metric in PATIENT_METRICS}
SAMPLES, EDITS, GENES, REGULATORS = 3, 40, 50, 25


@pytest.fixture
def answer():
    """True shifts of 25 regulators, which move everything, and of 15 leaves, which move nothing."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=(SAMPLES, EDITS, GENES))
    regulator = np.arange(EDITS) < REGULATORS
    true[:, ~regulator] = 0
    genes = rng.permutation(GENES)[:EDITS]
    change = rng.uniform(-3, -1, (SAMPLES, EDITS))
    return true, genes, change, regulator


def score(name, predicted, answer):
    true, genes, change, regulator = answer
    return SHIFT[name](Changes(predicted, true, genes, change, regulator))


@pytest.mark.parametrize("metric", [m for m in CHANGE_METRICS if m.name != "between edits"], ids=lambda m: m.name)
def test_the_truth_scores_best_whatever_the_edited_gene_does(metric, answer):
    true, genes, change, regulator = answer
    boasting = true.copy()
    boasting[:, np.arange(EDITS), genes] = 1e6
    assert metric.function(Changes(boasting, true, genes, change, regulator)) == pytest.approx(metric.best)


@pytest.mark.parametrize("name", SHIFT)
def test_noise_scores_worse_than_the_truth(name, answer):
    noise = np.random.default_rng(1).normal(size=answer[0].shape)
    best = next(m.best for m in CHANGE_METRICS if m.name == name)
    if name not in ("magnitude ratio", "between edits"):
        assert abs(score(name, noise, answer) - best) > 0.2


def test_pearson_is_that_of_the_other_genes(answer):
    true, genes, *_ = answer
    predicted = true + np.random.default_rng(2).normal(size=true.shape)
    by_hand = [
        pearsonr(np.delete(predicted[s, e], genes[e]), np.delete(true[s, e], genes[e]))[0]
        for s in range(SAMPLES)
        for e in range(REGULATORS)
    ]
    assert score("Pearson-delta", predicted, answer) == pytest.approx(np.mean(by_hand))


def test_no_change_is_no_answer_and_no_error(answer):
    nothing = np.zeros_like(answer[0])
    values = {name: score(name, nothing, answer) for name in SHIFT}
    assert values["Pearson-delta"] == 0 and values["magnitude ratio"] == 0 and values["between edits"] == 0
    assert values["sign accuracy"] == values["AUROC raw"] == values["discrimination"] == 0.5
    assert values["precision@20"] == pytest.approx(REGULATORS / EDITS)
    assert np.isnan(values["leaf effect"])


def test_the_signs_of_the_opposite_are_all_wrong(answer):
    assert score("sign accuracy", -answer[0], answer) == 0
    assert score("Pearson-delta", -answer[0], answer) == pytest.approx(-1)


def test_magnitude_and_leaf_effect_are_ratios(answer):
    true = answer[0]
    assert score("magnitude ratio", 3 * true, answer) == pytest.approx(3)
    constant = true.copy()
    constant[:, :REGULATORS] = 2.0
    constant[:, REGULATORS:] = 0.5
    assert score("leaf effect", constant, answer) == pytest.approx(0.25)


def test_effects_per_unit_forgive_a_large_change(answer):
    """A leaf whose edit changes its own level ten times as much moves others more, not more per S."""
    true, genes, _, regulator = answer
    change = np.where(regulator, -1.0, -10.0) * np.ones((SAMPLES, 1))
    predicted = change[:, :, None] * np.where(regulator, 0.3, 0.1)[:, None] * np.ones(GENES)
    shifts = Changes(predicted, true, genes, change, regulator)
    assert (SHIFT["AUROC raw"](shifts), SHIFT["AUROC per unit"](shifts)) == (0, 1)


def test_an_edit_without_change_has_no_effect_per_unit(answer):
    true, genes, change, regulator = answer
    change[:, 3] = 0
    shifts = Changes(true, true, genes, change, regulator)
    assert shifts.size_per_unit_E()[3] == 0 and np.isfinite(shifts.size_per_unit_E()).all()


def test_one_answer_to_everything_is_told(answer):
    same = np.broadcast_to(np.random.default_rng(3).normal(size=GENES), answer[0].shape)
    assert score("between edits", same, answer) > 0.9
    assert score("between edits", answer[0], answer) < 0.2
    assert score("discrimination", same, answer) == pytest.approx(0.5, abs=0.15)


def test_edits_that_hardly_move_anything_are_not_asked_about(answer):
    true, genes, change, regulator = answer
    true[:, 0] = 0.5 * MOVES
    predicted = true.copy()
    predicted[:, 0] = np.random.default_rng(4).normal(size=(SAMPLES, GENES))
    assert SHIFT["Pearson-delta"](Changes(predicted, true, genes, change, regulator)) == pytest.approx(1)


def test_what_does_not_fit_together_is_refused(answer):
    true, genes, change, regulator = answer
    with pytest.raises(CellStateError, match="different shapes"):
        Changes(true[:2], true, genes, change, regulator)
    with pytest.raises(CellStateError, match="every edit"):
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


def test_cooperation_is_judged_by_score_and_by_call():
    planted = np.arange(100) < 10
    scores = np.where(planted, 2.0, 1.0)
    called = np.where(np.arange(100) < 8, 0.01, 1.0)
    called[50:52] = 0.05
    pairs = Cooperation(scores, planted, called)
    values = {name: function(pairs) for name, function in PAIRS.items()}
    assert values["interaction AUROC"] == 1
    assert values["interaction precision@20"] == pytest.approx(0.5)
    assert values["interaction FDR"] == pytest.approx(0.2) and values["interaction power"] == pytest.approx(0.8)


def test_to_call_nothing_is_no_discovery():
    pairs = Cooperation(np.arange(10.0), np.arange(10) > 7)
    assert np.isnan(PAIRS["interaction FDR"](pairs)) and PAIRS["interaction power"](pairs) == 0


def test_the_right_edit_must_stand_out():
    movement = np.zeros((4, 30))
    movement[0, 7] = 1.0
    movement[1, :6], movement[1, 7] = 2.0, 1.0
    movement[2] = 1.0
    movement[3, 7] = -1.0
    found = [PATIENTS["right in top 5"](Recovery(row[None], np.array([7]))) for row in movement]
    assert found == [1, 0, 0, 0]
