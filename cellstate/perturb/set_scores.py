"""What a predictor says of sets of edits of one patient: the engine asks the network, `RivalScores` a rival.

Shape suffixes: E sets, K edited genes of a set, U distinct genes of all sets, G genes.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from cellstate.perturb.edits import InputChange
from cellstate.perturb.engine import Engine
from cellstate.perturb.goals import Goal
from cellstate.perturb.rivals import NETWORK, ShiftMap, rival_maps

#: Sets whose shifts of all genes are in memory at once.
_CHUNK = 256


class SetScores(Protocol):
    """Scores of sets of edits along a goal."""

    def scores(self, genes_EK: np.ndarray, delta_EK: np.ndarray) -> np.ndarray:
        """Return the exact movement along the goal, in S, with the edited genes left out, shape (E,)."""

    def slopes(self, genes_EK: np.ndarray | None = None, delta_EK: np.ndarray | None = None) -> np.ndarray:
        """Return the score's slope in each gene's z after each set, or before any edit, shapes (E, G) and (1, G).

        A gene's own part is left out.
        """


class RivalScores:
    """Sets of edits by a rival: linear, so that edits add up but for what they do to one another's genes.

    Parameters
    ----------
    one : ShiftMap
    goal : Goal
    """

    def __init__(self, one: ShiftMap, goal: Goal) -> None:
        self._map, self._direction_G = one, goal.direction_G.astype(np.float64)
        self._slope_1G = one.slope(goal.direction_G)[None]

    def scores(self, genes_EK: np.ndarray, delta_EK: np.ndarray) -> np.ndarray:
        """Return the movement along the goal, in S, with the edited genes left out, shape (E,)."""
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
        shift_EG = self._map.shift(InputChange(genes_U, delta_EU, np.full_like(delta_EU, np.nan)))
        np.put_along_axis(shift_EG, genes_EK, 0, axis=1)
        return shift_EG @ self._direction_G

    def slopes(self, genes_EK: np.ndarray | None = None, delta_EK: np.ndarray | None = None) -> np.ndarray:
        """Return the score's slope in each gene's z, a gene's own part left out: the same after every set."""
        return self._slope_1G if genes_EK is None else np.repeat(self._slope_1G, len(genes_EK), axis=0)


def set_scores(engine: Engine, predictor: str) -> SetScores:
    """Return whoever scores sets of edits: the engine's network, or a rival that its model folder holds."""
    return engine if predictor == NETWORK else RivalScores(rival_maps(engine.model)[predictor], engine.goal)
