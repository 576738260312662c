"""Out of distribution by the classifier of tissues: plausible values, a tissue that the model covers, no platform."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cellstate.evaluation.ood import CALL_SENTENCES, CHANGED, OOD_LIMIT, ood_score_after, ood_scores
from cellstate.evaluation.tissue import Figure, model_tissues
from cellstate.genes import gene_axis
from cellstate.model.numpy_network import load_light_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predict import predict
from cellstate.perturb.sample import prepare_sample, prepare_samples
from tests.support.tissue_factories import make_corpus, with_tissues


@pytest.fixture(scope="module")
def open_model(small_model, tmp_path_factory):
    """A model that covers any tissue."""
    return with_tissues(small_model, tmp_path_factory.mktemp("models") / "any")


@pytest.fixture(scope="module")
def colon_model(small_model, tmp_path_factory):
    """A model of the colon."""
    return with_tissues(small_model, tmp_path_factory.mktemp("models") / "colon", ("colon",))


@pytest.fixture(scope="module")
def held_out(small_model):
    """Samples of laboratories that neither the classifier nor the model has seen."""
    return make_corpus(small_model.space.axis_index_G, first_dataset=7, n_datasets=2)


def scores_of(model, samples):
    return ood_scores(prepare_samples(model, samples))


def test_a_folder_without_classifier_is_judged_as_before(small_model, cohort):
    assert model_tissues(small_model) is None
    assert all(one.call is None for one in scores_of(small_model, cohort.split("test")))


def test_another_laboratory_is_judged_by_its_values_alone(open_model, held_out):
    """The network's own error and its cloud of training samples follow the laboratory, and have no say."""
    found = scores_of(open_model, held_out.where(held_out.tissue == "colon").samples)
    assert np.mean([one.is_ood for one in found]) < 0.2
    assert all(one.score == pytest.approx(max(0, *_plausibility(one.call))) for one in found)


def _plausibility(call):
    return [call.scores[f] for f in (Figure.RESIDUAL, Figure.LEVELS, Figure.LENGTH, Figure.IMPUTATION)]


def test_only_tissues_that_the_model_covers_pass(open_model, colon_model, held_out):
    plausible = [one.call.is_plausible for one in scores_of(open_model, held_out.samples)]
    flagged = np.array([one.is_ood for one in scores_of(colon_model, held_out.samples)])
    others = held_out.tissue != "colon"
    assert np.mean(flagged[others]) > 0.95
    assert np.mean(flagged[~others & plausible]) < 0.1
    judged = scores_of(colon_model, held_out.where(held_out.tissue == "liver").samples)
    reason = CALL_SENTENCES[Figure.TISSUE].format(covered="colon")
    named = [one for one in judged if one.call.is_plausible]
    assert named and all(reason in one.sentence and one.score > OOD_LIMIT for one in named)


def test_implausible_values_are_flagged_with_their_reason(colon_model, held_out):
    samples = held_out.where(held_out.tissue == "colon").samples
    counts = replace(samples, tpm_SA=(samples.tpm_SA * gene_axis().length_bp).astype(np.float32))
    log_log = replace(samples, tpm_SA=np.log1p(np.log2(samples.tpm_SA + 1)).astype(np.float32))
    for spoilt, figure in ((counts, Figure.LENGTH), (log_log, Figure.LEVELS)):
        for one in scores_of(colon_model, spoilt):
            assert one.is_ood and not one.call.is_plausible
            # Of implausible values the tissue is no reason.
            largest = max(zip(_plausibility(one.call), range(4), strict=True))[1]
            assert list(CALL_SENTENCES.values())[largest] in one.sentence
        found = [one.call.scores[figure] for one in scores_of(colon_model, spoilt)]
        assert np.median(found) > OOD_LIMIT


def test_missing_genes_flag_by_the_imputation_error_and_not_at_a_fifth(open_model, held_out):
    samples = held_out.where(held_out.tissue == "colon").samples
    rank_A = np.random.default_rng(0).permutation(samples.tpm_SA.shape[1]) / samples.tpm_SA.shape[1]
    for share, is_flagged in ((0.0, False), (0.25, False), (0.6, True)):
        fewer = replace(samples, tpm_SA=np.where(rank_A < share, np.nan, samples.tpm_SA).astype(np.float32))
        found = scores_of(open_model, fewer)
        assert all((one.call.scores[Figure.IMPUTATION] > OOD_LIMIT) is is_flagged for one in found)
        assert bool(np.mean([one.is_ood for one in found]) > 0.9) is is_flagged


def test_a_large_perturbation_is_flagged_by_its_own_change(open_model, cohort):
    sample, space = prepare_sample(open_model, cohort.split("test").take([0])), open_model.space
    (before,) = ood_scores([sample])
    small = ood_score_after(predict(sample, [Perturbation(space.symbols[0], "multiply", 1.01)]))
    assert small.score == pytest.approx(before.score, abs=0.3) and not small.is_ood
    many = [
        Perturbation(symbol, "multiply", float(min(200, 9e5 / sample.tpm_G[gene])))
        for gene, symbol in enumerate(space.symbols[:80])
    ]
    large = ood_score_after(predict(sample, many))
    assert large.is_ood and large.score > before.score and large.call is not None
    assert any(reason in large.sentence for reason in (CHANGED, *CALL_SENTENCES.values()))


def test_the_light_model_gives_the_same_call(colon_model, held_out):
    samples = held_out.samples.take(range(4))
    light = load_light_model(colon_model.folder)
    for one, other in zip(scores_of(colon_model, samples), scores_of(light, samples), strict=True):
        assert one.call == other.call and one.score == other.score


def test_no_sample_has_no_score(open_model):
    assert ood_scores([]) == []
