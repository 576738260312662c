"""Linear baselines: every gene's z changes in proportion to every perturbed gene's.

Published deep models do not beat such baselines on real perturbations (Ahlmann-Eltze et al., Nature Methods 2025), so
no prediction is shown without them. Their parameters are learnt from the training samples only.

Shape suffixes: R rows, G genes, K perturbed genes, P principal components, E perturbation sets, U distinct genes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cellstate.perturb.perturbations import InputChange
from cellstate.perturb.predictors.base import CohortSlopes, PredictorSpec, ProgressReporter
from cellstate.perturb.predictors.components import Components, own, through

if TYPE_CHECKING:
    from cellstate.perturb.sample import PreparedSample
    from cellstate.perturb.search.goal import Goal

#: Perturbation sets whose changes of all genes are in memory at once.
_CHUNK = 256
#: All scores of a linear method are exact at once.
_ALL = 1_000_000


class LinearEffects(Protocol):
    """A linear map from the change of some genes to the change of all."""

    def change(self, change: InputChange) -> np.ndarray:
        """Return the change of z of every gene, shape (R, G); that of a perturbed gene is undefined."""

    def slope(self, direction_G: np.ndarray) -> np.ndarray:
        """Return the slope of a score along a direction in each gene's z, its own part left out, shape (G,)."""


@dataclass(frozen=True, eq=False)
class LinearMap:
    """Effects of low rank: target_g (V^T M V)_gk source_k.

    Attributes
    ----------
    components_PG : ndarray of float32, shape (P, G)
        V, orthonormal rows.
    middle : ndarray of float32, shape (P, P) or (P,)
        M, symmetric, or its diagonal where it has no other entries.
    source_G, target_G : ndarray of float32, shape (G,)
    """

    components_PG: np.ndarray
    middle: np.ndarray
    source_G: np.ndarray
    target_G: np.ndarray

    def change(self, change: InputChange) -> np.ndarray:
        """Return the change of z of every gene, shape (R, G); that of a perturbed gene is undefined."""
        sent_RK = change.delta_z_RK * self.source_G[change.genes_K]
        scores_RP = through(sent_RK @ self.components_PG[:, change.genes_K].T, self.middle)
        return (scores_RP @ self.components_PG) * self.target_G

    def slope(self, direction_G: np.ndarray) -> np.ndarray:
        """Return the slope of a score along a direction in each gene's z, its own part left out, shape (G,)."""
        aimed_G = (self.target_G * direction_G).astype(np.float32)
        reached_P = through(self.components_PG @ aimed_G, self.middle)
        return self.source_G * (reached_P @ self.components_PG - aimed_G * self._own_G)

    @cached_property
    def _own_G(self) -> np.ndarray:
        return own(self.components_PG, self.middle)


def pca_map(known: Components) -> LinearMap:
    """Project the perturbation on the components and back."""
    unit_G = np.ones(len(known.tf_G), np.float32)
    return LinearMap(known.pca_LG, np.ones(len(known.pca_LG), np.float32), unit_G, unit_G)


def coexpression_map(known: Components) -> LinearMap:
    """Change each gene along its regression line on each perturbed gene."""
    unit_G = np.ones(len(known.tf_G), np.float32)
    return LinearMap(known.components_PG, known.variance_P, 1 / np.maximum(known.z_variance_G, 1e-6), unit_G)


def ridge_map(known: Components) -> LinearMap:
    """Change each gene by its ridge regression on all other genes.

    The coefficients are -P_gk / P_gg of the regularised precision matrix P = (I - A) / lambda, so A_gk / (1 - A_gg), A
    the hat matrix.
    """
    unit_G, middle_P = np.ones(len(known.tf_G), np.float32), known.ridge_P.astype(np.float32)
    return LinearMap(known.components_PG, middle_P, unit_G, 1 / (1 - own(known.components_PG, middle_P)))


def tf_ridge_map(known: Components) -> LinearMap:
    """Change each gene by its ridge regression on transcription factors alone."""
    middle_PP = known.tf_ridge_PP.astype(np.float32)
    target_G = np.ones(len(known.tf_G), np.float32)
    target_G[known.tf_G] = 1 / (1 - own(known.components_PG[:, known.tf_G], middle_PP))
    return LinearMap(known.components_PG, middle_PP, known.tf_G.astype(np.float32), target_G)


class NoEffects:
    """Nothing but the perturbed genes changes."""

    def __init__(self, n_genes: int) -> None:
        self._n_genes = n_genes

    def change(self, change: InputChange) -> np.ndarray:
        """Return zeros, shape (R, G)."""
        return np.zeros((len(change.delta_z_RK), self._n_genes), np.float32)

    def slope(self, direction_G: np.ndarray) -> np.ndarray:
        """Return zeros, shape (G,)."""
        return np.zeros(self._n_genes, np.float32)


@dataclass(frozen=True, eq=False)
class LinearPredictor:
    """A linear method; see `cellstate.perturb.predictors.base.Predictor`."""

    spec: PredictorSpec
    effects: LinearEffects

    def predict_change(self, sample: PreparedSample, change: InputChange) -> np.ndarray:
        """Return the change of z of every gene for each row, shape (R, G), whatever the sample."""
        return self.effects.change(change)

    def scorer(self, sample: PreparedSample, goal: Goal) -> LinearScorer:
        """Return the scores of perturbations along a goal."""
        goal.check_sample(sample)
        return LinearScorer(self.effects, goal, has_cohort=sample.profiles is not None)


class LinearScorer:
    """Scores by a linear method: perturbations add up but for what they do to one another's genes.

    Parameters
    ----------
    effects : LinearEffects
    goal : Goal
    has_cohort : bool
        Whether the model has patients to compare with; the slopes are the same for each of them.
    """

    is_linear = True
    n_affordable = _ALL

    def __init__(self, effects: LinearEffects, goal: Goal, *, has_cohort: bool = False) -> None:
        self._effects, self._direction_G = effects, goal.direction_G.astype(np.float64)
        self._slope_G, self._has_cohort = effects.slope(goal.direction_G), has_cohort

    def first_order(self, delta_G: np.ndarray) -> np.ndarray:
        """Return the score's slope in each gene's z, the same for changes of any size, shape (G,)."""
        return self._slope_G

    def scores(self, genes_EK: np.ndarray, delta_EK: np.ndarray) -> np.ndarray:
        """Return the score of each perturbation set, the perturbed genes left out, shape (E,)."""
        return np.concatenate(
            [
                self._scores(genes_EK[start : start + _CHUNK], delta_EK[start : start + _CHUNK])
                for start in range(0, len(genes_EK), _CHUNK)
            ]
        )

    def _scores(self, genes_EK: np.ndarray, delta_EK: np.ndarray) -> np.ndarray:
        genes_U, at_EK = np.unique(genes_EK, return_inverse=True)
        delta_EU = np.zeros((len(genes_EK), len(genes_U)), np.float32)
        np.put_along_axis(delta_EU, at_EK.reshape(genes_EK.shape), delta_EK, axis=1)
        change_EG = self._effects.change(InputChange(genes_U, delta_EU, np.full_like(delta_EU, np.nan)))
        np.put_along_axis(change_EG, genes_EK, 0, axis=1)
        return change_EG @ self._direction_G

    def slopes(self, genes_EK: np.ndarray | None = None, delta_EK: np.ndarray | None = None) -> np.ndarray:
        """Return the score's slope in each gene's z: the same after every set, shape (E, G) or (1, G)."""
        rows = 1 if genes_EK is None else len(genes_EK)
        return np.repeat(self._slope_G[None], rows, axis=0)

    def cohort_slopes(self, progress: ProgressReporter | None = None) -> CohortSlopes | None:
        """Return one row for all patients: they differ by the levels of the perturbed gene alone."""
        return CohortSlopes(self._slope_G[None], self._slope_G) if self._has_cohort else None
