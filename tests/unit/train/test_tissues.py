"""Fit of the classifier of tissues: labels, calibration, and what must not enter the fit."""

from __future__ import annotations

import numpy as np
import pytest

from cellstate.errors import DataError
from cellstate.evaluation.tissue import BEYOND_LIMIT, LIMIT, Figure, State, read_tissues
from tests.support.tissue_factories import N_COMPONENTS, N_GENES, make_classifier, make_corpus
from train.tissues import MERGED, NO_TISSUE, STATES, fit_tissues, save_tissues, tissue_labels

SMALL = {"n_genes": N_GENES, "n_components": N_COMPONENTS}


def test_names_that_cannot_be_told_apart_are_merged():
    tissues, states = ["spleen", "lymphoid", "colon", "unknown"], ["normal", "disease", "cell line", "tumour"]
    labels = tissue_labels(tissues, states, list("abcd"), list("abcd"))
    assert labels["tissue"].tolist() == ["lymphoid tissue", "lymphoid tissue", "colon", ""]
    assert labels["state"].tolist() == ["normal", "normal", "cells", "tumour"]
    # A merged name stands for itself, so that the table can be read once.
    assert not set(MERGED.values()) & set(MERGED) and not NO_TISSUE & set(MERGED)
    assert set(STATES.values()) == set(State)


def test_samples_without_tissue_or_state_are_left_out():
    corpus = make_corpus()
    state = corpus.state.copy()
    state[corpus.tissue == "lung"] = "unknown"
    tissue = np.where(corpus.dataset == "liver 0", "unknown", corpus.tissue)
    found = fit_tissues(corpus.log1p_SA, corpus.measured_SA, tissue, state, corpus.dataset, corpus.dataset, **SMALL)
    assert found.tissues == ("colon", "liver") and found.n_sources == {"colon": 4, "liver": 3}
    assert len(found.classes) == 4


def test_validation_samples_calibrate_and_are_not_fitted():
    corpus = make_corpus()
    fitted_S = corpus.dataset != "colon 3"
    parts = corpus.where(fitted_S)
    alone = fit_tissues(parts.log1p_SA, parts.measured_SA, *parts.labels, **SMALL)
    # However odd the validation samples are, the fit is the same; the limits are not.
    odd_SA = corpus.log1p_SA.copy()
    odd_SA[~fitted_S] = odd_SA[~fitted_S][:, ::-1]
    both = fit_tissues(odd_SA, corpus.measured_SA, *corpus.labels, is_fitted_S=fitted_S, **SMALL)
    np.testing.assert_array_equal(both.space.loading_CK, alone.space.loading_CK)
    np.testing.assert_array_equal(both.whitening_KK, alone.whitening_KK)
    assert both.n_sources["colon"] == 3
    assert both.spreads[Figure.RESIDUAL].above > alone.spreads[Figure.RESIDUAL].above


def test_the_limits_are_those_of_held_out_components():
    corpus, classifier = make_corpus(), make_classifier()
    calls = classifier.calls_on_axis(corpus.log1p_SA, corpus.measured_SA)
    # Fitted samples lie nearer than held-out ones, of which hardly one is beyond the limit.
    beyond = np.mean([call.scores[Figure.RESIDUAL] > LIMIT for call in calls])
    assert beyond <= BEYOND_LIMIT
    new = make_corpus(first_dataset=9, n_datasets=3)
    held_out = classifier.calls_on_axis(new.log1p_SA, new.measured_SA)
    assert np.median([c.scores[Figure.RESIDUAL] for c in held_out]) == pytest.approx(0, abs=2.5)
    assert np.median([c.scores[Figure.RESIDUAL] for c in calls]) < np.median(
        [c.scores[Figure.RESIDUAL] for c in held_out]
    )


def test_probabilities_are_calibrated_on_other_laboratories():
    new = make_corpus(first_dataset=9, n_datasets=3)
    calls = make_classifier().calls_on_axis(new.log1p_SA, new.measured_SA)
    right = np.array([c.tissues[0][0] == t for c, t in zip(calls, new.tissue, strict=True)])
    assert np.mean([c.tissues[0][1] for c in calls]) == pytest.approx(right.mean(), abs=0.15)


def test_a_large_data_set_does_not_outweigh_the_others():
    corpus = make_corpus()
    large = np.concatenate([np.arange(len(corpus.tissue)), np.repeat(np.flatnonzero(corpus.dataset == "liver 1"), 30)])
    found = fit_tissues(
        corpus.log1p_SA[large], corpus.measured_SA[large], *(part[large] for part in corpus.labels), **SMALL
    )
    new = make_corpus(first_dataset=7, n_datasets=2)
    calls = found.calls_on_axis(new.log1p_SA, new.measured_SA)
    assert np.mean([c.tissues[0][0] == t for c, t in zip(calls, new.tissue, strict=True)]) > 0.95


def test_genes_that_few_data_sets_measure_are_not_used():
    corpus = make_corpus()
    measured_SA = corpus.measured_SA.copy()
    measured_SA[np.ix_(np.char.endswith(corpus.dataset, "0"), np.arange(0, measured_SA.shape[1], 2))] = False
    found = fit_tissues(corpus.log1p_SA, measured_SA, *corpus.labels, **SMALL)
    assert (found.space.axis_index_C % 2 == 1).all() and len(found.space.axis_index_C) == N_GENES


def test_what_is_missing_is_no_noise():
    """The noise of a gene is that of the samples that measure it."""
    corpus = make_corpus()
    measured_SA = corpus.measured_SA & (np.random.default_rng(3).random(corpus.measured_SA.shape) > 0.3)
    whole = fit_tissues(corpus.log1p_SA, corpus.measured_SA, *corpus.labels, **SMALL).space
    partly = fit_tissues(corpus.log1p_SA, measured_SA, *corpus.labels, **SMALL).space
    # Of 1, the variance of a gene; a missing value that counted as one standard deviation would add 0.4.
    assert np.median(partly.noise_C) < np.median(whole.noise_C) + 0.2


@pytest.mark.parametrize("tissue", ["colon", "unknown"])
def test_one_class_is_refused(tissue):
    corpus = make_corpus()
    states = np.full(len(corpus.state), "normal")
    with pytest.raises(DataError) as caught:
        fit_tissues(
            corpus.log1p_SA, corpus.measured_SA, np.full(len(states), tissue), states, corpus.dataset, corpus.dataset
        )
    assert caught.value.hint


def test_two_classes_keep_both_rows():
    corpus = make_corpus().where(np.isin(make_corpus().tissue, ["colon", "liver"]))
    state = np.full(len(corpus.state), "normal")
    found = fit_tissues(
        corpus.log1p_SA, corpus.measured_SA, corpus.tissue, state, corpus.dataset, corpus.dataset, **SMALL
    )
    assert found.weight_JK.shape == (2, N_COMPONENTS) and found.bias_J.shape == (2,)
    calls = found.calls_on_axis(corpus.log1p_SA, corpus.measured_SA)
    assert all(c.tissues[0][0] == t for c, t in zip(calls, corpus.tissue, strict=True))


def test_the_fit_is_written_to_a_folder(tmp_path):
    save_tissues(tmp_path, make_classifier())
    assert read_tissues(tmp_path).tissues == ("colon", "liver", "lung")
