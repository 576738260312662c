"""A linear auto-encoder that holds on new samples better than PCA of the same width.

PCA is optimal on the samples it was fitted to, and there alone: its components follow the few samples farthest from the
mean and the noisiest genes. Three weights mend that, all from the training samples:

1. every sample counts by its direction, not its length (spherical PCA, Locantore et al., Test 1999);
2. every gene counts by the inverse root of its residual standard deviation, half way from PCA to factor analysis;
3. the decoder is a regression in which a sample counts the less the more it steered the components (its leverage).

Chosen on validation patients alone; ``python -m benchmarks.reconstruction`` measures it beside PCA.

Shape suffixes: S samples, G genes, L latent units.
"""

from __future__ import annotations

import numpy as np

#: Exponents of the three weights: residual variance of a gene, length of a sample, leverage.
GENE, SAMPLE, LEVERAGE = -0.25, -1.0, -2.0
_LEAST_VARIANCE = 0.02


def robust_map(z_SG: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return encoder, shape (L, G), and decoder, shape (G, L): z is predicted as decoder @ encoder @ z.

    Parameters
    ----------
    z_SG : ndarray, shape (S, G)
        Standardised training samples.
    width : int
        Latent units; fewer come back where there are fewer samples. Their training scores have variance 1.
    """
    z_SG = z_SG.astype(np.float64)
    n = min(width, *z_SG.shape)
    first_LG = _directions(z_SG, n)
    spare = max(1, len(z_SG) - n)
    residual_G = ((z_SG - (z_SG @ first_LG.T) @ first_LG) ** 2).sum(axis=0) / spare
    weight_G = np.maximum(residual_G, _LEAST_VARIANCE) ** GENE
    length_S = np.maximum(np.linalg.norm(z_SG, axis=1), 1e-9)
    encoder_LG = _directions(z_SG * weight_G * length_S[:, None] ** SAMPLE, n) * weight_G
    encoder_LG /= np.maximum((z_SG @ encoder_LG.T).std(axis=0), 1e-9)[:, None]
    score_SL = z_SG @ encoder_LG.T
    counts_S = (1 + (score_SL**2).mean(axis=1)) ** LEVERAGE
    weighed_LS = (score_SL * counts_S[:, None]).T
    decoder_LG = np.linalg.lstsq(weighed_LS @ score_SL, weighed_LS @ z_SG, rcond=None)[0]
    return encoder_LG.astype(np.float32), decoder_LG.T.astype(np.float32)


def _directions(z_SG: np.ndarray, n: int) -> np.ndarray:
    return np.linalg.svd(z_SG, full_matrices=False)[2][:n]
