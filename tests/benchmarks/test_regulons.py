"""The measure of known targets: exact, blind to what every regulator shares, and free of the regulator itself."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.regulon_changes import network_changes, product_changes, simple_changes, uninformed_sizes
from benchmarks.regulons import (
    Regulons,
    Score,
    Scores,
    bootstrap_interval,
    measure_product,
    product_records,
    read_regulons,
    records_of,
    score,
)
from cellstate.default_rule import predictor_evidence
from cellstate.evidence import PRIOR_KNOWLEDGE, UNINFORMED, Benchmark, Dataset, Metric, PredictorId, Records
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.predictors.linear import fit_components
from cellstate.perturb.predictors.registry import FittedParameters, available_predictors
from cellstate.perturb.sample import prepare_sample
from tests.support.factories import make_space
from train.data import prepare
from train.sparse_fit import fit_effects

N_GENES = 120


@pytest.fixture
def regulons():
    rng = np.random.default_rng(0)
    tf_T = np.arange(0, 60, 5)
    target_TG = rng.random((len(tf_T), N_GENES)) < 0.2
    target_TG[np.arange(len(tf_T)), tf_T] = False
    return Regulons(tf_T, target_TG)


def test_auroc_is_that_of_the_definition(regulons):
    size_TG = np.random.default_rng(1).normal(size=regulons.target_TG.shape).round(1)
    found = score(size_TG, regulons)
    for row, tf in enumerate(regulons.tf_T):
        others = np.arange(N_GENES) != tf
        aurocs = [roc_auc_score(y[others], np.abs(size_TG[row, others])) for y in regulons.target_TG]
        assert found.auroc_T[row] == pytest.approx(aurocs[row])
        assert found.specific_T[row] == pytest.approx(aurocs[row] - np.mean(np.delete(aurocs, row)))


def test_the_regulator_itself_never_counts(regulons):
    size_TG = np.random.default_rng(1).random(regulons.target_TG.shape)
    moved = size_TG.copy()
    moved[np.arange(len(regulons.tf_T)), regulons.tf_T] = 99
    assert np.array_equal(score(size_TG, regulons).auroc_T, score(moved, regulons).auroc_T)
    assert size_TG.max() < 1, "the shifts given are not changed"


def test_a_ranking_that_ignores_the_regulator_is_not_specific(regulons):
    popular_G = regulons.target_TG.sum(axis=0) + np.random.default_rng(2).random(N_GENES)
    found = score(np.broadcast_to(popular_G, regulons.target_TG.shape), regulons)
    assert found.auroc_T.mean() > 0.6
    assert abs(found.specific_T.mean()) < 0.01
    perfect = score(regulons.target_TG + 0.0, regulons)
    assert np.allclose(perfect.auroc_T, 1) and perfect.specific_T.mean() > 0.4


def test_regulators_with_few_targets_are_left_out(tmp_path):
    space = make_space(60)
    names = space.symbols
    lines = [f"{names[0]},{target}" for target in names[1:25]]
    lines += [f"{names[0]},{names[0]}", f"{names[0]},{names[1]}", f"{names[0]},NOSUCHGENE"]
    lines += [f"{names[1]},{target}" for target in names[2:10]]
    (tmp_path / "edges.csv").write_text("source,target\n" + "\n".join(lines) + "\n")
    found = read_regulons(tmp_path / "edges.csv", space)
    assert found.tf_T.tolist() == [0]
    assert np.flatnonzero(found.target_TG[0]).tolist() == list(range(1, 25))


def test_every_predictor_predicts_every_gene(cohort, small_model):
    tf_T = np.array([3, 70, 200])
    z_SG = prepare(cohort, 0.05).train_z_SG
    known = FittedParameters(240, fit_components(z_SG, 8), fit_effects(z_SG[:40], z_SG[40:]))
    shifts = uninformed_sizes(z_SG, 3) | simple_changes(known, tf_T) | network_changes(small_model, tf_T)
    assert {"random", "variability", "coexpression", "elastic_net", "autoencoder", "autoencoder_hidden_input"} <= set(
        shifts
    )
    for shift_TG in shifts.values():
        assert shift_TG.shape == (3, 240) and np.isfinite(shift_TG).all()
    slope_TG = -(z_SG[:, tf_T].T @ z_SG) / (z_SG[:, tf_T] ** 2).sum(axis=0)[:, None]
    rest = np.setdiff1d(np.arange(240), tf_T)
    assert np.corrcoef(shifts["coexpression"][:, rest].ravel(), slope_TG[:, rest].ravel())[0, 1] > 0.99


def test_the_interval_holds_the_mean():
    difference = np.random.default_rng(3).normal(0.1, 0.3, 200)
    low, high = bootstrap_interval(difference)
    assert low < difference.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * difference.std() / np.sqrt(200), rel=0.2)


def test_the_benchmark_uses_the_predictions_of_the_product(small_model, cohort):
    sample, space = prepare_sample(small_model, cohort.split("test").take([0])), small_model.space
    tf_T = np.flatnonzero(space.is_tf_G)[:3]
    shifts = product_changes(small_model, tf_T)
    assert tuple(shifts) == tuple(name.value for name in available_predictors(small_model))
    for name, shift_TG in shifts.items():
        # A linear predictor's shift is as large as the perturbation, whatever the patient.
        if name != "autoencoder":
            by_hand = predict(sample, [Perturbation(space.symbols[tf_T[0]], "knock-down", 1)], name)
            others = ~by_hand.is_perturbed_G
            expected = by_hand.log2_fold_change_G[others] / space.scale_G[others]
            assert np.corrcoef(expected, shift_TG[0, others])[0, 1] > 0.99


def test_the_records_that_decide_the_default_are_complete(small_model):
    rng = np.random.default_rng(0)
    tf_T = np.flatnonzero(small_model.space.is_tf_G)[:8]
    regulons = Regulons(tf_T, rng.random((len(tf_T), len(small_model.space))) < 0.2)
    found = measure_product(small_model, regulons)
    records = Records(product_records(found))
    assert all(one.threshold is None and one.benchmark is Benchmark.REGULONS for one in records)
    kept = predictor_evidence(records)
    assert tuple(kept) == tuple(available_predictors(small_model))
    for name, one in kept.items():
        assert one.target_specificity == pytest.approx(found[name].z.specific_T.mean())
        assert (one.margin_ci_low is None) == (name == "autoencoder")
    difference_T = found["pca"].z.specific_T - found["autoencoder"].z.specific_T
    assert kept["pca"].margin_ci_low == bootstrap_interval(difference_T)[0] <= difference_T.mean()


def test_only_informed_methods_have_a_criterion(small_model):
    score = Score(np.full(5, 0.7), np.full(5, 0.1))
    names = [*UNINFORMED, *PRIOR_KNOWLEDGE, PredictorId.COEXPRESSION, PredictorId.PCA]
    records = records_of(Dataset.TARGETS_TUMOURS, {name: Scores(score, score) for name in names})
    assert {one.predictor for one in records if one.threshold is not None} == {PredictorId.PCA}
    passed = {
        one.metric: one.passed for one in records if one.predictor is PredictorId.PCA and one.threshold is not None
    }
    assert passed == {Metric.TARGET_AUROC: True, Metric.TARGET_AUROC_GAIN: True}
