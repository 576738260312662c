"""Sets of cooperating regulators: a few genes whose effects together explain a signature better than each alone.

Genes are added one after another, each the one that, together with those before it, explains most of the signature
(orthogonal matching pursuit, Pati et al., Asilomar 1993). Only genes are added whose coefficient has the sign of their
own difference from the reference: a gene that is lower here drives nothing by being high. The set is chosen on half of
the genes and judged on the other half, beside its best member and beside random sets of its size, so that a larger
set is not better by being larger.

Shape suffixes: T candidate genes, G genes, N members.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellstate.perturb.effects import EffectMatrix
from cellstate.perturb.predictors.base import SearchProgress

#: Members at most, and random sets that a set is compared with.
MOST, RANDOM_SETS = 5, 200
#: A member that explains less of what is left than this share of the signature ends the search.
LEAST_GAIN = 0.005


@dataclass(frozen=True, eq=False)
class RegulatorSet:
    """Regulators that together explain a signature.

    Attributes
    ----------
    members_N : ndarray of int
        Rows of the effect matrix, in the order in which they were added.
    coefficient_N : ndarray of float
        Rise of each member in SD that explains the signature best.
    share_N : ndarray of float
        What each explained of the half by which the set was chosen, when it was added.
    explained, best_member : float
        Share of the other half of the signature that the set explains, and its best member alone.
    p : float
        Share of random sets of that size that explain as much.
    """

    members_N: np.ndarray
    coefficient_N: np.ndarray
    share_N: np.ndarray
    explained: float
    best_member: float
    p: float


def cooperating_set(
    signature_G: np.ndarray,
    effects: EffectMatrix,
    allowed_T: np.ndarray,
    *,
    most: int = MOST,
    seed: int = 0,
    progress: SearchProgress | None = None,
) -> RegulatorSet | None:
    """Choose the set of regulators that explains a signature; ``None`` where no regulator explains anything.

    Parameters
    ----------
    signature_G : ndarray
        Difference from the reference in SD, 0 where nothing was measured.
    effects : EffectMatrix
    allowed_T : ndarray of bool
        Candidates that may be members, such as those that the sample expresses.
    most : int
        Members at most.
    seed : int
        Decides the halves and the random sets.
    progress : callable, optional
        Receives (done, total, what).
    """
    rng = np.random.default_rng(seed)
    known_G = signature_G != 0
    first_G = known_G & (rng.random(len(signature_G)) < 0.5)
    candidates = np.flatnonzero(allowed_T)
    if not len(candidates) or first_G.sum() < 2 or (known_G & ~first_G).sum() < 2:
        return None
    # Members are left out of what is explained, on both sides: their own levels are what the set starts from.
    own_C = effects.candidates_C[candidates]
    chosen, learn = _Half.of(signature_G, effects.effect_CG[candidates], first_G, own_C), candidates
    judged = _Half.of(signature_G, effects.effect_CG[candidates], known_G & ~first_G, own_C)
    wanted_C = np.sign(signature_G[own_C])
    members, shares = _pursue(chosen, wanted_C, most)
    if not members:
        return None
    explained = judged.explained(chosen, members)
    best = max(judged.explained(chosen, [one]) for one in members)
    able = np.flatnonzero(chosen.energy_C > 0)
    drawn = [rng.choice(able, len(members), replace=False).tolist() for _ in range(RANDOM_SETS)]
    as_much = 0
    for n_done, one in enumerate(drawn):
        if progress:
            progress(n_done, RANDOM_SETS, "random sets of regulators")
        as_much += judged.explained(chosen, one) >= explained
    return RegulatorSet(
        members_N=learn[members],
        coefficient_N=chosen.coefficients(members),
        share_N=np.array(shares),
        explained=explained,
        best_member=best,
        p=(1 + as_much) / (1 + RANDOM_SETS),
    )


@dataclass(frozen=True, eq=False)
class _Half:
    """Products of candidates' effects and the signature over half of the genes."""

    effect_CG: np.ndarray
    signature_G: np.ndarray
    along_C: np.ndarray
    energy_C: np.ndarray
    total: float

    @classmethod
    def of(cls, signature_G: np.ndarray, effect_CG: np.ndarray, half_G: np.ndarray, own_C: np.ndarray) -> _Half:
        half = np.flatnonzero(half_G)
        part_CG, part_G = effect_CG[:, half].astype(np.float32), signature_G[half].astype(np.float32)
        return cls(part_CG, part_G, part_CG @ part_G, np.square(part_CG).sum(axis=1), float(np.square(part_G).sum()))

    def coefficients(self, members: list[int]) -> np.ndarray:
        rows_NG = self.effect_CG[members]
        return np.linalg.lstsq(rows_NG @ rows_NG.T, self.along_C[members], rcond=1e-6)[0]

    def explained(self, learnt: _Half, members: list[int]) -> float:
        """Return the share of this half that members explain with the coefficients learnt on another half."""
        rest_G = self.signature_G - learnt.coefficients(members) @ self.effect_CG[members]
        return 1 - float(np.square(rest_G).sum()) / self.total


def _pursue(half: _Half, wanted_C: np.ndarray, most: int) -> tuple[list[int], list[float]]:
    members: list[int] = []
    shares: list[float] = []
    rest_G, before = half.signature_G, 0.0
    while len(members) < most:
        along_C = half.effect_CG @ rest_G
        gain_C = np.divide(np.square(along_C), half.energy_C, out=np.zeros_like(along_C), where=half.energy_C > 0)
        gain_C[(np.sign(along_C) != wanted_C) | (wanted_C == 0)] = 0
        gain_C[members] = 0
        best = int(gain_C.argmax())
        coefficients = half.coefficients([*members, best])
        rest_G = half.signature_G - coefficients @ half.effect_CG[[*members, best]]
        share = 1 - float(np.square(rest_G).sum()) / half.total
        if gain_C[best] == 0 or share - before < LEAST_GAIN:
            break
        members.append(best)
        shares.append(share - before)
        before = share
    return members, shares
