import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from cellstate.model import create_model, load_model
from cellstate.perturb.components import fit_components
from cellstate.perturb.edits import InputChange
from cellstate.perturb.elastic_net import fit_effects
from cellstate.perturb.rivals import REGISTRY, Known, maps_of, rival_maps, rival_shifts, rival_slopes

N_GENES = 20
TF_G = np.arange(N_GENES) % 3 == 0
EVERY = {"no_change", *(rival.name for rival in REGISTRY)}


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
    return maps_of(Known(known, fit_effects(z_SG[:300], z_SG[300:])))


def others(gene: int, sources=range(N_GENES)) -> list[int]:
    return [g for g in sources if g != gene]


def test_pca_shift_is_the_difference_of_two_reconstructions(z_SG, known, maps):
    edited = z_SG[:1].copy()
    edited[0, [4, 7]] += [1.0, -2.0]
    expected = known.reconstruct(edited) - known.reconstruct(z_SG[:1])
    assert np.allclose(maps["pca"].shift(change((4, 1.0), (7, -2.0))), expected, atol=1e-5)


def test_coexpression_is_each_gene_s_regression_line(z_SG, maps):
    slope = maps["coexpression"].shift(change((4, 2.0)))[0] / 2.0
    expected = [LinearRegression().fit(z_SG[:, [4]], z_SG[:, g]).coef_[0] for g in range(N_GENES)]
    assert np.allclose(slope, expected, atol=1e-3)


def test_ridge_is_a_regression_of_each_gene_on_all_others(z_SG, known, maps):
    shift = maps["ridge"].shift(change((4, 1.0), (7, -2.0)))[0]
    for gene in others(4, others(7)):
        fitted = Ridge(len(z_SG) * known.ridge, fit_intercept=False).fit(z_SG[:, others(gene)], z_SG[:, gene])
        slope = dict(zip(others(gene), fitted.coef_, strict=True))
        assert shift[gene] == pytest.approx(slope[4] - 2 * slope[7], abs=1e-4)


def test_ridge_on_transcription_factors_knows_no_other_source(z_SG, known, maps):
    assert not maps["ridge_tf"].shift(change((4, 1.0))).any()
    factors = np.flatnonzero(TF_G).tolist()
    shift = maps["ridge_tf"].shift(change((3, 1.0)))[0]
    for gene in others(3):
        sources = others(gene, factors)
        fitted = Ridge(len(z_SG) * known.tf_ridge, fit_intercept=False).fit(z_SG[:, sources], z_SG[:, gene])
        assert shift[gene] == pytest.approx(fitted.coef_[sources.index(3)], abs=1e-4)


@pytest.mark.parametrize("name", [rival.name for rival in REGISTRY])
def test_a_slope_is_what_one_unit_of_each_gene_moves_without_that_gene(maps, name):
    direction_G = np.random.default_rng(1).normal(size=N_GENES).astype(np.float32)
    slope_G = maps[name].slope(direction_G)
    for gene in range(N_GENES):
        shift_G = maps[name].shift(change((gene, 1.0)))[0]
        shift_G[gene] = 0
        assert slope_G[gene] == pytest.approx(shift_G @ direction_G, abs=1e-4)


def test_a_model_carries_its_rivals(small_model):
    shifts = rival_shifts(small_model, change((0, 1.0)))
    assert set(shifts) == EVERY and not shifts["no_change"].any()
    assert set(rival_slopes(small_model, np.ones(len(small_model.space), np.float32))) == EVERY - {"no_change"}
    assert rival_maps(small_model) is rival_maps(small_model)
    assert all(rival.sentence for rival in REGISTRY)


def test_a_folder_without_effects_has_no_elastic_net(known):
    assert set(maps_of(Known(known, None))) == EVERY - {"no_change", "elastic_net"}


def test_random_weights_have_no_rival_but_no_change(tmp_path):
    create_model(tmp_path / "demo", "demo", dtype="float16")
    assert set(rival_shifts(load_model(tmp_path / "demo", device="cpu"), change((0, 1.0)))) == {"no_change"}
