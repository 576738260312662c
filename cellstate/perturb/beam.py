"""Beam search over sets of single-gene edits: gradients propose, exact scores decide.

After the edits of each set so far one gradient says what to add, and whoever predicts scores every new set exactly, the
network with its cooperation. The greedy way, which always keeps the one best edit, goes along as one set of the beam,
so the search never ends behind it.

Shape suffixes: C candidates (a gene with one edit of it), B sets of the beam, P patterns, G genes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np

from cellstate.perturb.edits import Edit
from cellstate.perturb.engine import Engine
from cellstate.perturb.progress import Progress
from cellstate.perturb.screen import measured_candidates
from cellstate.perturb.set_scores import SetScores

#: Sets that are scored exactly: single edits, and extensions of each set of the beam; with 8 sets both are 256 a step.
FIRST, EXTENSIONS = 256, 32
#: A gain below this share of the goal's distance is rounding.
LEAST = 1e-6

#: Edits as positions among the candidates, in rising order: one set has one name.
EditSet: TypeAlias = tuple[int, ...]


class EditSets:
    """The candidates, and the exact score of every set of them that was asked for."""

    def __init__(
        self, engine: Engine, patterns: list[Edit], genes: np.ndarray | None, by: SetScores | None = None
    ) -> None:
        self.engine, self.patterns = engine, patterns
        self.by: SetScores = by or engine
        measured = measured_candidates(engine, genes)
        delta_PC = np.stack([engine.changes(pattern, measured) for pattern in patterns])
        # An edit that changes nothing is none, and two that do the same are one.
        new_PC = delta_PC != 0
        for p in range(1, len(patterns)):
            new_PC[p] &= (delta_PC[:p] != delta_PC[p]).all(axis=0)
        at, self.pattern_C = np.nonzero(new_PC.T)
        self.gene_C, self.delta_C = measured[at], delta_PC[self.pattern_C, at]
        self.known: dict[EditSet, float] = {(): 0.0}

    def scores(self, wanted: Iterable[EditSet]) -> list[float]:
        """Return the exact scores of sets of one size."""
        wanted = list(wanted)
        new = list(dict.fromkeys(one for one in wanted if one not in self.known))
        if new:
            found = self.by.scores(self.gene_C[np.array(new)], self.delta_C[np.array(new)])
            self.known |= dict(zip(new, found.tolist(), strict=True))
        return [self.known[one] for one in wanted]

    def further(self, one: EditSet, other: EditSet) -> bool:
        """Whether one scored set lies further along the goal than another, by more than rounding."""
        return self.known[one] - self.known[other] > LEAST * self.engine.goal.distance

    def extensions(self, beam: list[EditSet]) -> list[list[EditSet]]:
        """Propose sets with one edit more for each set of a beam, the most promising first."""
        at = np.array(beam, dtype=int)
        edits = (self.gene_C[at], self.delta_C[at]) if at.size else ()
        # Genes edited before still count in this slope, and another edit may move them: that is for the exact score.
        slope_BG = self.by.slopes(*edits)
        proposed = []
        for one, slope_G in zip(beam, slope_BG, strict=True):
            promise_C = self.delta_C * slope_G[self.gene_C]
            promise_C[np.isin(self.gene_C, self.gene_C[list(one)])] = -np.inf
            order = np.argsort(-promise_C, kind="stable")[: EXTENSIONS if one else FIRST]
            proposed.append([tuple(sorted((*one, int(c)))) for c in order if np.isfinite(promise_C[c])])
        return proposed


def search(
    sets: EditSets, max_edits: int, wanted: float, beam: int, progress: Progress | None
) -> tuple[EditSet, tuple[int, ...]]:
    """Return the best set, and the edits of the greedy way in its order.

    Parameters
    ----------
    max_edits : int
        Edits of a set at most.
    wanted : float
        Score that is enough, in S: the first size that has such a set is the last.
    beam : int
        Sets of one size that are followed up.
    progress : callable or None
        Called before every size; raises `Stopped` to stop.

    Returns
    -------
    best : tuple of int
        The smallest set that has the score wanted, else the one that moves furthest; empty where none moves.
    way : tuple of int
        The greedy set, in the order in which its edits were taken.
    """
    best: EditSet = ()
    greedy: EditSet = ()
    way: tuple[int, ...] = ()
    followed: list[EditSet] = [()]
    growing = seeking = True
    for size in range(max_edits):
        if progress:
            progress(size, max_edits, "combinations, edit by edit")
        proposed = dict(zip(followed, sets.extensions(followed), strict=True))
        every = list(dict.fromkeys(one for extended in proposed.values() for one in extended))
        sets.scores(every)
        every.sort(key=lambda one: -sets.known[one])
        if growing:
            longer = max(proposed[greedy], key=sets.known.__getitem__, default=greedy)
            growing = sets.further(longer, greedy)
            if growing:
                way, greedy = (*way, *set(longer) - set(greedy)), longer
                growing = sets.known[greedy] < wanted
        if seeking:
            seeking = bool(every) and sets.further(every[0], best)
            if seeking:
                best = every[0]
                seeking = sets.known[best] < wanted
        followed = every[:beam] if seeking else []
        if growing and greedy not in followed:
            followed = [*followed[: beam - 1], greedy]
        if not followed:
            break
    if progress:
        progress(max_edits, max_edits, "combinations, edit by edit")
    # The beam may have stopped where the greedy way still moved on.
    return (greedy if sets.known[best] < min(wanted, sets.known[greedy]) else best), way
