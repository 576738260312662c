"""How far do the knock-outs that a predictor combines truly move a patient, in % of the best combination's effect?

Asked as a user asks, along a goal, of one patient: each predictor chooses greedily, one gene more each time, by its own
scores; the truth chooses in the same way by what the knock-outs truly do. Then both sets are truly knocked out.

Shape suffixes: S samples, G genes, E sets, K genes of a set, Q questions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.simulated_predictors import Fitted
from benchmarks.simulator import World

#: Column of the table: the true effect of the knock-outs that a method chooses, as a share of the best three's.
DESIGNED = "combination of 3, share"
#: Genes of a combination, and questions of a world: each takes every predictor three searches.
GENES, QUESTIONS = 3, 24


class SetQuestions:
    """Which genes, knocked out together, move this patient farthest along this direction?

    Parameters
    ----------
    world : World
    patient_Q, direction_QG : ndarray
        Patients and goals; of many, some evenly spread ones are asked.
    """

    def __init__(self, world: World, patient_Q: np.ndarray, direction_QG: np.ndarray) -> None:
        asked = np.unique(np.linspace(0, len(patient_Q) - 1, QUESTIONS).astype(int))
        self.world, self.patient_Q, self.direction_QG = world, patient_Q[asked], direction_QG[asked]
        self.z_SG, self.change_SG = world.z(world.test), world.measured_change("ko")
        self.best_Q = np.array([self._moved(*one, self._greedy(self._truly(*one))) for one in self._each()])

    def reached(self, fitted: Fitted) -> dict[str, float]:
        """Return the true way of the predictor's sets as a share of that of the best, mean over questions."""
        return self._share([self._greedy(self._foreseen(fitted, *one)) for one in self._each()])

    def by_chance(self) -> dict[str, float]:
        """Return the same for genes drawn at random."""
        rng = np.random.default_rng(self.world.seed)
        return self._share([rng.choice(self.z_SG.shape[1], GENES, replace=False) for _ in self._each()])

    def _each(self) -> list[tuple[int, np.ndarray]]:
        return [(int(s), direction_G) for s, direction_G in zip(self.patient_Q, self.direction_QG, strict=True)]

    def _share(self, sets: list[np.ndarray]) -> dict[str, float]:
        moved_Q = np.array([self._moved(*one, genes_K) for one, genes_K in zip(self._each(), sets, strict=True)])
        return {DESIGNED: float((moved_Q / self.best_Q).mean())}

    def _moved(self, s: int, direction_G: np.ndarray, genes_K: np.ndarray) -> float:
        return float(self._truly(s, direction_G)(genes_K[None])[0])

    def _truly(self, s: int, direction_G: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        return lambda genes_EK: _along(self.world.true_shift(genes_EK, "ko", [s])[0], genes_EK, direction_G)

    def _foreseen(self, fitted: Fitted, s: int, direction_G: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        z_G, change_G = self.z_SG[s], self.change_SG[s]
        return lambda genes_EK: _along(fitted.together(z_G, change_G, genes_EK), genes_EK, direction_G)

    def _greedy(self, score: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return the genes that a score takes, one after the other, shape (K,); ties are broken by chance."""
        rng, taken = np.random.default_rng(self.world.seed), np.empty(0, int)
        for _ in range(GENES):
            # The first genes are the regulators: who cannot decide must not take them.
            others = np.setdiff1d(rng.permutation(self.z_SG.shape[1]), taken, assume_unique=True)
            longer_EK = np.column_stack([np.tile(taken, (len(others), 1)), others])
            taken = longer_EK[score(longer_EK).argmax()]
        return taken


def _along(shift_EG: np.ndarray, genes_EK: np.ndarray, direction_G: np.ndarray) -> np.ndarray:
    """Movement along a direction, the perturbed genes left out, shape (E,)."""
    shift_EG = shift_EG.copy()
    np.put_along_axis(shift_EG, genes_EK, 0, axis=1)
    return shift_EG @ direction_G
