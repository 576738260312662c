"""The matrix of effects: each row is one prediction."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cellstate.perturb.effects import effect_matrix, effects_of_tfs
from cellstate.perturb.perturbations import InputChange
from cellstate.perturb.predictors.registry import available_predictors
from cellstate.perturb.sample import prepare_sample, training_mean


@pytest.mark.parametrize("name", ["autoencoder", "elastic_net", "whitened_coexpression"])
def test_a_row_is_the_prediction_of_one_rise(small_model, cohort, name):
    sample = prepare_sample(small_model, cohort.split("test").take([0]))
    genes_C = np.array([3, 50, 7])
    found = effect_matrix(sample, genes_C, name)
    for row_G, gene in zip(found.effect_CG, genes_C, strict=True):
        change = InputChange(np.array([gene]), np.ones((1, 1), np.float32), np.full((1, 1), np.nan))
        expected_G = available_predictors(small_model)[name].predict_change(sample, change)[0]
        expected_G[gene] = 0
        assert_allclose(row_G, expected_G, atol=1e-5)
    assert_allclose(found.energy_C, np.square(found.effect_CG).sum(axis=1), rtol=1e-5)
    assert_allclose(found.log2(small_model), found.effect_CG * small_model.space.scale_G / np.log(2), rtol=1e-5)


def test_only_the_autoencoder_depends_on_the_state(small_model, cohort):
    sample, mean = prepare_sample(small_model, cohort.split("test").take([0])), training_mean(small_model)
    for name, differs in (("autoencoder", True), ("ridge", False)):
        here, there = (effect_matrix(one, np.array([5]), name).effect_CG for one in (sample, mean))
        assert np.array_equal(here, there) is not differs


def test_effects_of_transcription_factors_are_kept(small_model):
    found = effects_of_tfs(small_model, "ridge")
    assert found is effects_of_tfs(small_model, "ridge")
    assert found.candidates_C.tolist() == np.flatnonzero(small_model.space.is_tf_G).tolist()
