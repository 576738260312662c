"""The protocols of every prediction method, and of the scores that a search needs from it.

Shape suffixes: R rows (states of one sample), E perturbation sets, K perturbed genes, G genes, S cohort patients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cellstate.evidence import PredictorId
from cellstate.labels import PREDICTORS

if TYPE_CHECKING:
    from cellstate.perturb.perturbations import InputChange
    from cellstate.perturb.sample import PreparedSample
    from cellstate.perturb.search.goal import Goal

#: Called with (done, total, what) while a search runs; raises `cellstate.errors.Stopped` to stop it.
SearchProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class PredictorSpec:
    """One prediction method.

    Attributes
    ----------
    id : PredictorId
    description : str
        What the method does, in one sentence.
    uses_prior_knowledge : bool
        Whether it is given knowledge that is not in the training samples.
    is_linear : bool
        Whether perturbations add up.
    """

    id: PredictorId
    description: str
    uses_prior_knowledge: bool = False
    is_linear: bool = True

    @property
    def label(self) -> str:
        """Name in figures and tables."""
        return PREDICTORS[self.id]


@dataclass(frozen=True, eq=False)
class CohortSlopes:
    """Slopes of a goal's score in every gene's z, for the patients of the model's cohort and for one sample.

    Attributes
    ----------
    cohort_SG : ndarray of float32, shape (S, G) or (1, G)
        One row where all patients have the same. A gene's own part is left out.
    sample_G : ndarray of float32, shape (G,)
    """

    cohort_SG: np.ndarray
    sample_G: np.ndarray


class GoalScorer(Protocol):
    """Scores of perturbations of one sample along one goal, in SD, with the perturbed genes left out."""

    @property
    def is_linear(self) -> bool:
        """Whether the first-order score is the exact one, and perturbations add up."""

    @property
    def n_affordable(self) -> int:
        """How many exact scores cost next to nothing."""

    def first_order(self, delta_G: np.ndarray) -> np.ndarray:
        """Return the score's slope in each gene's z, the gene's own part left out, shape (G,).

        ``delta_G`` is the change of z by the perturbation of each gene, 0 where it is no candidate; the product of
        slope and ``delta_G`` is the score of each perturbation to first order.
        """

    def scores(self, genes_EK: np.ndarray, delta_EK: np.ndarray) -> np.ndarray:
        """Return the exact score of each perturbation set, float64, shape (E,).

        Sets of fewer genes than K are padded with a gene of theirs and a change of 0.
        """

    def slopes(self, genes_EK: np.ndarray | None = None, delta_EK: np.ndarray | None = None) -> np.ndarray:
        """Return the score's slope in each gene's z after each set, shape (E, G), or before any, shape (1, G)."""

    def slopes_along(self, direction_RG: np.ndarray) -> np.ndarray:
        """Return what `slopes` gives before any set along other directions than the goal's, shape (R, G)."""

    def cohort_slopes(self, progress: SearchProgress | None = None) -> CohortSlopes | None:
        """Return the slopes for the model's cohort, None for a model without one."""


class Predictor(Protocol):
    """A prediction method: the expression change of every other gene when genes of a sample are perturbed."""

    @property
    def spec(self) -> PredictorSpec:
        """Id and description of the method."""

    def predict_change(self, sample: PreparedSample, change: InputChange) -> np.ndarray:
        """Return the change of z of every gene for each row, float32, shape (R, G); a perturbed gene's is undefined."""

    def scorer(self, sample: PreparedSample, goal: Goal) -> GoalScorer:
        """Return the scores of perturbations of a sample along a goal.

        Raises
        ------
        GoalError
            A goal that was made for another sample.
        """
