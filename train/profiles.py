"""Reference profiles of a corpus whose own profiles are not to be copied: drawn from what the network learnt.

Each class of samples is a normal distribution of latent states, its own mean and the covariance within classes; what a
state decodes to gets each gene's spread about the network's prediction. So percentiles, backgrounds and goals of the
model folder follow the corpus, and no profile is anybody's.

Shape suffixes: S samples, P drawn profiles, G genes, L latent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cellstate.evaluation.ood import shrunk_covariance
from cellstate.model import Model

#: Spread of a class whose samples are few, as a share of the spread within all classes.
_LEAST_SPREAD = 0.25


def draw_profiles(model: Model, z_SG: np.ndarray, labels_S: Sequence[str], n: int, seed: int = 0) -> np.ndarray:
    """Return log1p TPM of drawn profiles, shape (P, G), float32: the classes in turn, so that each is there as often.

    Parameters
    ----------
    z_SG : ndarray, shape (S, G)
        Standardised training samples without NaN.
    labels_S : sequence of str
        Class of each sample.
    n : int
        Profiles to draw.
    seed : int
    """
    rng = np.random.default_rng(seed)
    latent_SL = model.encode(z_SG).astype(np.float64)
    classes, of_S = np.unique(np.asarray(labels_S, dtype=str), return_inverse=True)
    mean_CL = np.array([latent_SL[of_S == c].mean(axis=0) for c in range(len(classes))])
    within_SL = latent_SL - mean_CL[of_S]
    root_LL = np.linalg.cholesky(shrunk_covariance(within_SL))
    total = np.square(within_SL).sum() / len(within_SL)
    size_S = np.square(within_SL).sum(axis=1) / max(total, 1e-12)
    own_C = np.bincount(of_S, weights=size_S) / np.bincount(of_S)
    spread_C = np.sqrt(np.maximum(own_C, _LEAST_SPREAD))
    chosen_P = np.arange(n) % len(classes)
    drawn_PL = mean_CL[chosen_P] + spread_C[chosen_P, None] * (rng.standard_normal((n, latent_SL.shape[1])) @ root_LL.T)
    residual_G = np.sqrt(np.mean((z_SG - model.reconstruct(z_SG)) ** 2, axis=0))
    z_PG = model.decode(drawn_PL.astype(np.float32)) + residual_G * rng.standard_normal((n, len(residual_G)))
    return model.space.log1p_tpm(z_PG).astype(np.float32)
