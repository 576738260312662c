"""Sets of regulators that explain a signature together."""

import numpy as np
import pytest

from cellstate.evidence import PredictorId
from cellstate.perturb.effects import EffectMatrix
from cellstate.perturb.regulators.sets import MOST, cooperating_set

N_GENES, N_CANDIDATES = 600, 60


@pytest.fixture
def effects():
    """Independent effects of 60 candidates."""
    rng = np.random.default_rng(1)
    effect_CG = rng.normal(size=(N_CANDIDATES, N_GENES)).astype(np.float32)
    effect_CG[np.arange(N_CANDIDATES), np.arange(N_CANDIDATES)] = 0
    return EffectMatrix(PredictorId.RIDGE, np.arange(N_CANDIDATES), effect_CG)


def signature(effects, planted, noise=0.5, seed=2):
    """What planted coefficients make of the genes, with noise; each planted gene moves as its coefficient says."""
    rng = np.random.default_rng(seed)
    rows, coefficients = list(planted), np.array(list(planted.values()))
    found_G = coefficients @ effects.effect_CG[rows] + noise * rng.standard_normal(N_GENES)
    found_G[rows] = coefficients
    return found_G.astype(np.float32)


def test_planted_regulators_are_found_with_their_signs(effects):
    planted = {3: 1.0, 17: -0.8, 40: 0.6}
    found = cooperating_set(signature(effects, planted), effects, np.ones(N_CANDIDATES, bool))
    assert set(found.members_N.tolist()[:3]) == set(planted)
    coefficient = dict(zip(found.members_N.tolist(), found.coefficient_N, strict=True))
    assert all(abs(coefficient[t] - value) < 0.1 for t, value in planted.items())
    assert found.explained > found.best_member + 0.1 and found.explained > 0.8
    assert found.p == pytest.approx(1 / 201)
    assert len(found.share_N) == len(found.members_N) <= MOST and (found.share_N > 0).all()


def test_a_gene_that_moves_the_other_way_drives_nothing(effects):
    planted_G = signature(effects, {3: 1.0, 17: 0.8})
    planted_G[3] = -1
    found = cooperating_set(planted_G, effects, np.ones(N_CANDIDATES, bool))
    assert 3 not in found.members_N and 17 in found.members_N


def test_only_allowed_candidates_are_members(effects):
    allowed_T = np.ones(N_CANDIDATES, bool)
    allowed_T[3] = False
    found = cooperating_set(signature(effects, {3: 1.0, 17: 0.8}), effects, allowed_T)
    assert found.members_N.tolist()[0] == 17
    assert cooperating_set(signature(effects, {3: 1.0}), effects, np.zeros(N_CANDIDATES, bool)) is None


def test_noise_is_explained_no_better_than_by_random_sets(effects):
    rng = np.random.default_rng(5)
    p = []
    for seed in range(20):
        found = cooperating_set(
            rng.standard_normal(N_GENES).astype(np.float32), effects, np.ones(N_CANDIDATES, bool), seed=seed
        )
        p.append(1.0 if found is None else found.p)
    assert np.mean(np.array(p) < 0.05) < 0.25


def test_no_signature_has_no_set(effects):
    assert cooperating_set(np.zeros(N_GENES, np.float32), effects, np.ones(N_CANDIDATES, bool)) is None
