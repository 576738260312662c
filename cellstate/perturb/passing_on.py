"""How far an edit reaches through direct effects: what is moved passes a share of its movement on.

Shape suffixes: S samples, G genes, K edited genes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from cellstate.perturb.edits import InputChange

#: Share of its movement that a gene passes on to those that it explains, in each of two further steps. Chosen on the
#: simulated networks of ``benchmarks.simulated`` with seeds from 100 on.
PASSED_ON = 0.5
#: Rows of a square of effects that are in memory at once.
_ROWS = 1024


@dataclass(frozen=True, eq=False)
class PassedOnMap:
    """Direct effects, and what the affected genes pass on to others, twice; the edited genes are held.

    Attributes
    ----------
    effect_GG : csr_array of float32, shape (G, G)
        What an S more of each gene (rows) does to the others.
    """

    effect_GG: csr_array

    def shift(self, change: InputChange) -> np.ndarray:
        """Return the change of z of every gene, shape (S, G); that of an edited gene means nothing."""
        first_SG = (self.effect_GG[change.genes_K].T @ change.delta_z_SK.T.astype(np.float32)).T
        # Of rows that edit different genes, each holds its own.
        free_SK = change.delta_z_SK == 0
        total_SG = first_SG
        for _ in range(2):
            felt_SG = total_SG.copy()
            felt_SG[:, change.genes_K] *= free_SK
            total_SG = first_SG + np.float32(PASSED_ON) * (self._into_GG @ felt_SG.T).T
        return total_SG

    def slope(self, direction_G: np.ndarray) -> np.ndarray:
        """Return how a score along a direction moves with each gene's z, without that gene's own part, shape (G,)."""
        first_G = self.effect_GG @ direction_G
        second_G = self.effect_GG @ first_G
        third_G = self.effect_GG @ second_G
        two_G, three_G = self._returns
        # What comes back to the edited gene goes no further, and is no part of the score.
        once_G = second_G - two_G * direction_G
        twice_G = third_G - two_G * first_G - three_G * direction_G
        return (first_G + PASSED_ON * once_G + PASSED_ON**2 * twice_G).astype(np.float32)

    @cached_property
    def _into_GG(self) -> csr_array:
        return self.effect_GG.T.tocsr()

    @cached_property
    def _returns(self) -> tuple[np.ndarray, np.ndarray]:
        """What comes back to each gene along two and along three effects, the diagonals of square and cube, (G,)."""
        two_G = self.effect_GG.multiply(self._into_GG).sum(axis=1)
        three_G = np.zeros_like(two_G)
        for start in range(0, len(two_G), _ROWS):
            rows = slice(start, start + _ROWS)
            three_G[rows] = (self.effect_GG[rows] @ self.effect_GG).multiply(self._into_GG[rows]).sum(axis=1)
        return two_G, three_G
