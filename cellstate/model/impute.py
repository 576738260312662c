"""Imputation of genes that a sample does not measure: the model's own prediction of them from the others.

Predicting, putting the predictions in, and predicting again converges to the state that agrees best with what was
measured (for a linear autoencoder the expectation-maximisation of PCA with missing values, Roweis, NIPS 1997). Imputing
0, the training mean, would pull every latent unit toward the mean by the fraction that is missing.

Shape suffixes: S samples, G genes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

#: Passes stop when at most this fraction of the answer is still missing, or after so many passes.
REST, MOST_PASSES = 0.01, 8
#: With a smaller fraction of the genes measured nothing is predicted from them.
LEAST_MEASURED = 0.2


def impute_missing(
    predict: Callable[[np.ndarray], np.ndarray], z_SG: np.ndarray, measured_SG: np.ndarray
) -> np.ndarray:
    """Return z with predictions where nothing was measured, shape (S, G).

    Parameters
    ----------
    predict : callable
        z of shape (S, G) -> predicted z of every gene.
    z_SG : ndarray of float32
        0 where nothing was measured.
    measured_SG : ndarray of bool

    A sample that measures less than a fifth of the genes is returned as it is.
    """
    fraction_S = measured_SG.mean(axis=1)
    rows = np.flatnonzero((fraction_S < 1) & (fraction_S >= LEAST_MEASURED))
    if not len(rows):
        return z_SG
    imputed_SG, known_RG = z_SG.copy(), measured_SG[rows]
    # Each pass reduces the error to about the missing fraction of it.
    missing = min(1 - fraction_S[rows].min(), 1 - 1e-9)
    for _ in range(min(MOST_PASSES, math.ceil(math.log(REST) / math.log(max(missing, 1e-9))))):
        imputed_SG[rows] = np.where(known_RG, z_SG[rows], predict(imputed_SG[rows]))
    return imputed_SG
