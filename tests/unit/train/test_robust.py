import numpy as np

from cellstate.perturb.predictors.linear import fit_components
from train.warm_start import robust_map

GENES, WIDTH = 200, 6


def draw(n: int, seed: int) -> np.ndarray:
    """Samples of six factors, of which every tenth sample is far out and every tenth gene mostly noise."""
    basis = np.random.default_rng(0).normal(size=(WIDTH, GENES))
    rng = np.random.default_rng(seed)
    noise_G = np.where(np.arange(GENES) % 10 == 0, 4.0, 0.5)
    z_SG = rng.normal(size=(n, WIDTH)) @ basis + noise_G * rng.normal(size=(n, GENES))
    z_SG[::10] += 12 * noise_G * rng.normal(size=(len(z_SG[::10]), GENES))
    return z_SG.astype(np.float32)


def error(encoder_LG, decoder_GL, z_SG) -> float:
    return float(np.mean((z_SG @ encoder_LG.T @ decoder_GL.T - z_SG) ** 2))


def test_new_samples_are_predicted_better_than_by_pca_where_a_few_samples_are_far_out():
    z_SG, new_SG = draw(60, 1), draw(400, 2)
    new_SG = np.delete(new_SG, np.s_[::10], axis=0)
    first_PG = fit_components(z_SG, WIDTH).pca_LG
    assert error(*robust_map(z_SG, WIDTH), new_SG) < 0.9 * error(first_PG, first_PG.T, new_SG)


def test_scores_have_variance_one_and_shapes_follow_the_samples():
    z_SG = draw(40, 1)
    encoder_LG, decoder_GL = robust_map(z_SG, WIDTH)
    assert np.allclose((z_SG @ encoder_LG.T).std(axis=0), 1, atol=1e-3)
    assert encoder_LG.shape == (WIDTH, GENES) and decoder_GL.shape == (GENES, WIDTH)
    assert len(robust_map(z_SG[:4], WIDTH)[0]) == 4


def test_samples_in_the_span_are_reproduced():
    rng = np.random.default_rng(3)
    basis = rng.normal(size=(WIDTH, GENES))
    z_SG = rng.normal(size=(50, WIDTH)) @ basis
    new_SG = rng.normal(size=(9, WIDTH)) @ basis
    encoder_LG, decoder_GL = robust_map(z_SG, WIDTH)
    assert np.allclose(new_SG @ encoder_LG.T @ decoder_GL.T, new_SG, atol=1e-3)
