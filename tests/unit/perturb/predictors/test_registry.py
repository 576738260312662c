import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from cellstate.model import create_model, load_model
from cellstate.perturb.perturbations import InputChange
from cellstate.perturb.predictors.linear import fit_components
from cellstate.perturb.predictors.registry import (
    REGISTRY,
    FittedParameters,
    all_predictors,
    available_predictors,
    build_predictors,
)
from cellstate.perturb.sample import training_mean
from cellstate.perturb.search.goal import Goal, Signature
from train.sparse_fit import fit_effects

N_GENES = 20
TF_G = np.arange(N_GENES) % 3 == 0
LINEAR = tuple(spec.id for spec in REGISTRY if spec.is_linear and spec.id != "no_change")
EVERY = {spec.id for spec in REGISTRY}


def change(*edits: tuple[int, float]) -> InputChange:
    genes, deltas = zip(*edits, strict=True)
    return InputChange(np.array(genes), np.array([deltas], np.float32), np.zeros((1, len(genes)), np.float32))


@pytest.fixture
def z_SG():
    rng = np.random.default_rng(0)
    z_SG = rng.normal(size=(400, 3)) @ rng.normal(size=(3, N_GENES)) + 0.3 * rng.normal(size=(400, N_GENES))
    return (z_SG - z_SG.mean(axis=0)).astype(np.float32)


@pytest.fixture
def known(z_SG):
    return fit_components(z_SG, 3, tf_G=TF_G)


@pytest.fixture
def maps(z_SG, known):
    built = build_predictors(FittedParameters(N_GENES, known, fit_effects(z_SG[:300], z_SG[300:])))
    return {name: built[name].effects for name in LINEAR}


def others(gene: int, sources=range(N_GENES)) -> list[int]:
    return [g for g in sources if g != gene]


def test_pca_shift_is_the_difference_of_two_reconstructions(z_SG, known, maps):
    edited = z_SG[:1].copy()
    edited[0, [4, 7]] += [1.0, -2.0]
    expected = known.reconstruct(edited) - known.reconstruct(z_SG[:1])
    assert np.allclose(maps["pca"].change(change((4, 1.0), (7, -2.0))), expected, atol=1e-5)


def test_coexpression_is_each_gene_s_regression_line(z_SG, maps):
    slope = maps["coexpression"].change(change((4, 2.0)))[0] / 2.0
    expected = [LinearRegression().fit(z_SG[:, [4]], z_SG[:, g]).coef_[0] for g in range(N_GENES)]
    assert np.allclose(slope, expected, atol=1e-3)


def test_ridge_is_a_regression_of_each_gene_on_all_others(z_SG, known, maps):
    shift = maps["ridge"].change(change((4, 1.0), (7, -2.0)))[0]
    for gene in others(4, others(7)):
        fitted = Ridge(len(z_SG) * known.ridge, fit_intercept=False).fit(z_SG[:, others(gene)], z_SG[:, gene])
        slope = dict(zip(others(gene), fitted.coef_, strict=True))
        assert shift[gene] == pytest.approx(slope[4] - 2 * slope[7], abs=1e-4)


def test_ridge_on_transcription_factors_knows_no_other_source(z_SG, known, maps):
    assert not maps["ridge_tf"].change(change((4, 1.0))).any()
    factors = np.flatnonzero(TF_G).tolist()
    shift = maps["ridge_tf"].change(change((3, 1.0)))[0]
    for gene in others(3):
        sources = others(gene, factors)
        fitted = Ridge(len(z_SG) * known.tf_ridge, fit_intercept=False).fit(z_SG[:, sources], z_SG[:, gene])
        assert shift[gene] == pytest.approx(fitted.coef_[sources.index(3)], abs=1e-4)


@pytest.mark.parametrize("name", LINEAR)
def test_a_slope_is_what_one_unit_of_each_gene_moves_without_that_gene(maps, name):
    direction_G = np.random.default_rng(1).normal(size=N_GENES).astype(np.float32)
    slope_G = maps[name].slope(direction_G)
    for gene in range(N_GENES):
        shift_G = maps[name].change(change((gene, 1.0)))[0]
        shift_G[gene] = 0
        assert slope_G[gene] == pytest.approx(shift_G @ direction_G, abs=1e-4)


def test_a_model_carries_its_baselines(small_model):
    sample, direction_G = training_mean(small_model), np.ones(len(small_model.space), np.float32)
    found = all_predictors(small_model)
    assert set(found) == EVERY and all_predictors(small_model) is found
    assert set(available_predictors(small_model)) == EVERY - {"no_change"}
    assert not found["no_change"].predict_change(sample, change((0, 1.0))).any()
    goal = Goal("goal", "goal", Signature(direction_G / np.linalg.norm(direction_G)), 1.0)
    for name, one in found.items():
        assert one.spec.id == name and one.spec.label and one.spec.description
        assert one.predict_change(sample, change((0, 1.0))).shape == (1, len(small_model.space))
        scorer = one.scorer(sample, goal)
        assert scorer.is_linear == (name != "autoencoder") and scorer.n_affordable > 0
        assert scorer.slopes().shape == (1, len(small_model.space))
    assert [name for name, one in found.items() if one.spec.uses_prior_knowledge] == ["ridge_tf"]


def test_a_folder_without_effects_has_no_elastic_net(known):
    assert set(build_predictors(FittedParameters(N_GENES, known))) == EVERY - {"elastic_net"}


def test_random_weights_have_no_baseline_but_no_change(tmp_path):
    create_model(tmp_path / "demo", "demo", dtype="float16")
    assert set(all_predictors(load_model(tmp_path / "demo", device="cpu"))) == {"autoencoder", "no_change"}
