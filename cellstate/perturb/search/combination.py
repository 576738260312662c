"""Design the smallest combination of perturbations that moves one sample far enough toward a goal.

Beam search over sets of single-gene perturbations: slopes propose, exact scores decide. After the perturbations of each
set so far one slope says what to add, and the prediction method scores every new set exactly, the autoencoder with its
interactions. The greedy search, which always keeps the one best perturbation, goes along as one set of the beam, so the
search never ends behind it.

The score of a set leaves all genes of the set out. A gain is the score of a set less that of the set before, so it
holds what the new perturbation does to the others, and loses what the perturbations before it did to the new gene,
where that gene is part of the goal. Gains sum to the score.

Shape suffixes: C candidates (a gene with one perturbation of it), B sets of the beam, P patterns, G genes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from cellstate.errors import CellStateError
from cellstate.perturb.perturbations import Perturbation, candidate_changes, ordinal, parse_patterns
from cellstate.perturb.predictors.base import GoalScorer, PredictorId, SearchProgress
from cellstate.perturb.predictors.registry import available_predictors, resolve_predictor
from cellstate.perturb.sample import PreparedSample
from cellstate.perturb.search.goal import Goal
from cellstate.perturb.search.single import measured_candidates

#: Sets that are scored exactly: single perturbations, and extensions of each set of the beam; with 8 sets both are 256
#: a step.
FIRST, EXTENSIONS = 256, 32
#: A gain below this fraction of the goal's distance is rounding.
LEAST = 1e-6

#: Perturbations as positions among the candidates, in rising order: one set has one name.
CandidateSet: TypeAlias = tuple[int, ...]

COLUMNS = ("gene", "perturbation", "score", "gain", "fraction_of_distance", "alone", "sentence")
_WAYS = {
    "knock-out": "Knocking out {gene}",
    "knock-down": "Lowering {gene} by {amount:g}%",
    "multiply": "Multiplying {gene} by {amount:g}",
    "set": "Setting {gene} to {amount:g} TPM",
    "quantile": "Setting {gene} to the cohort's {rank} percentile",
}


@dataclass(frozen=True, eq=False)
class Combination:
    """A designed combination of perturbations, beside the greedy one and the sum of its parts: a hypothesis.

    Attributes
    ----------
    sample : str
    goal : Goal
    predictor : PredictorId
        The method that scores.
    steps : DataFrame
        One row a perturbation; the next is always the one of the combination that gains most. Columns: gene,
        perturbation (``ko``), score (SD along the goal of the perturbations so far, their genes left out), gain (score
        less that of the row before), fraction_of_distance (to the goal), alone (score of this perturbation by itself),
        sentence. Empty where no perturbation moves the sample toward the goal.
    reached : bool
        Whether the fraction asked for is reached.
    greedy : DataFrame
        The same of the search that keeps only the best perturbation each time.
    sum_of_singles : float
        Sum of ``alone`` over the steps, in SD.
    n_scored : int
        Distinct sets of perturbations that were scored exactly.
    perturbations : tuple of str
        What might be done to a gene.
    genes : ndarray of int or None
        Positions in the model of the candidates that were asked for; None for all.
    max_perturbations : int
        Perturbations at most.
    fraction : float
        Fraction of the goal's distance that was asked for.
    """

    sample: str
    goal: Goal
    predictor: PredictorId
    steps: pd.DataFrame
    reached: bool
    greedy: pd.DataFrame
    sum_of_singles: float
    n_scored: int
    perturbations: tuple[str, ...]
    genes: np.ndarray | None
    max_perturbations: int
    fraction: float


def combine(
    sample: PreparedSample,
    goal: Goal,
    *,
    max_perturbations: int = 5,
    fraction: float = 1.0,
    perturbations: Sequence[str] = ("ko",),
    genes: np.ndarray | None = None,
    predictor: str | None = None,
    beam: int = 8,
    progress: SearchProgress | None = None,
) -> Combination:
    """Search for the smallest set of single-gene perturbations that reaches a fraction of the distance to a goal.

    Parameters
    ----------
    sample : PreparedSample
        Of shape (1, G) on the model's genes; its methods and cohort are those of its model.
    goal : Goal
        Made for this sample.
    max_perturbations : int
        Perturbations at most.
    fraction : float
        Fraction of the goal's distance to reach; 1 is all of it. Where it is out of reach, the set with the highest
        score is the answer.
    perturbations : sequence of str
        What may be done to a gene, one of them at a time: ``ko``, ``kd50``, ``x3``, ``=12.5``, ``=q90``.
    genes : ndarray of int, optional
        Positions of the candidates in the model (default: all). Genes that the sample does not measure are left out.
    predictor : str, optional
        The method that scores; default: the model's default method. By a linear one, perturbations add up but for what
        they do to one another's genes; only the autoencoder has interactions.
    beam : int
        Sets of one size that are followed up.
    progress : callable, optional
        Receives (done, total, what); raises `Stopped` to stop the run.

    Returns
    -------
    Combination
        The set that was found, and the score of each step in SD along the goal.

    Raises
    ------
    CellStateError
        A number of perturbations, a fraction or a beam that is not positive, no candidate, a perturbation that cannot
        be read, a method that the model folder does not support, a goal that was made for another sample, weights that
        give no number.
    """
    chosen = resolve_predictor(sample.model, predictor)
    if max_perturbations < 1:
        raise CellStateError(
            f"A combination of at most {max_perturbations} perturbations is none.", "Allow 1 perturbation or more."
        )
    if not fraction > 0:
        raise CellStateError(f"{fraction:g} is no fraction of a distance.", "Give 1 for all of it, 0.5 for half.")
    if beam < 1:
        raise CellStateError(f"A search cannot follow up {beam} sets.", "Follow up 1 or more; 8 is usual.")
    patterns = parse_patterns(perturbations)
    scorer = available_predictors(sample.model)[chosen].scorer(sample, goal)
    sets = CandidateSets(sample, goal, scorer, patterns, genes)
    best, greedy = search(sets, max_perturbations, fraction * goal.distance, beam, progress)
    steps = _steps(sets, _by_gain(sets, best, fraction * goal.distance))
    return Combination(
        sample=sample.name,
        goal=goal,
        predictor=chosen,
        steps=steps,
        reached=bool(len(steps) and steps["score"].iloc[-1] >= fraction * goal.distance),
        greedy=_steps(sets, greedy),
        sum_of_singles=float(steps["alone"].sum()),
        n_scored=len(sets.known) - 1,
        perturbations=tuple(perturbations),
        genes=genes,
        max_perturbations=max_perturbations,
        fraction=fraction,
    )


class CandidateSets:
    """The candidates, and the exact score of every set of them that was asked for."""

    def __init__(
        self,
        sample: PreparedSample,
        goal: Goal,
        scorer: GoalScorer,
        patterns: list[Perturbation],
        genes: np.ndarray | None = None,
    ) -> None:
        self.sample, self.goal, self.scorer, self.patterns = sample, goal, scorer, patterns
        measured = measured_candidates(sample, genes)
        delta_PC = np.stack([candidate_changes(pattern, sample, measured) for pattern in patterns])
        # A perturbation that changes nothing is none, and two that do the same are one.
        new_PC = delta_PC != 0
        for p in range(1, len(patterns)):
            new_PC[p] &= (delta_PC[:p] != delta_PC[p]).all(axis=0)
        at, self.pattern_C = np.nonzero(new_PC.T)
        self.gene_C, self.delta_C = measured[at], delta_PC[self.pattern_C, at]
        self.known: dict[CandidateSet, float] = {(): 0.0}

    def scores(self, wanted: Iterable[CandidateSet]) -> list[float]:
        """Return the exact scores of sets of one size."""
        wanted = list(wanted)
        new = list(dict.fromkeys(one for one in wanted if one not in self.known))
        if new:
            found = self.scorer.scores(self.gene_C[np.array(new)], self.delta_C[np.array(new)])
            self.known |= dict(zip(new, found.tolist(), strict=True))
        return [self.known[one] for one in wanted]

    def further(self, one: CandidateSet, other: CandidateSet) -> bool:
        """Whether one scored set lies further along the goal than another, by more than rounding."""
        return self.known[one] - self.known[other] > LEAST * self.goal.distance

    def extensions(self, beam: list[CandidateSet]) -> list[list[CandidateSet]]:
        """Propose sets with one perturbation more for each set of a beam, the most promising first."""
        at = np.array(beam, dtype=int)
        before = (self.gene_C[at], self.delta_C[at]) if at.size else ()
        # Genes perturbed before still count in this slope, and another perturbation may move them: the exact score says
        # so.
        slope_BG = self.scorer.slopes(*before)
        proposed = []
        for one, slope_G in zip(beam, slope_BG, strict=True):
            promise_C = self.delta_C * slope_G[self.gene_C]
            promise_C[np.isin(self.gene_C, self.gene_C[list(one)])] = -np.inf
            order = np.argsort(-promise_C, kind="stable")[: EXTENSIONS if one else FIRST]
            proposed.append([tuple(sorted((*one, int(c)))) for c in order if np.isfinite(promise_C[c])])
        return proposed


def search(
    sets: CandidateSets, max_perturbations: int, wanted: float, beam: int, progress: SearchProgress | None
) -> tuple[CandidateSet, tuple[int, ...]]:
    """Return the best set, and the perturbations of the greedy search in its order.

    Parameters
    ----------
    max_perturbations : int
        Perturbations of a set at most.
    wanted : float
        Score that is enough, in SD: the first size that has such a set is the last.
    beam : int
        Sets of one size that are followed up.
    progress : callable or None
        Called before every size; raises `Stopped` to stop.

    Returns
    -------
    best : tuple of int
        The smallest set that has the score wanted, else the one with the highest score; empty where none moves.
    way : tuple of int
        The greedy set, in the order in which its perturbations were taken.
    """
    best: CandidateSet = ()
    greedy: CandidateSet = ()
    way: tuple[int, ...] = ()
    followed: list[CandidateSet] = [()]
    growing = seeking = True
    for size in range(max_perturbations):
        if progress:
            progress(size, max_perturbations, "combinations, perturbation by perturbation")
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
        progress(max_perturbations, max_perturbations, "combinations, perturbation by perturbation")
    # The beam may have stopped where the greedy search still moved on.
    return (greedy if sets.known[best] < min(wanted, sets.known[greedy]) else best), way


def _by_gain(sets: CandidateSets, best: CandidateSet, wanted: float) -> tuple[int, ...]:
    """Order a set: next is always the perturbation that gains most; what comes after the goal is left off."""
    way: tuple[int, ...] = ()
    ways = [way]
    while len(way) < len(best):
        longer = [(*way, c) for c in best if c not in way]
        way = longer[int(np.argmax(sets.scores(tuple(sorted(one)) for one in longer)))]
        ways.append(way)
    scores = [sets.known[tuple(sorted(one))] for one in ways]
    return next((one for one, s in zip(ways, scores, strict=True) if s >= wanted), ways[int(np.argmax(scores))])


def _steps(sets: CandidateSets, way: tuple[int, ...]) -> pd.DataFrame:
    """Return a combination, one perturbation a row."""
    alone = sets.scores([(c,) for c in way])
    rows, before = [], 0.0
    for n, c in enumerate(way):
        [score] = sets.scores([tuple(sorted(way[: n + 1]))])
        gene, perturbation = sets.sample.model.space.symbols[sets.gene_C[c]], sets.patterns[sets.pattern_C[c]]
        fraction = score / sets.goal.distance
        sentence = _sentence(perturbation.on(gene), n, score - before, alone[n], fraction)
        rows.append((gene, perturbation.action, score, score - before, fraction, alone[n], sentence))
        before = score
    numbers = dict.fromkeys(("score", "gain", "fraction_of_distance", "alone"), float)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(numbers)


def _sentence(perturbation: Perturbation, n: int, gain: float, alone: float, fraction: float) -> str:
    """Explain one step; ``n`` perturbations come before it."""
    what = _WAYS[perturbation.kind].format(
        gene=perturbation.gene, amount=perturbation.amount, rank=ordinal(perturbation.amount)
    )
    if n == 0:
        return f"{what} moves the sample {_short(gain)} SD along the goal, {_short(100 * fraction)}% of the distance."
    effect = f"adds {_short(gain)} SD to" if gain >= 0 else f"takes {_short(-gain)} SD from"
    others = "the perturbation before it reaches" if n == 1 else f"the {n} perturbations before it reach"
    by_itself = f"{_short(alone)} SD" if alone >= 0 else f"{_short(-alone)} SD away from the goal"
    return f"{what} {effect} what {others}; alone it would move {by_itself}."


def _short(number: float) -> str:
    """Two digits that matter, never as a power of ten where the number is large."""
    return f"{number:.2g}" if abs(number) < 99.5 else f"{number:.0f}"
