"""Properties that hold for any edits: order, padding and chunks do not matter, and no change is no score."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellstate.perturb.perturbations import Perturbation, candidate_changes
from cellstate.perturb.predictors import autoencoder as engine_module
from cellstate.perturb.predictors.autoencoder import AutoencoderScorer
from cellstate.perturb.sample import prepare_sample
from tests.unit.perturb.questions import patient_samples, some_goal

SETS = st.lists(
    st.tuples(st.integers(0, 239), st.floats(-8, 8, width=32)), min_size=1, max_size=5, unique_by=lambda edit: edit[0]
)


@pytest.fixture(scope="module")
def engine(small_model):
    return AutoencoderScorer(prepare_sample(small_model, patient_samples()), some_goal(small_model, 60))


def score(engine: AutoencoderScorer, edits) -> float:
    genes, deltas = (np.array(column)[None] for column in zip(*edits, strict=True))
    return float(engine.scores(genes, deltas)[0])


@settings(max_examples=40)
@given(SETS)
def test_the_order_of_edits_does_not_matter(engine, edits):
    assert score(engine, edits) == pytest.approx(score(engine, edits[::-1]), rel=1e-4, abs=1e-6)


@settings(max_examples=40)
@given(SETS)
def test_padding_changes_nothing(engine, edits):
    padded = [*edits, (edits[0][0], 0.0), (edits[-1][0], 0.0)]
    assert score(engine, padded) == pytest.approx(score(engine, edits), rel=1e-4, abs=1e-6)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 239), min_size=1, max_size=5, unique=True))
def test_edits_to_the_present_value_move_nothing(engine, genes):
    for pattern in ("x1", "kd0"):
        deltas = candidate_changes(Perturbation.pattern(pattern), engine.sample, np.array(genes))
        assert not deltas.any()
        assert not engine.scores(np.array([genes]), deltas[None]).any()
        assert np.array_equal(engine.gradient(np.array([genes]), deltas[None]), engine.gradient())


def test_chunks_do_not_matter(engine, monkeypatch):
    genes = np.arange(240)[:, None]
    deltas = candidate_changes(Perturbation.pattern("ko"), engine.sample, genes[:, 0])[:, None]
    whole = engine.scores(genes, deltas)
    monkeypatch.setattr(engine_module, "CHUNK_UNITS", 0)
    monkeypatch.setattr(engine_module, "CHUNK", 7)
    again = AutoencoderScorer(engine.sample, engine.goal)
    assert again.chunk == 7
    assert np.allclose(again.scores(genes, deltas), whole, rtol=1e-4, atol=1e-7)


def test_the_gradient_is_the_slope_of_the_score(engine):
    """A small step in any gene moves the score by its own first-order share."""
    genes, step = np.arange(0, 240, 10)[:, None], 1e-2
    moved = engine.scores(genes, np.full(genes.shape, step, np.float32))
    assert np.allclose(moved / step, (engine.gradient()[0] - engine.own_G)[genes[:, 0]], rtol=2e-2, atol=1e-5)
