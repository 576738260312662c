"""Ranked expression as a point in few dimensions."""

import numpy as np
import pytest

from cellstate.evaluation.low_rank import LowRankModel, ranked

C, K = 60, 3


@pytest.fixture(scope="module")
def space() -> LowRankModel:
    rng = np.random.default_rng(0)
    loading_CK, _ = np.linalg.qr(rng.standard_normal((C, K)))
    levels = np.sort(rng.gamma(2, 1, C))
    return LowRankModel(
        np.arange(C), levels, rng.normal(2, 0.5, C), np.ones(C), np.full(C, 0.01), loading_CK, np.full(K, 9.0)
    )


def test_ranks_take_the_levels_and_equal_values_share_them():
    levels = np.array([0.0, 1.0, 2.0, 4.0])
    everything = np.ones((1, 4), bool)
    np.testing.assert_allclose(ranked(np.array([[30.0, 1.0, 2.0, 7.0]]), everything, levels), [[4, 0, 1, 2]])
    np.testing.assert_allclose(ranked(np.array([[5.0, 5.0, 0.0, 0.0]]), everything, levels), [[3, 3, 0.5, 0.5]])
    # Of two genes, each stands for half of the levels.
    two = np.array([[True, False, True, False]])
    np.testing.assert_allclose(ranked(np.array([[9.0, 99.0, 1.0, 99.0]]), two, levels), [[3, 0, 0.5, 0]])
    assert not ranked(np.ones((1, 4)), np.zeros((1, 4), bool), levels).any()


def test_any_increasing_function_gives_the_same_ranks():
    x = np.random.default_rng(1).gamma(2, 3, (2, 50))
    everything, levels = np.ones(x.shape, bool), np.linspace(0, 8, 20)
    np.testing.assert_allclose(ranked(np.log1p(x), everything, levels), ranked(x**2, everything, levels))


def test_coordinates_come_back_from_half_of_the_genes(space):
    rng = np.random.default_rng(2)
    at_SK = rng.normal(0, 3, (5, K))
    y_SC = space.expected(at_SK) + 0.01 * rng.standard_normal((5, C))
    measured_SC = rng.random((5, C)) < 0.5
    np.testing.assert_allclose(space.coordinates(np.where(measured_SC, y_SC, 1e3), measured_SC), at_SK, atol=0.1)


def test_coordinates_without_any_gene_are_the_mean(space):
    assert not space.coordinates(np.zeros((1, C)), np.zeros((1, C), bool)).any()


def test_the_imputation_error_grows_with_what_is_missing(space):
    everything = np.ones(C, bool)
    measured_SC = np.arange(C) >= np.array([[0], [6], [30], [59]])
    error_S = space.imputation_error(measured_SC, everything)
    assert error_S[0] == 0 and (np.diff(error_S) > 0).all()
    # Where much else is measured, it is the share that is missing; from one gene nothing is known.
    assert error_S[1] == pytest.approx(0.1, abs=0.01) and error_S[3] > 1
    # A gene that nobody asks for may be missing.
    assert space.imputation_error(measured_SC[1:2], np.arange(C) >= 6) == pytest.approx([0])


def test_the_slope_is_found_beside_large_directions(space):
    rng = np.random.default_rng(3)
    on_C = rng.standard_normal(C)
    # Ordinary least squares would take part of the large direction for the trend.
    large_SC = 30 * space.loading_CK[:, :1].T
    away_SC = 0.5 * on_C + large_SC
    slope = space.slopes(away_SC, on_C, np.ones((1, C), bool), np.eye(K) / 1e4)
    assert slope == pytest.approx([0.5], abs=0.01)
    assert abs(float(away_SC[0] @ on_C / (on_C @ on_C)) - 0.5) > 0.05
