"""What stands in for genes that a sample does not measure: the model's own prediction of them from the others.

Predicting, putting the predictions in, and predicting again converges to the state that agrees best with what was
measured (for a linear auto-encoder the expectation-maximisation of PCA with missing values, Roweis, NIPS 1997). A
stand-in of 0, the training mean, would pull every latent unit towards the mean by the share that is missing.

Shape suffixes: S samples, G genes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

#: Where passes stop: the part of the answer that is still missing, at most this many passes.
REST, MOST_PASSES = 0.01, 8
#: With fewer genes measured than this share nothing is predicted from them.
LEAST_MEASURED = 0.2


def fill(predict: Callable[[np.ndarray], np.ndarray], z_SG: np.ndarray, measured_SG: np.ndarray) -> np.ndarray:
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
    share_S = measured_SG.mean(axis=1)
    rows = np.flatnonzero((share_S < 1) & (share_S >= LEAST_MEASURED))
    if not len(rows):
        return z_SG
    filled_SG, known_RG = z_SG.copy(), measured_SG[rows]
    # Each pass leaves about the missing share of the way to go.
    missing = min(1 - share_S[rows].min(), 1 - 1e-9)
    for _ in range(min(MOST_PASSES, math.ceil(math.log(REST) / math.log(max(missing, 1e-9))))):
        filled_SG[rows] = np.where(known_RG, z_SG[rows], predict(filled_SG[rows]))
    return filled_SG
