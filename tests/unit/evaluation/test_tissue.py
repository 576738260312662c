"""What a sample is: tissue and state, and whether its values are plausible."""

from __future__ import annotations

import numpy as np
import pytest

from cellstate.errors import ModelError
from cellstate.evaluation.tissue import (
    LIMIT,
    MOST_IMPUTED,
    PLAUSIBILITY,
    TISSUES,
    Figure,
    Spread,
    State,
    read_tissues,
    write_tissues,
)
from cellstate.genes import gene_axis
from cellstate.model.checkpoint import read_arrays, write_arrays
from tests.support.tissue_factories import make_classifier, make_corpus

MOST_BYTES = 2_000_000


@pytest.fixture(scope="module")
def classifier():
    return make_classifier()


@pytest.fixture(scope="module")
def held_out():
    """Samples of laboratories that no fit has seen."""
    return make_corpus(first_dataset=7, n_datasets=2)


def calls_of(classifier, corpus, log1p_SA=None, measured_SA=None):
    log1p_SA = corpus.log1p_SA if log1p_SA is None else log1p_SA
    return classifier.calls_on_axis(log1p_SA, corpus.measured_SA if measured_SA is None else measured_SA)


def test_tissue_and_state_of_another_laboratory_are_named(classifier, held_out):
    calls = calls_of(classifier, held_out)
    assert np.mean([c.tissues[0][0] == t for c, t in zip(calls, held_out.tissue, strict=True)]) > 0.95
    assert np.mean([c.state == s for c, s in zip(calls, held_out.state, strict=True)]) > 0.9
    for call in calls:
        probabilities = [p for _, p in call.tissues]
        assert sum(probabilities) == pytest.approx(1) and probabilities == sorted(probabilities, reverse=True)
        assert 1 / 3 <= call.state_probability <= 1 and set(call.scores) == set(Figure)
        assert call.probability(("colon", "liver", "lung")) == pytest.approx(1) and call.probability(()) == 0


def test_depth_and_logarithm_do_not_change_the_tissue(classifier, held_out):
    scaled = np.log1p(np.expm1(held_out.log1p_SA) * 20)
    for one, other in zip(calls_of(classifier, held_out), calls_of(classifier, held_out, scaled), strict=True):
        assert [t for t, _ in one.tissues] == [t for t, _ in other.tissues]
        assert [p for _, p in one.tissues] == pytest.approx([p for _, p in other.tissues], abs=1e-3)
        # A factor of all values is no reason for doubt either: it depends on the genes that a file has.
        assert one.scores[Figure.LEVELS] == pytest.approx(other.scores[Figure.LEVELS], abs=0.7)


def test_the_tissue_is_named_from_a_third_of_the_genes(classifier, held_out):
    measured_SA = held_out.measured_SA & (np.random.default_rng(0).random(held_out.measured_SA.shape[1]) < 1 / 3)
    nonsense_SA = np.where(measured_SA, held_out.log1p_SA, 99.0)
    calls = calls_of(classifier, held_out, nonsense_SA, measured_SA)
    assert np.mean([c.tissues[0][0] == t for c, t in zip(calls, held_out.tissue, strict=True)]) > 0.8
    assert all(c.scores[Figure.IMPUTATION] > LIMIT for c in calls)


def test_held_out_laboratories_are_plausible_and_known(classifier, held_out):
    calls = calls_of(classifier, held_out)
    assert np.mean([c.is_plausible for c in calls]) > 0.8 and np.mean([c.is_known for c in calls]) > 0.7


def shuffled(log1p_SA):
    return log1p_SA[:, np.random.default_rng(0).permutation(log1p_SA.shape[1])]


def log_of_log(log1p_SA):
    return np.log1p(np.log1p(log1p_SA / np.log(2)))


def as_counts(log1p_SA):
    mass_SA = np.expm1(log1p_SA) * gene_axis().length_bp
    return np.log1p(mass_SA / mass_SA.sum(axis=1, keepdims=True) * 1e6)


@pytest.mark.parametrize(
    ("spoil", "figure"),
    [(shuffled, Figure.RESIDUAL), (log_of_log, Figure.LEVELS), (as_counts, Figure.LENGTH)],
)
def test_spoilt_values_are_not_plausible(classifier, held_out, spoil, figure):
    for call in calls_of(classifier, held_out, spoil(held_out.log1p_SA)):
        assert call.scores[figure] > LIMIT and not call.is_plausible and not call.is_known


def test_missing_genes_act_without_a_cliff(classifier, held_out):
    one = held_out.where(np.arange(len(held_out.tissue)) < 1)
    rank_A = np.random.default_rng(1).permutation(one.measured_SA.shape[1]) / one.measured_SA.shape[1]
    scores = [
        calls_of(classifier, one, measured_SA=one.measured_SA & (rank_A >= missing))[0].scores[Figure.IMPUTATION]
        for missing in np.linspace(0, 0.6, 13)
    ]
    assert scores[0] == 0 and (np.diff(scores) > 0).all()
    # Each twentieth of the genes costs about the same.
    assert np.diff(scores).max() < 2.5 * LIMIT * 0.05 / MOST_IMPUTED
    # Genes that the model does not cover are not missing.
    space = classifier.space
    use = space.axis_index_C
    known_C = rank_A[use] >= 0.5
    (call,) = classifier.calls(one.log1p_SA[:, use], one.measured_SA[:, use] & known_C, known_C)
    assert call.scores[Figure.IMPUTATION] == pytest.approx(0)


def test_a_sample_without_expression_is_called_something_and_not_plausible(classifier):
    silent = np.zeros((1, len(gene_axis().symbol)), np.float32)
    (call,) = classifier.calls_on_axis(silent, np.ones(silent.shape, bool))
    assert not call.is_plausible and all(np.isfinite(score) for score in call.scores.values())
    (call,) = classifier.calls_on_axis(silent, np.zeros(silent.shape, bool))
    assert not call.is_plausible and classifier.calls_on_axis(silent[:0], silent[:0] > 0) == []


def test_scores_have_two_sides():
    spread = Spread(1.0, 0.5, 2.0)
    np.testing.assert_allclose(spread.scores(np.array([1.0, 11.0, 0.0])), [0, 5, -2])


def test_platform_and_tissue_are_told_apart(classifier, held_out):
    """A laboratory's own direction moves the platform's distance, and leaves the nearest tissue as it is."""
    space = classifier.space
    direction_K = classifier.platform_KR[:, 0] / (classifier.platform_KR[:, 0] ** 2).sum()
    measured_SC = held_out.measured_SA[:, space.axis_index_C]
    log1p_SC = held_out.log1p_SA[:, space.axis_index_C].astype(float)
    moved_SC = np.maximum(log1p_SC + space.scale_C * space.expected(15 * direction_K[None]), 0)
    near, far = classifier.calls(log1p_SC, measured_SC), classifier.calls(moved_SC, measured_SC)
    further = [b.platform_distance - a.platform_distance for a, b in zip(near, far, strict=True)]
    assert np.median(further) > 1
    assert np.mean([a.tissues[0][0] == b.tissues[0][0] for a, b in zip(near, far, strict=True)]) > 0.7


def test_the_file_holds_the_classifier(classifier, held_out, tmp_path):
    write_tissues(tmp_path, classifier)
    assert (tmp_path / TISSUES).stat().st_size <= MOST_BYTES
    again = read_tissues(tmp_path)
    assert again.classes == classifier.classes and again.spreads == classifier.spreads
    assert all(isinstance(state, State) for _, state in again.classes)
    for one, other in zip(calls_of(classifier, held_out), calls_of(again, held_out), strict=True):
        assert dict(one.tissues) == pytest.approx(dict(other.tissues), abs=0.02)
        assert [one.scores[f] for f in PLAUSIBILITY] == pytest.approx([other.scores[f] for f in PLAUSIBILITY], abs=0.2)


def test_a_folder_without_the_file_has_no_classifier(tmp_path):
    assert read_tissues(tmp_path) is None


def spoil_array(name, change):
    def spoil(arrays):
        arrays[name] = change(arrays[name])

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        lambda arrays: arrays.pop("loading"),
        lambda arrays: arrays.pop("contents"),
        spoil_array("contents", lambda a: a[:-3].copy()),
        spoil_array("contents", lambda a: np.frombuffer(a.tobytes().replace(b"axis_hash", b"axis_hush"), np.uint8)),
        spoil_array("contents", lambda a: np.frombuffer(a.tobytes().replace(b'"length"', b'"breath"'), np.uint8)),
        spoil_array("whitening", lambda a: a[:-1].copy()),
        spoil_array("bias", lambda a: a[:-1].copy()),
        spoil_array("mean", lambda a: np.full_like(a, np.nan)),
        spoil_array("scale", np.zeros_like),
        spoil_array("axis_index", lambda a: a + 30_000),
        spoil_array("platform", lambda a: a[0].copy()),
    ],
)
def test_a_damaged_file_is_one_sentence(classifier, tmp_path, spoil):
    write_tissues(tmp_path, classifier)
    arrays = read_arrays(tmp_path / TISSUES)
    spoil(arrays)
    write_arrays(tmp_path / TISSUES, arrays, {"cellstate-tissues": "1"})
    with pytest.raises(ModelError) as caught:
        read_tissues(tmp_path)
    assert caught.value.message.startswith(f"{TISSUES} is damaged") and caught.value.hint


def test_a_truncated_file_is_one_sentence(classifier, tmp_path):
    write_tissues(tmp_path, classifier)
    (tmp_path / TISSUES).write_bytes((tmp_path / TISSUES).read_bytes()[:5_000])
    with pytest.raises(ModelError, match=TISSUES):
        read_tissues(tmp_path)
