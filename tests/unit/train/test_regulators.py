"""The model of normal tissue and the null of activities."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from cellstate.errors import DataError
from cellstate.perturb.effects import effect_matrix
from cellstate.perturb.regulators.activity import activities
from cellstate.perturb.sample import training_mean
from train.regulators import PREDICTOR, NormalSamples, fit_plane, fit_reference, left_out


def normal(n, n_genes, seed, sources=4, noise=0.3):
    """Samples on a plane of two directions; every source is shifted a little."""
    rng = np.random.default_rng(seed)
    rows_KG = np.linalg.qr(np.random.default_rng(1).normal(size=(n_genes, 2)))[0].T * np.sqrt(n_genes)
    source = np.arange(n) % sources
    shift_DG = np.random.default_rng(seed + 10).normal(0, 0.2, (sources, n_genes))
    z_SG = rng.normal(size=(n, 2)) @ rows_KG + shift_DG[source] + rng.normal(0, noise, (n, n_genes))
    return NormalSamples(z_SG.astype(np.float32), ["colon"] * n, [f"s{one}" for one in source])


def test_the_plane_is_found(small_model):
    every = normal(200, len(small_model.space), 0)
    plane = fit_plane(every, 2)
    full = np.ones(every.z_SG.shape, bool)
    rest = every.z_SG - plane.closest(every.z_SG, full)
    assert np.square(rest).mean() < 0.2 and plane.noise == pytest.approx(np.square(rest).mean(), rel=0.2)


def test_what_is_left_out_is_not_in_its_plane(small_model):
    every = normal(40, len(small_model.space), 0)
    away_SG = left_out(every, 2)
    own = np.array(every.source_S) == "s1"
    plane = fit_plane(every.where(~own), 2)
    expected_SG = every.z_SG[own] - plane.closest(every.z_SG[own], np.ones((int(own.sum()), away_SG.shape[1]), bool))
    assert_allclose(away_SG[own], expected_SG, atol=1e-5)


def test_as_many_held_out_samples_are_beyond_p_0_05_as_should_be(small_model):
    n_genes = len(small_model.space)
    held_out = normal(60, n_genes, 5, sources=6)
    reference = fit_reference(small_model, normal(120, n_genes, 0), held_out, 2)
    assert reference.degrees == 3 and reference.predictor is PREDICTOR
    effects = effect_matrix(training_mean(small_model), np.flatnonzero(small_model.space.is_tf_G), PREDICTOR)
    full = np.ones(held_out.z_SG.shape, bool)
    found_ST = activities(reference.signature(held_out.z_SG, full), full, effects).activity_ST
    at = effects.candidates_C
    p_ST = 2 * stats.t.sf(np.abs((found_ST - reference.activity_mean_G[at]) / reference.activity_sd_G[at]), 3)
    assert np.mean(p_ST < 0.05) == pytest.approx(0.05, abs=0.01)


def test_too_few_sources_are_refused(small_model):
    n_genes = len(small_model.space)
    for known, held_out in ((normal(20, n_genes, 0, sources=2), normal(9, n_genes, 1)), (normal(20, n_genes, 0),) * 2):
        if known is held_out:
            held_out = known.where(np.zeros(20, bool))
        with pytest.raises(DataError):
            fit_reference(small_model, known, held_out)
