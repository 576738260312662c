"""The closest normal state, from the genes that a sample measures."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cellstate.errors import ModelError
from cellstate.model import load_model
from cellstate.model.checkpoint import read_arrays, write_arrays
from cellstate.model.checksums import write_model_checksums
from cellstate.perturb.regulators.reference import (
    CLIP,
    REGULATORS,
    GroupReference,
    coordinates,
    load_reference,
    signature_of,
)


def test_coordinates_are_the_posterior_mean_of_probabilistic_pca():
    rng = np.random.default_rng(0)
    component_KG = np.linalg.qr(rng.normal(size=(12, 3)))[0].T
    variance_K, noise = np.array([4.0, 2.0, 1.0]), 0.5
    y_SG = rng.normal(size=(2, 12))
    measured_SG = np.ones((2, 12), bool)
    measured_SG[1, 4:9] = False
    found_SK = coordinates(y_SG, measured_SG, component_KG, variance_K, noise)
    for s in range(2):
        # The conditional mean of a Gaussian, by its covariance.
        known_KM = component_KG[:, measured_SG[s]]
        covariance_MM = known_KM.T @ np.diag(variance_K) @ known_KM + noise * np.eye(known_KM.shape[1])
        expected_K = np.diag(variance_K) @ known_KM @ np.linalg.solve(covariance_MM, y_SG[s, measured_SG[s]])
        assert_allclose(found_SK[s], expected_K, rtol=1e-9)


def test_a_normal_state_has_no_signature_and_missing_genes_none(human, patients):
    reference = load_reference(human)
    z_SG = reference.mean_G + np.zeros((1, 1), np.float32)
    measured_SG = np.ones((1, z_SG.shape[1]), bool)
    assert_allclose(reference.signature(z_SG, measured_SG), 0, atol=1e-5)
    measured_SG[0, :20] = False
    signature_SG = reference.signature(patients[0].z_1G, measured_SG)
    assert (signature_SG[0, :20] == 0).all() and np.abs(signature_SG[0, 20:]).max() > 0.1


def test_a_signature_is_cut():
    away_SG = np.array([[100.0, -100.0, 1.0, 1.0]])
    found = signature_of(away_SG, np.full(4, 2.0), np.array([[True, True, True, False]]))
    assert found.tolist() == [[CLIP, -CLIP, 0.5, 0.0]]


def test_a_group_is_left_by_its_own_mean_and_spread():
    rng = np.random.default_rng(3)
    z_NG = rng.normal(2, 3, (200, 5)).astype(np.float32)
    group = GroupReference(z_NG, np.ones(z_NG.shape, bool))
    measured_SG = np.ones((1, 5), bool)
    assert_allclose(group.signature(z_NG.mean(axis=0, keepdims=True), measured_SG), 0, atol=1e-5)
    above = z_NG.mean(axis=0, keepdims=True) + 2 * z_NG.std(axis=0)
    assert_allclose(group.signature(above, measured_SG), 2, rtol=0.1)
    assert (group.signature(above, ~measured_SG) == 0).all()
    assert_allclose(group.left_out_signatures().std(axis=0), 1, rtol=0.1)


def test_a_gene_that_no_sample_of_the_group_measured_is_no_part_of_a_signature():
    group = GroupReference(np.zeros((6, 3), np.float32), np.array([[True, True, False]] * 6))
    assert group.signature(np.ones((1, 3)), np.ones((1, 3), bool))[0, 2] == 0


def test_what_is_stored_is_what_was_fitted(human, small_model, normal):
    from train.regulators import fit_reference

    fitted, stored = fit_reference(small_model, *normal, n=3), load_reference(human)
    assert_allclose(stored.component_KG, fitted.component_KG, atol=1 / 127)
    for name in ("mean_G", "sd_G", "activity_mean_G", "activity_sd_G", "variance_K"):
        assert_allclose(getattr(stored, name), getattr(fitted, name), rtol=1e-3, atol=1e-6)
    assert (stored.predictor, stored.degrees) == (fitted.predictor, 3.0)


def test_a_model_without_normal_tissue_has_no_reference(small_model):
    assert load_reference(small_model) is None


@pytest.mark.parametrize(
    "name, change",
    [
        ("mean", lambda x: x[:-1]),
        ("sd", lambda x: 0 * x),
        ("activity.sd", lambda x: x * np.float16(np.nan)),
        ("components", lambda x: x[:-1]),
        ("numbers", lambda x: -x),
        ("predictor", lambda x: x[:-1]),
        ("components", None),
    ],
)
def test_a_damaged_file_is_one_sentence(human, tmp_path, name, change):
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(human.folder, folder)
    stored = dict(read_arrays(folder / REGULATORS))
    old = stored.pop(name)
    if change is not None:
        stored[name] = change(old)
    write_arrays(folder / REGULATORS, stored, {"cellstate-regulators": "1"})
    write_model_checksums(folder)
    with pytest.raises(ModelError, match=REGULATORS):
        load_reference(load_model(folder, device="cpu"))
