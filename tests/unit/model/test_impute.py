import numpy as np
import pytest

from cellstate.model.impute import impute_missing


@pytest.fixture
def basis():
    return np.linalg.qr(np.random.default_rng(0).normal(size=(300, 5)))[0].T


def test_hidden_genes_of_samples_in_the_span_are_found_again(basis):
    rng = np.random.default_rng(1)
    z_SG = (rng.normal(size=(7, 5)) @ basis * 10).astype(np.float32)
    measured_SG = rng.random(z_SG.shape) > np.linspace(0, 0.6, 7)[:, None]
    filled_SG = impute_missing(lambda z: z @ basis.T @ basis, np.where(measured_SG, z_SG, 0), measured_SG)
    assert np.array_equal(filled_SG[measured_SG], z_SG[measured_SG])
    before, after = (np.linalg.norm(v - z_SG, axis=1) for v in (np.where(measured_SG, z_SG, 0), filled_SG))
    assert (after <= 0.1 * before + 1e-6).all()


def test_nothing_is_called_where_everything_is_measured():
    z_SG = np.ones((3, 4), np.float32)
    assert impute_missing(lambda z: pytest.fail("called"), z_SG, np.ones_like(z_SG, bool)) is z_SG


def test_hardly_anything_measured_predicts_nothing():
    z_SG = np.zeros((1, 100), np.float32)
    measured_SG = np.arange(100)[None] < 5
    assert not impute_missing(lambda z: z + 1, z_SG, measured_SG).any()


def test_a_sample_is_filled_whatever_stands_beside_it(basis):
    rng = np.random.default_rng(2)
    z_SG = (rng.normal(size=(2, 5)) @ basis).astype(np.float32)
    measured_SG = np.stack([np.ones(300, bool), rng.random(300) > 0.3])
    z_SG = np.where(measured_SG, z_SG, 0)
    both = impute_missing(lambda z: z @ basis.T @ basis, z_SG, measured_SG)
    alone = impute_missing(lambda z: z @ basis.T @ basis, z_SG[1:], measured_SG[1:])
    assert np.array_equal(both[0], z_SG[0]) and np.allclose(both[1], alone[0], atol=1e-6)
