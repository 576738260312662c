import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from cellstate.errors import CellStateError
from cellstate.evaluation.metrics import (
    EDGES,
    Tolerance,
    accuracy_per_bin,
    ceiling_per_bin,
    median,
    r2_per_gene,
    r2_per_sample,
    r2_pooled,
)


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    truth = rng.gamma(2, 2, size=(9, 14)).astype(np.float32)
    return truth, (truth + rng.normal(0, 0.5, truth.shape)).astype(np.float32)


def test_r2_is_scikit_learn_s(values):
    truth, predicted = values
    assert r2_pooled(truth, predicted) == pytest.approx(r2_score(truth.ravel(), predicted.ravel()), rel=1e-6)
    assert r2_per_gene(truth, predicted) == pytest.approx(r2_score(truth, predicted, multioutput="raw_values"))
    assert r2_per_sample(truth, predicted) == pytest.approx(r2_score(truth.T, predicted.T, multioutput="raw_values"))


def test_missing_values_count_nowhere(values):
    truth, predicted = values
    truth[2:5, 3] = np.nan
    kept = [0, 1, 5, 6, 7, 8]
    assert r2_per_gene(truth, predicted)[3] == pytest.approx(r2_score(truth[kept, 3], predicted[kept, 3]))
    known = ~np.isnan(truth)
    assert r2_pooled(truth, predicted) == pytest.approx(r2_score(truth[known], predicted[known]), rel=1e-6)


def test_what_has_no_r2_has_none(values):
    truth, predicted = values
    truth[:, 0] = 4.0
    truth[2:, 1] = np.nan
    per_gene = r2_per_gene(truth, predicted)
    assert np.isnan(per_gene[:2]).all() and np.isfinite(per_gene[2:]).all()
    assert np.isnan(r2_per_gene(truth[:2], predicted[:2])).all()
    assert median(np.full(3, np.nan)) is None


def test_bins_by_hand():
    truth = np.array([0.0, 0.0, 1.0, 2.5, 9.0, 10.0, 99.0, 100.0, 500.0, np.nan])
    predicted = np.array([0.1, 0.2, 1.3, 3.2, 5.0, 12.1, 80.0, 100.0, 700.0, 5.0])
    bins = accuracy_per_bin(truth, predicted)
    assert [b.n for b in bins] == [3, 2, 2, 2]
    assert [b.accuracy for b in bins] == pytest.approx([2 / 3, 0, 1, 1 / 2])


def test_edges_and_tolerance_can_be_chosen():
    truth, predicted = np.array([1.0, 3.0]), np.array([1.5, 3.0])
    (low, high) = accuracy_per_bin(truth, predicted, edges=(0, 2, 5), tolerance=Tolerance(0.5, 0))
    assert (low.accuracy, high.accuracy, high.high) == (1, 1, 5)
    (empty,) = accuracy_per_bin(truth, predicted, edges=(50, 60))
    assert (empty.n, empty.accuracy) == (0, None)


@pytest.mark.parametrize("edges", [(0,), (0, 0), (5, 1), (-1, 2), (0, float("nan"))])
def test_edges_that_do_not_ascend_are_refused(edges):
    with pytest.raises(CellStateError, match="ascend"):
        accuracy_per_bin(np.ones(2), np.ones(2), edges=edges)


@pytest.mark.parametrize("tolerance", [(-0.1, 0), (0, float("nan")), (float("inf"), 0)])
def test_a_tolerance_is_a_number(tolerance):
    with pytest.raises(CellStateError, match="tolerance"):
        Tolerance(*tolerance)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40))
def test_every_value_lies_in_one_bin_and_a_perfect_prediction_hits(truth):
    bins = accuracy_per_bin(np.array(truth), np.array(truth), edges=EDGES)
    assert sum(b.n for b in bins) == len(truth)
    assert all(b.accuracy in (None, 1.0) for b in bins)


def test_the_ceiling_rises_with_expression_and_with_depth():
    rng = np.random.default_rng(0)
    tpm = rng.lognormal(1, 2, size=(3, 4000))
    tpm *= 1e6 / tpm.sum(axis=1, keepdims=True)
    length = rng.uniform(500, 5000, 4000)
    deep, shallow = (ceiling_per_bin(tpm, length, np.full(3, reads)) for reads in (50e6, 1e6))
    accuracy = [b.accuracy for b in deep]
    assert accuracy == sorted(accuracy) and accuracy[-1] > 0.95
    assert all(d.accuracy > s.accuracy for d, s in zip(deep[:3], shallow[:3], strict=True))
    unknown = ceiling_per_bin(tpm, length, np.full(3, np.nan))
    assert unknown == ceiling_per_bin(tpm, length, np.full(3, 20e6))


def test_the_ceiling_agrees_with_counting_by_hand():
    """One loud gene and one quiet one: of the quiet gene's reads, about 20, two draws seldom agree within 20 %."""
    tpm, length = np.array([[999_980.0, 20.0]] * 24), np.array([1000.0, 1000.0])
    bins = ceiling_per_bin(tpm, length, np.full(24, 1e6), edges=(0, 100, np.inf))
    rng = np.random.default_rng(1)
    a, b = rng.poisson(20, (2, 100_000))
    expected = (np.abs(a - b) <= 0.2 * a + 0.1).mean()
    assert bins[0].accuracy == pytest.approx(expected, abs=0.3)
    assert bins[1].accuracy == 1
