"""Activity: the cosine of effects and signature, the gene itself left out."""

import numpy as np
from numpy.testing import assert_allclose

from cellstate.evidence import PredictorId
from cellstate.perturb.effects import EffectMatrix
from cellstate.perturb.regulators.activity import activities


def made(n_candidates=4, n_genes=30, n_samples=3, seed=0):
    """Random effects and signatures."""
    rng = np.random.default_rng(seed)
    effect_CG = rng.normal(size=(n_candidates, n_genes)).astype(np.float32)
    effect_CG[np.arange(n_candidates), np.arange(n_candidates)] = 0
    effects = EffectMatrix(PredictorId.RIDGE, np.arange(n_candidates), effect_CG)
    return effects, rng.normal(size=(n_samples, n_genes)).astype(np.float32)


def test_it_is_the_cosine_without_the_gene_itself():
    effects, signature_SG = made()
    measured_SG = np.ones(signature_SG.shape, bool)
    measured_SG[1, 10:20] = False
    signature_SG[~measured_SG] = 0
    found = activities(signature_SG, measured_SG, effects)
    for s in range(3):
        for t in range(4):
            use_G = measured_SG[s].copy()
            use_G[t] = False
            a_G, b_G = effects.effect_CG[t, use_G].astype(np.float64), signature_SG[s, use_G].astype(np.float64)
            assert_allclose(found.activity_ST[s, t], a_G @ b_G / np.sqrt(a_G @ a_G * (b_G @ b_G)), rtol=1e-5)
    assert_allclose(found.change_ST, signature_SG[:, :4])


def test_an_effect_of_nothing_is_active_nowhere():
    effects, signature_SG = made()
    effects.effect_CG[2] = 0
    signature_SG[1] = 0
    found = activities(signature_SG, np.ones(signature_SG.shape, bool), effects)
    assert (found.activity_ST[:, 2] == 0).all() and (found.activity_ST[1] == 0).all()
