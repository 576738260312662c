"""What samples are compared on: the cohort's median profile, its main directions, and random ones.

All are learnt from at most 500 samples drawn at random among those that pass the other filters, so that the sources
are read once. Profiles are compared on the genes that all of these measure; a gene that another sample lacks stands at
the median.

Shape suffixes: S samples, A genes of the axis, G genes compared, D main directions, K random directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellstate.errors import DataError

from .source import FEWEST_GENES

#: Samples that the reference is learnt from, main directions and random directions.
MOST, MAIN, RANDOM = 500, 32, 64


@dataclass(frozen=True, eq=False)
class Reference:
    """The genes compared, their median, and the directions along which profiles are told apart.

    Attributes
    ----------
    index_G : ndarray of int
        Positions on the axis.
    median_G : ndarray of float32
        Of log1p TPM.
    centre_G : ndarray of float32
        Mean of the unit profiles.
    main_GD : ndarray of float32
        Orthonormal: where unit profiles differ most.
    random_GK : ndarray of float32
        Normal numbers of variance 1 / K, so that squared distances are kept on average.
    """

    index_G: np.ndarray
    median_G: np.ndarray
    centre_G: np.ndarray
    main_GD: np.ndarray
    random_GK: np.ndarray

    def units(self, log1p_SA: np.ndarray) -> np.ndarray:
        """Return profiles centred and scaled to length 1, shape (S, G): their products are Pearson correlations."""
        log1p_SG = _on(log1p_SA, self.index_G)
        missing_SG = np.isnan(log1p_SG)
        if missing_SG.any():
            np.copyto(log1p_SG, self.median_G, where=missing_SG)
        return _to_units(log1p_SG)

    def compare(self, log1p_SA: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Place profiles.

        Returns
        -------
        correlation_S : ndarray of float32
            Pearson correlation with the median profile.
        place_SD : ndarray of float32, shape (S, D + 1)
            Coordinates along the main directions and, last, how far the profile lies off them: two places are never
            farther apart than the unit profiles themselves.
        signature_SK : ndarray of float32, shape (S, K)
            Coordinates along the random directions: two are about as far apart as the unit profiles.
        """
        unit_SG = self.units(log1p_SA)
        # Row by row, so that no digit depends on which samples are compared together.
        correlation_S = np.vecdot(unit_SG, _to_units(self.median_G[None].copy()))
        unit_SG -= self.centre_G
        along_SD = unit_SG @ self.main_GD
        off_S = np.vecdot(unit_SG, unit_SG) - np.vecdot(along_SD, along_SD)
        place_SD = np.column_stack([along_SD, np.sqrt(np.maximum(off_S, 0))])
        return correlation_S, place_SD, unit_SG @ self.random_GK


def learn(log1p_SA: np.ndarray) -> Reference:
    """Learn the reference from some samples; raises ``DataError`` when they share too few genes."""
    index_G = np.flatnonzero(~np.isnan(log1p_SA).any(axis=0))
    if len(index_G) < FEWEST_GENES:
        raise DataError(
            f"The samples have only {len(index_G):,} measured genes in common, too few to compare them.",
            "Ingest files that measure different genes into stores of their own.",
        )
    log1p_SG = _on(log1p_SA, index_G)
    median_G = np.median(log1p_SG, axis=0)
    unit_SG = _to_units(log1p_SG)
    centre_G = unit_SG.mean(axis=0)
    unit_SG -= centre_G
    # The main directions from the small matrix of products between samples.
    variance_S, vector_SS = np.linalg.eigh(unit_SG @ unit_SG.T)
    kept = np.flatnonzero(variance_S > 1e-4 * max(variance_S[-1], 1e-6))[-MAIN:]
    main_GD, _ = np.linalg.qr(unit_SG.T @ vector_SS[:, kept])
    random_GK = np.random.default_rng(0).normal(0, RANDOM**-0.5, (len(index_G), RANDOM))
    return Reference(index_G, median_G, centre_G, main_GD.astype(np.float32), random_GK.astype(np.float32))


def _on(log1p_SA: np.ndarray, index_G: np.ndarray) -> np.ndarray:
    """Return some genes in float32, as a copy with each sample's values side by side."""
    return (log1p_SA if len(index_G) == log1p_SA.shape[1] else log1p_SA.take(index_G, axis=1)).astype(np.float32)


def _to_units(log1p_SG: np.ndarray) -> np.ndarray:
    """Centre profiles and scale them to length 1, in place; a silent profile becomes 0 and correlates with none."""
    log1p_SG -= log1p_SG.mean(axis=1, keepdims=True)
    length_S = np.sqrt(np.vecdot(log1p_SG, log1p_SG))
    log1p_SG /= np.maximum(length_S, 1e-6)[:, None]
    return log1p_SG
