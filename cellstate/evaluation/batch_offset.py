"""What a batch adds to every one of its samples, estimated from the others of the same batch.

Platforms and laboratories move genes by amounts that have nothing to do with a sample's state. A model that never saw
them cannot know; a handful of samples from the same place tell. The offset of a sample is the mean distance of the
others from what the model predicts for them, so that a sample never says anything about itself.

Shape suffixes: S samples, G genes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: A batch of fewer samples says nothing of the offset of one of them.
FEWEST = 3


def leave_one_out_offset(residual_SG: np.ndarray, groups: Sequence[str] | None = None) -> np.ndarray:
    """Return the offset of each sample, estimated from the other samples of its batch.

    Each gene's mean is moved towards no offset by as much as its own noise explains (empirical Bayes): the share kept
    is tau^2 / (tau^2 + s^2 / n), with s^2 the gene's variance within the batch and tau^2 the variance of offsets
    between genes beyond noise.

    Parameters
    ----------
    residual_SG : ndarray of float, shape (S, G)
        Truth less prediction on log1p TPM; NaN where not measured.
    groups : sequence of str, optional
        Batch of each sample; all are one where it is not given.

    Returns
    -------
    ndarray of float64, shape (S, G)
        To be added to the predictions; 0 in a batch of fewer than three samples, and for a gene that fewer than two of
        the others measure.
    """
    names = np.zeros(len(residual_SG), dtype=int) if groups is None else np.asarray(groups, dtype=str)
    offset_SG = np.zeros(residual_SG.shape)
    for name in np.unique(names):
        rows = np.flatnonzero(names == name)
        if len(rows) >= FEWEST:
            offset_SG[rows] = _of_batch(residual_SG[rows].astype(np.float64))
    return offset_SG


def _of_batch(residual_SG: np.ndarray) -> np.ndarray:
    known_SG = ~np.isnan(residual_SG)
    value_SG = np.where(known_SG, residual_SG, 0)
    # Of the others: how many, their mean and the variance around it.
    n_SG = known_SG.sum(axis=0) - known_SG
    some_SG = np.maximum(n_SG, 1)
    mean_SG = (value_SG.sum(axis=0) - value_SG) / some_SG
    square_SG = ((value_SG**2).sum(axis=0) - value_SG**2) / some_SG
    enough_SG = n_SG >= FEWEST - 1
    noise_SG = np.maximum(square_SG - mean_SG**2, 0) / np.maximum(n_SG - 1, 1)
    n_S1 = np.maximum(enough_SG.sum(axis=1, keepdims=True), 1)
    between_S1 = (np.where(enough_SG, mean_SG**2 - noise_SG, 0)).sum(axis=1, keepdims=True) / n_S1
    between_S1 = np.maximum(between_S1, 0)
    total_SG = between_S1 + noise_SG
    kept_SG = np.divide(between_S1, total_SG, out=np.zeros_like(total_SG), where=total_SG > 0)
    return np.where(enough_SG, kept_SG * mean_SG, 0)
