"""The conditional mode: more values within tolerance for weakly expressed genes, the same for others."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from cellstate.evaluation import calibration
from cellstate.evaluation.calibration import TOP_TPM, conditional_mode_tpm, fit_conditional_mode
from cellstate.evaluation.intervals import predicted_log1p
from cellstate.evaluation.metrics import accuracy_per_bin
from cellstate.evaluation.reconstruction import evaluate
from cellstate.gene_space import align
from cellstate.model import Model, ModelRecord
from cellstate.perturb.sample import prepare_samples


def with_readout(model: Model) -> Model:
    assert model.record.calibration is not None and model.record.training is not None
    known = structs.replace(model.record.calibration, conditional_mode=fit_conditional_mode(model))
    return replace(model, record=ModelRecord(structs.replace(model.record.training, calibration=known)))


def test_more_of_the_quiet_values_are_hit_and_loud_predictions_stay(small_model, cohort):
    tpm_SG = align(cohort.split("test"), small_model.space).tpm_SG
    hat_SG = predicted_log1p(small_model, tpm_SG)
    moved_SG = conditional_mode_tpm(small_model, tpm_SG, hat_SG)
    loud_SG = hat_SG >= np.log1p(TOP_TPM)
    assert moved_SG[loud_SG] == pytest.approx(np.expm1(hat_SG[loud_SG]))
    assert (~loud_SG).any() and not np.allclose(moved_SG[~loud_SG], np.expm1(hat_SG[~loud_SG]), rtol=0.02)
    plain, mode = (accuracy_per_bin(tpm_SG[:, :], p)[0].accuracy for p in (np.expm1(hat_SG), moved_SG))
    assert mode > plain - 0.02
    shown = evaluate(prepare_samples(small_model, cohort.split("test"))).to_dict()["bins"]
    assert shown[0]["accuracy_conditional_mode"] == pytest.approx(mode)


def test_hits_by_hand():
    """Two values at 1 TPM and one at 0, all of one cell: what is within 20 % + 0.1 TPM of 1 hits two."""
    hits = calibration._hits(np.array([1.0, 1.0, 0.0]), np.zeros(3, int))[0, 0, 0]
    candidates = calibration._CANDIDATE_TPM_P
    counted = np.array([2 * (abs(p - 1) <= 0.3) + (p <= 0.1) for p in candidates])
    assert hits == pytest.approx(counted * (1 + calibration.PRIOR / 3))


def test_a_gene_that_is_either_silent_or_not_is_not_predicted_between():
    """Half the values are 0 and half are about 1.2 TPM: their mean, 0.6, would hit neither."""
    truth = np.r_[np.zeros(600), np.full(500, 1.2)]
    hits = calibration._hits(truth, np.zeros(len(truth), int))[0, 0, 0]
    best = calibration._CANDIDATE_TPM_P[hits.argmax()]
    assert best <= 0.1 and hits[np.searchsorted(calibration._CANDIDATE_TPM_P, 0.6)] == 0


def test_held_out_folds_are_reconstructed_from_the_others_alone():
    rng = np.random.default_rng(0)
    z_SG = (rng.normal(size=(40, 3)) @ rng.normal(size=(3, 25))).astype(np.float32)
    hat_SG = calibration._held_out(z_SG, 3, seed=0)
    assert hat_SG == pytest.approx(z_SG, abs=1e-3)
    # A sample unlike all others is not learnt from itself.
    z_SG[0] = 0
    z_SG[0, 0] = 50
    assert abs(calibration._held_out(z_SG, 3, seed=0)[0, 0] - 50) > 10


def test_it_repeats_and_is_absent_where_it_was_not_learnt(small_model, cohort):
    assert fit_conditional_mode(small_model) == fit_conditional_mode(small_model)
    tpm_SG = align(cohort.split("test"), small_model.space).tpm_SG
    hat_SG = predicted_log1p(small_model, tpm_SG)
    assert conditional_mode_tpm(replace(small_model, record=ModelRecord()), tpm_SG, hat_SG) is None
    assert conditional_mode_tpm(with_readout(small_model), tpm_SG, hat_SG) is not None
