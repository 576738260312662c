from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from cellstate.errors import ModelError
from cellstate.model import create_model, load_model
from cellstate.perturb.predictors.linear import (
    BASELINES,
    PENALTIES,
    fit_components,
    load_components,
    own,
    save_components,
)

N_GENES = 20


@pytest.fixture
def z_SG():
    rng = np.random.default_rng(0)
    z_SG = rng.normal(size=(400, 3)) @ rng.normal(size=(3, N_GENES)) + 0.3 * rng.normal(size=(400, N_GENES))
    return (z_SG - z_SG.mean(axis=0)).astype(np.float32)


def test_pca_is_the_best_linear_reconstruction(z_SG):
    ours, theirs = fit_components(z_SG, 3), PCA(3).fit(z_SG)
    assert np.allclose(ours.reconstruct(z_SG), theirs.inverse_transform(theirs.transform(z_SG)), atol=1e-4)
    assert np.allclose(ours.components_PG @ ours.components_PG.T, np.eye(N_GENES), atol=1e-5)
    assert np.allclose(ours.pca_LG, ours.components_PG[:3])
    assert np.allclose(ours.z_variance_G, z_SG.var(axis=0), rtol=1e-5)


def test_the_penalty_is_that_of_the_least_validation_error_by_leaving_genes_out_one_by_one(z_SG):
    train, validation = z_SG[:25], z_SG[25:60]
    tf_G = np.arange(N_GENES) < 6
    found = fit_components(train, 3, validation_z_SG=validation, tf_G=tf_G)
    middle = float(found.variance_P.mean())

    def error(penalty, sources):
        squares = []
        for gene in range(N_GENES):
            others = [g for g in sources if g != gene]
            fitted = Ridge(len(train) * penalty, fit_intercept=False).fit(train[:, others], train[:, gene])
            squares.append(np.mean((fitted.predict(validation[:, others]) - validation[:, gene]) ** 2))
        return np.mean(squares)

    tried = PENALTIES * middle
    assert found.ridge == pytest.approx(min(tried, key=lambda p: error(p, range(N_GENES))))
    assert found.tf_ridge == pytest.approx(min(tried, key=lambda p: error(p, range(6))))


def test_components_survive_the_disc_within_what_eight_bits_hold(tmp_path, small_model, z_SG):
    known = load_components(small_model)
    assert known is not None
    save_components(known, tmp_path)
    written = load_file(tmp_path / BASELINES)
    assert written["components"].dtype == np.int8 and "pca" not in written
    again = load_components(replace(small_model, folder=tmp_path))
    assert again is not None
    assert np.abs(again.components_PG - known.components_PG).max() < 0.01 * np.abs(known.components_PG).max()
    assert np.abs(again.pca_LG - known.pca_LG).max() < 0.01 * np.abs(known.pca_LG).max()
    assert (again.ridge, again.tf_ridge) == (known.ridge, known.tf_ridge)
    assert (again.tf_G == known.tf_G).all() and known.tf_G.any()


def test_own_is_the_diagonal(z_SG):
    known = fit_components(z_SG, 3)
    full = known.components_PG.T @ np.diag(known.ridge_P) @ known.components_PG
    assert np.allclose(own(known.components_PG, known.ridge_P), np.diag(full), atol=1e-5)


def test_random_weights_have_none(tmp_path):
    create_model(tmp_path / "demo", "demo", dtype="float16")
    assert load_components(load_model(tmp_path / "demo", device="cpu")) is None


def test_damaged_or_foreign_components_are_named(tmp_path, z_SG):
    create_model(tmp_path / "demo", "demo", dtype="float16")
    save_components(fit_components(z_SG, 3), tmp_path / "demo")
    with pytest.raises(ModelError, match="does not belong"):
        load_components(load_model(tmp_path / "demo", device="cpu"))
    (tmp_path / "demo" / BASELINES).write_bytes(b"1234")
    with pytest.raises(ModelError, match="damaged"):
        load_components(load_model(tmp_path / "demo", device="cpu"))


@pytest.mark.parametrize(
    "name, change",
    [
        ("penalties", lambda t: t * np.nan),
        ("penalties", lambda t: t * 0),
        ("components.variance", lambda t: -t),
        ("components.step", lambda t: t[:, None]),
        ("components.step", lambda t: np.full_like(t, 3e38)),
        ("pca.step", lambda t: np.full_like(t, 3e38)),
        ("components", lambda t: t[:, :, None]),
        ("pca", lambda t: t.astype(np.float32)),
        ("z_variance", lambda t: t[:-1]),
        ("z_variance", lambda t: np.where(np.arange(len(t)), t, np.inf).astype(t.dtype)),
    ],
)
def test_components_that_no_trainer_wrote_are_refused(tmp_path, small_model, name, change):
    known = load_components(small_model)
    # Of another cohort, so that PCA's components are not the first of all.
    save_components(replace(known, pca_LG=-known.pca_LG), tmp_path)
    stored = load_file(tmp_path / BASELINES)
    save_file(stored | {name: np.ascontiguousarray(change(stored[name]))}, tmp_path / BASELINES)
    with pytest.raises(ModelError, match=name):
        load_components(replace(small_model, folder=tmp_path))


def test_other_cohorts_move_the_rivals_but_not_pca(z_SG):
    alone = fit_components(z_SG[:50], 3)
    pooled = fit_components(z_SG[:50], 3, pooled_z_SG=z_SG)
    assert np.array_equal(alone.pca_LG, pooled.pca_LG)
    assert not np.allclose(pooled.pca_LG, pooled.components_PG[:3])
    assert np.allclose(pooled.z_variance_G, (z_SG**2).mean(axis=0), rtol=1e-4)
    covariance = (pooled.components_PG.T * pooled.variance_P) @ pooled.components_PG
    assert np.allclose(covariance, z_SG.T @ z_SG / len(z_SG), atol=1e-4)
