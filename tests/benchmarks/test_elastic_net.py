"""The elastic net finds the few genes that truly explain another, and hands effects on as the dense form does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from benchmarks import elastic_net as module
from benchmarks.elastic_net import PASSED_ON, elastic_net, passed_on
from benchmarks.simulated_sparse import passed_on as passed_on_dense


def test_the_true_cause_has_the_largest_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASKED", 20)
    rng = np.random.default_rng(0)
    z_SG = rng.standard_normal((200, 40))
    z_SG[:, 30:] = 0.8 * z_SG[:, :10] + 0.6 * z_SG[:, 30:]
    effect_GG = elastic_net(z_SG[:150], z_SG[150:])
    dense_GG = effect_GG.toarray()
    assert effect_GG.nnz < 0.5 * 40 * 39 and not dense_GG.diagonal().any()
    assert dense_GG[:, 30:].argmax(axis=0).tolist() == list(range(10))
    assert (dense_GG[np.arange(10), np.arange(30, 40)] > 0.4).all()


def test_effects_are_passed_on_as_in_the_dense_form() -> None:
    rng = np.random.default_rng(1)
    # From lower to higher genes alone, so that no effect comes back to where it began.
    effect_GG = np.triu(rng.standard_normal((8, 8)) * (rng.random((8, 8)) < 0.5), 1)
    found_TG = passed_on(effect_GG[:3], csr_array(effect_GG))
    np.testing.assert_allclose(found_TG, passed_on_dense(effect_GG, PASSED_ON)[:3], atol=1e-12)
