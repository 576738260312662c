import numpy as np
import pytest

from cellstate.errors import ModelError
from cellstate.model import create_model, load_model
from cellstate.perturb.edits import InputChange
from cellstate.perturb.rivals import REGISTRY, RIVALS, fit_pca, load_pca, rival_shifts, save_pca


def change(gene: int, delta: float) -> InputChange:
    return InputChange(np.array([gene]), np.array([[delta]], np.float32), np.zeros((1, 1), np.float32))


@pytest.fixture
def correlated():
    rng = np.random.default_rng(0)
    z_SG = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 20)) + 0.05 * rng.normal(size=(400, 20))
    return (z_SG - z_SG.mean(axis=0)).astype(np.float32)


def test_pca_is_the_best_linear_reconstruction(correlated):
    from sklearn.decomposition import PCA

    ours, theirs = fit_pca(correlated, 3), PCA(3).fit(correlated)
    expected = theirs.inverse_transform(theirs.transform(correlated))
    assert np.allclose(ours.reconstruct(correlated), expected, atol=1e-4)
    assert np.allclose(ours.components_PG @ ours.components_PG.T, np.eye(3), atol=1e-5)
    assert np.allclose(ours.z_variance_G, correlated.var(axis=0), rtol=1e-5)


def test_coexpression_is_each_gene_s_regression_line(correlated):
    pca = fit_pca(correlated, 20)
    rival = next(r for r in REGISTRY if r.name == "coexpression")
    slope = rival.predict(pca, change(4, 2.0), 20)[0] / 2.0
    expected = [np.polyfit(correlated[:, 4], correlated[:, g], 1)[0] for g in range(20)]
    assert np.allclose(slope, expected, atol=1e-3)


def test_pca_shift_is_linear_and_no_change_is_none(correlated):
    pca = fit_pca(correlated, 3)
    shifts = {r.name: r.predict(pca, change(4, 1.0), 20) for r in REGISTRY}
    assert not shifts["no_change"].any()
    base = correlated[:1].copy()
    edited = base.copy()
    edited[0, 4] += 1.0
    assert np.allclose(shifts["pca"], pca.reconstruct(edited) - pca.reconstruct(base), atol=1e-5)
    assert all(r.sentence for r in REGISTRY)


def test_a_model_carries_its_rivals(small_model):
    assert set(rival_shifts(small_model, change(0, 1.0))) == {"no_change", "pca", "coexpression"}


def test_random_weights_have_no_rival_but_no_change(tmp_path):
    create_model(tmp_path / "demo", "demo", dtype="float16")
    model = load_model(tmp_path / "demo", device="cpu")
    assert load_pca(model) is None
    assert set(rival_shifts(model, change(0, 1.0))) == {"no_change"}


def test_damaged_or_foreign_rivals_are_named(tmp_path, correlated):
    create_model(tmp_path / "demo", "demo", dtype="float16")
    save_pca(fit_pca(correlated, 3), tmp_path / "demo")
    with pytest.raises(ModelError, match="does not belong"):
        load_pca(load_model(tmp_path / "demo", device="cpu"))
    (tmp_path / "demo" / RIVALS).write_bytes(b"1234")
    with pytest.raises(ModelError, match="damaged"):
        load_pca(load_model(tmp_path / "demo", device="cpu"))
