"""Interaction of two genes in the patients of the model's cohort: a test of interaction, as geneticists do.

Where both genes are high, does the goal stand higher than both genes explain each by itself? The goal's level in each
patient, less what the elastic net explains of it, is held against the product of both genes' levels; the levels and
their squares are taken out of both. Levels and goal enter as normal scores of their ranks: no single patient decides.

Such a product is no proof of a common cause: a pair of genes that go with two cooperating ones shows it too.

Shape suffixes: S cohort patients, G genes, R rows of a block, E pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.special import ndtri
from scipy.stats import rankdata, t

from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.model.folder import cached_per_model
from cellstate.perturb.predictors.sparse import load_effects
from cellstate.perturb.search.goal import Goal

#: A constant, both levels and both squares are taken out.
_TAKEN_OUT = 5
#: Fewer patients show nothing of two genes.
FEWEST_PATIENTS = 30
#: Two genes that say nearly the same have no product of their own: least share of a regressor that the others leave.
_OWN = 1e-3
#: Pairs that are solved at once.
_BATCH = 500


def normal_scores(x_SN: np.ndarray) -> np.ndarray:
    """Return the normal scores of each column's ranks, mean 0 and variance 1; zeros where a column is constant."""
    score_SN = ndtri((rankdata(x_SN, axis=0) - 0.5) / len(x_SN))
    score_SN -= score_SN.mean(axis=0)
    return score_SN / np.maximum(score_SN.std(axis=0), 1e-9)


@dataclass(frozen=True, eq=False)
class Levels:
    """Every gene of some patients, as the test needs it.

    Attributes
    ----------
    score_SG : ndarray of float32
        Normal scores of the levels.
    left_SG : ndarray of float32
        z, less what other genes explain of it linearly.
    """

    score_SG: np.ndarray
    left_SG: np.ndarray

    @classmethod
    def of(cls, z_SG: np.ndarray, effect_GG: csr_array | None = None) -> Levels:
        """Prepare standardised profiles, shape (S, G), with effects as the trainer learns them."""
        left_SG = z_SG if effect_GG is None else z_SG - z_SG @ effect_GG
        return cls(normal_scores(z_SG).astype(np.float32), left_SG.astype(np.float32))

    @cached_property
    def square(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A gene's square in its parts, a² = 1 + skew a + size bend: skew and size (G,), bend (S, G) of variance 1."""
        squared_SG = self.score_SG**2
        skew_G = (squared_SG * self.score_SG).mean(axis=0)
        bend_SG = squared_SG - squared_SG.mean(axis=0) - skew_G * self.score_SG
        size_G = bend_SG.std(axis=0)
        # A gene of two levels has no square of its own.
        bends_G = size_G > _OWN
        bend_SG = np.where(bends_G, bend_SG / np.maximum(size_G, _OWN), 0)
        return skew_G, np.where(bends_G, size_G, 0), bend_SG


def has_cohort(model: Model) -> bool:
    """Whether a model carries enough patients to be asked."""
    profiles = load_profiles(model)
    return profiles is not None and len(profiles) >= FEWEST_PATIENTS


@cached_per_model
def cohort_levels(model: Model) -> Levels | None:
    """Return the levels of a model's cohort; ``None`` for a model without one, or with hardly any patients."""
    profiles = load_profiles(model)
    if profiles is None or not has_cohort(model):
        return None
    return Levels.of(profiles.z_SG, load_effects(model))


def cohort_interactions(model: Model, goal: Goal) -> CohortInteractions | None:
    """Return what a model's cohort shows of pairs towards a goal; ``None`` where it has no cohort."""
    levels = cohort_levels(model)
    return None if levels is None else CohortInteractions(levels, goal.direction_G, model.device)


class CohortInteractions:
    """Interactions of two genes on a goal, over patients.

    Parameters
    ----------
    levels : Levels
    direction_G : ndarray, shape (G,)
        The goal, as in `Goal`.
    device : torch.device, optional
        Where rows of all partners are computed.
    """

    def __init__(self, levels: Levels, direction_G: np.ndarray, device: torch.device | str = "cpu") -> None:
        self._levels, self._direction_G, self._device = levels, direction_G, device
        self._goal_S = (levels.left_SG @ direction_G).astype(np.float64)

    def rows(self, rows_R: np.ndarray) -> torch.Tensor:
        """Return the partial correlation of some genes' products with the goal, for every second gene, shape (R, G).

        A proposal: that a perturbed gene is itself part of the goal is not taken out.
        """
        n, level_SG, bend_SG, both_SG, (skew_G, size_G) = self._tensors
        rows = torch.from_numpy(rows_R).to(self._device)
        with torch.inference_mode():
            goal_S = torch.from_numpy(normal_scores(self._goal_S[:, None])[:, 0].astype(np.float32)).to(self._device)
            level_SR, bend_SR = level_SG[:, rows], bend_SG[:, rows]
            skew_R1, size_R1 = skew_G[rows][:, None], size_G[rows][:, None]
            # How either gene's level and bend go together with the other's.
            ll, lb = level_SR.T @ level_SG / n, level_SR.T @ bend_SG / n
            bl, bb = bend_SR.T @ level_SG / n, bend_SR.T @ bend_SG / n
            # The product against the first gene's level and bend, the second's, itself, and the goal.
            p1, p2 = skew_R1 * ll + size_R1 * bl, both_SG[:, rows].T @ level_SG / n
            p3, p4 = skew_G * ll + size_G * lb, level_SR.T @ both_SG / n
            pp = 1 + skew_R1 * (skew_G * ll + size_G * lb) + size_R1 * (skew_G * bl + size_G * bb) - ll**2
            py = (level_SR * goal_S[:, None]).T @ level_SG / n
            y_level_G, y_bend_G = goal_S @ level_SG / n, goal_S @ bend_SG / n
            y1, y2 = y_level_G[rows][:, None], y_bend_G[rows][:, None]
            # Without the first gene, whose level and bend are orthogonal ...
            v3, v4 = p3 - ll * p1 - bl * p2, p4 - lb * p1 - bb * p2
            w3, w4 = y_level_G - ll * y1 - bl * y2, y_bend_G - lb * y1 - bb * y2
            pp, py, yy = pp - p1**2 - p2**2, py - p1 * y1 - p2 * y2, 1 - y1**2 - y2**2
            # ... and without what that leaves of the second.
            m33, m44, m34 = 1 - ll**2 - bl**2, 1 - lb**2 - bb**2, -(ll * lb + bl * bb)
            det = m33 * m44 - m34**2
            own = det > _OWN
            det = torch.where(own, det, 1)
            pp -= (m44 * v3**2 - 2 * m34 * v3 * v4 + m33 * v4**2) / det
            py -= (m44 * v3 * w3 - m34 * (v3 * w4 + v4 * w3) + m33 * v4 * w4) / det
            yy = yy - (m44 * w3**2 - 2 * m34 * w3 * w4 + m33 * w4**2) / det
            own &= pp > _OWN
            return torch.where(own, py / torch.sqrt(pp.clamp_min(_OWN) * yy.clamp_min(_OWN)), 0)

    @cached_property
    def _tensors(self) -> tuple[int, torch.Tensor, torch.Tensor, torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        skew_G, size_G, bend_SG = self._levels.square
        score_SG = self._levels.score_SG
        arrays = (score_SG, bend_SG, score_SG * bend_SG, skew_G, size_G)
        level, bend, both, skew, size = (torch.from_numpy(x.astype(np.float32)).to(self._device) for x in arrays)
        return len(score_SG), level, bend, both, (skew, size)

    def exact(self, a_E: np.ndarray, b_E: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the partial correlation of each pair's product with the goal, both genes left out of it, and its p.

        Returns
        -------
        r_E, p_E : ndarray of float64, shape (E,)
            p is two-sided, of Student's t with S - 6 degrees of freedom. 0 and 1 where the product says nothing that
            levels and squares do not say.
        """
        r_E = np.zeros(len(a_E))
        for start in range(0, len(a_E), _BATCH):
            some = slice(start, start + _BATCH)
            r_E[some] = self._some(a_E[some], b_E[some])
        free = len(self._goal_S) - _TAKEN_OUT - 1
        t_E = r_E * np.sqrt(free / np.maximum(1 - r_E**2, 1e-12))
        return r_E, 2 * t.sf(np.abs(t_E), free)

    def _some(self, a_E: np.ndarray, b_E: np.ndarray) -> np.ndarray:
        levels = self._levels
        a_SE, b_SE = (levels.score_SG[:, genes].astype(np.float64) for genes in (a_E, b_E))
        own_SE = self._direction_G[a_E] * levels.left_SG[:, a_E] + self._direction_G[b_E] * levels.left_SG[:, b_E]
        goal_SE = normal_scores(self._goal_S[:, None] - own_SE)
        known_ES5 = np.stack([np.ones_like(a_SE), a_SE, b_SE, a_SE**2, b_SE**2]).transpose(2, 1, 0)
        product_ES1, goal_ES1 = (a_SE * b_SE).T[:, :, None], goal_SE.T[:, :, None]
        # By pseudo-inverse: two genes that say the same make the regressors dependent.
        inverse_E5S = np.linalg.pinv(known_ES5, rcond=_OWN)
        product_ES, goal_ES = ((x - known_ES5 @ (inverse_E5S @ x))[:, :, 0] for x in (product_ES1, goal_ES1))
        size_E = np.sqrt((product_ES**2).sum(axis=1) * (goal_ES**2).sum(axis=1))
        says_E = (product_ES**2).mean(axis=1) > _OWN
        says_E &= size_E > 0
        return np.divide((product_ES * goal_ES).sum(axis=1), size_E, where=says_E, out=np.zeros_like(size_E))
