"""Activity of regulators: how much of a signature looks like what a rise of a gene does.

The activity of a gene is the cosine of its predicted effects and the signature, the gene itself left out. Whether it
is high is decided by normal samples of data sets that were left out: laboratories differ, so that some genes lead in
every sample of a study, normal ones too, and such a gene's activity varies there as well.

Shape suffixes: S samples, G genes, T candidate genes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellstate.perturb.effects import EffectMatrix


@dataclass(frozen=True, eq=False)
class Activities:
    """Activity of candidate genes in samples.

    Attributes
    ----------
    activity_ST : ndarray of float32
        Cosine of effects and signature, -1 to 1.
    change_ST : ndarray of float32
        The gene's own difference from the reference in SD.
    """

    activity_ST: np.ndarray
    change_ST: np.ndarray


def activities(signature_SG: np.ndarray, measured_SG: np.ndarray, effects: EffectMatrix) -> Activities:
    """Return the activity of every candidate of an effect matrix in every sample, as matrix products.

    Parameters
    ----------
    signature_SG : ndarray of float32
        0 where nothing was measured.
    measured_SG : ndarray of bool
    """
    effect_TG = effects.effect_CG
    along_ST = signature_SG @ effect_TG.T
    change_ST = signature_SG[:, effects.candidates_C]
    # The gene itself is left out on both sides: its effect on itself is 0.
    total_S1 = np.square(signature_SG).sum(axis=1, keepdims=True)
    rest_ST = np.maximum(total_S1 - np.square(change_ST), 0)
    length_ST = np.sqrt(rest_ST * _energy(effects, measured_SG))
    return Activities(np.divide(along_ST, length_ST, out=np.zeros_like(along_ST), where=length_ST > 0), change_ST)


def _energy(effects: EffectMatrix, measured_SG: np.ndarray) -> np.ndarray:
    """Return the squared length of each candidate's effects over the genes that each sample measures, (S, T)."""
    if measured_SG.all():
        return effects.energy_C[None]
    _, first, of_S = np.unique(np.packbits(measured_SG, axis=1), axis=0, return_index=True, return_inverse=True)
    missing_UG = ~measured_SG[first]
    # Most samples lack few genes: what these hold is taken away.
    lost_G = missing_UG.any(axis=0)
    lost_UT = missing_UG[:, lost_G].astype(np.float32) @ np.square(effects.effect_CG[:, lost_G]).T
    return np.maximum(effects.energy_C - lost_UT, 0)[of_S.ravel()]
