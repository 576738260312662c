"""Expression of a few thousand genes as a point in a space of few dimensions, whatever the unit, scale or gene list.

Within a sample each gene's rank is replaced by the level that a training sample has at that rank, so that sequencing
depth, logarithms and pseudocounts do not matter. Then the sample's coordinates are those of probabilistic PCA
(Tipping and Bishop, J. R. Stat. Soc. B 1999) given the genes that it measures: a gene that it does not measure is left
out of the least squares, and neither imputed nor zero.

Shape suffixes: S samples, C genes of this list, K components.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

#: Smallest variance of a coordinate.
_TINY = 1e-9


@dataclass(frozen=True, eq=False)
class LowRankModel:
    """Mean, scale and components of ranked expression.

    Attributes
    ----------
    axis_index_C : ndarray of int32
        Position of each gene on the gene axis, ascending.
    level_C : ndarray
        Levels of a training sample, ascending: the log1p TPM that stands at each rank.
    mean_C, scale_C, noise_C : ndarray
        Of ranked expression: mean and scale of each gene, and its variance beside the components in squared scales.
    loading_CK : ndarray
        Orthonormal directions.
    variance_K : ndarray
        Variance of the coordinates over the training samples.
    """

    axis_index_C: np.ndarray
    level_C: np.ndarray
    mean_C: np.ndarray
    scale_C: np.ndarray
    noise_C: np.ndarray
    loading_CK: np.ndarray
    variance_K: np.ndarray

    def standardise(self, ranked_SC: np.ndarray, measured_SC: np.ndarray) -> np.ndarray:
        """Return ranked expression less the mean, by the scale; 0 where nothing was measured, shape (S, C)."""
        return np.where(measured_SC, (ranked_SC - self.mean_C) / self.scale_C, 0.0)

    def coordinates(self, y_SC: np.ndarray, measured_SC: np.ndarray) -> np.ndarray:
        """Return the coordinates of standardised samples from the genes that each measures, shape (S, K)."""
        at_SK = np.empty((len(y_SC), self.loading_CK.shape[1]))
        for rows, measured_C, covariance_KK in self._posterior(measured_SC):
            at_SK[rows] = y_SC[rows][:, measured_C] @ self.loading_CK[measured_C] @ covariance_KK / self._noise
        return at_SK

    def expected(self, at_SK: np.ndarray) -> np.ndarray:
        """Return the standardised expression that coordinates stand for, shape (S, C)."""
        return at_SK @ self.loading_CK.T

    def imputation_error(self, measured_SC: np.ndarray, wanted_C: np.ndarray) -> np.ndarray:
        """Return the error of imputing what is missing, by the error of imputing every wanted gene, shape (S,).

        Both are expected squared errors: a gene's own noise, and for missing genes the uncertainty of the coordinates.
        0 where everything is measured; the share of missing genes, weighted by noise, where much else is measured; and
        above 1 where so little is measured that the coordinates are not known either.
        """
        found_S = np.zeros(len(measured_SC))
        for rows, measured_C, covariance_KK in self._posterior(measured_SC):
            missing_C = wanted_C & ~measured_C
            loading_MK = self.loading_CK[missing_C]
            found_S[rows] = self.noise_C[missing_C].sum() + ((loading_MK @ covariance_KK) * loading_MK).sum()
        return found_S / max(float(self.noise_C[wanted_C].sum()), _TINY)

    def slopes(
        self, away_SC: np.ndarray, on_C: np.ndarray, measured_SC: np.ndarray, precision_KK: np.ndarray
    ) -> np.ndarray:
        """Return the generalised least squares slope of samples on a property of genes, shape (S,).

        Parameters
        ----------
        away_SC : ndarray, shape (S, C)
            Standardised, less what is expected of each sample.
        on_C : ndarray
            The property in the same units.
        measured_SC : ndarray of bool
        precision_KK : ndarray
            Inverse covariance of the coordinates about what is expected: a trend that lies in a direction of large
            variance tells little.
        """
        slope_S = np.zeros(len(away_SC))
        for rows, measured_C, covariance_KK in self._posterior(measured_SC, precision_KK):
            loading_MK, on_M = self.loading_CK[measured_C], on_C[measured_C]
            weight_M = on_M - loading_MK @ (covariance_KK @ (loading_MK.T @ on_M)) / self._noise
            slope_S[rows] = away_SC[rows][:, measured_C] @ weight_M / max(float(on_M @ weight_M), _TINY)
        return slope_S

    @property
    def _noise(self) -> float:
        return max(float(self.noise_C.mean()), _TINY)

    def _posterior(
        self, measured_SC: np.ndarray, precision_KK: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield (rows, genes measured, covariance of the coordinates) for each set of genes that rows measure."""
        if precision_KK is None:
            precision_KK = np.diag(1 / np.maximum(self.variance_K, _TINY))
        packed = np.packbits(measured_SC, axis=1)
        _, first, group_S = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        for group, row in enumerate(first):
            measured_C = measured_SC[row]
            loading_MK = self.loading_CK[measured_C]
            covariance_KK = np.linalg.inv(loading_MK.T @ loading_MK / self._noise + precision_KK)
            yield np.flatnonzero(group_S.ravel() == group), measured_C, covariance_KK


def ranked(log1p_SC: np.ndarray, measured_SC: np.ndarray, level_C: np.ndarray) -> np.ndarray:
    """Replace each measured gene by the level at its rank among the measured genes; equal values share a mean level.

    Parameters
    ----------
    log1p_SC : ndarray, shape (S, C)
        Any increasing function of expression will do.
    measured_SC : ndarray of bool
    level_C : ndarray
        Ascending; of any length.

    Returns
    -------
    ndarray of float64, shape (S, C)
        0 where nothing was measured.
    """
    grid = np.linspace(0, 1, len(level_C) + 1)
    below = np.concatenate([[0.0], np.cumsum(level_C, dtype=np.float64)]) / len(level_C)
    found_SC = np.zeros(log1p_SC.shape)
    for s, measured_C in enumerate(measured_SC):
        if not measured_C.any():
            continue
        _, place, n = np.unique(log1p_SC[s, measured_C], return_inverse=True, return_counts=True)
        last = np.cumsum(n) / n.sum()
        first = np.concatenate([[0.0], last[:-1]])
        # The mean level between two ranks is the difference of the running integral.
        integral = np.interp(last, grid, below) - np.interp(first, grid, below)
        found_SC[s, measured_C] = (integral / (last - first))[place]
    return found_SC
