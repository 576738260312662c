"""Design the smallest combination of edits that moves one patient's cells far enough towards a goal.

`beam` searches; here its answer is put in words, beside the greedy way and the sum of the single edits.

The score of a set leaves all genes of the set out. A gain is the score of a set less that of the set before, so it
holds what the new edit does to the others, and loses what the edits before it did to the new gene, where that gene is
part of the goal. Gains sum to the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellstate.errors import CellStateError
from cellstate.model import Model
from cellstate.perturb.beam import EditSet, EditSets, search
from cellstate.perturb.edits import Edit, ordinal
from cellstate.perturb.engine import Engine
from cellstate.perturb.goals import Goal
from cellstate.perturb.leader import choose
from cellstate.perturb.patient import prepare
from cellstate.perturb.progress import Progress
from cellstate.perturb.set_scores import set_scores
from cellstate.samples import Samples

COLUMNS = ("gene", "edit", "score", "gain", "share", "alone", "sentence")
_WAYS = {
    "knock-out": "Knocking out {gene}",
    "knock-down": "Lowering {gene} by {amount:g} %",
    "multiply": "Multiplying {gene} by {amount:g}",
    "set": "Setting {gene} to {amount:g} TPM",
    "quantile": "Setting {gene} to the cohort's {rank} percentile",
}


@dataclass(frozen=True, eq=False)
class Combination:
    """A designed combination of edits, beside the greedy way and the sum of its parts: a hypothesis.

    Attributes
    ----------
    sample : str
    goal : Goal
    predictor : str
        Who scores.
    steps : DataFrame
        One row an edit; the next is always the one of the combination that gains most. Columns: gene, edit (``ko``),
        score (S along the goal of the edits so far, their genes left out), gain (score less that of the row before),
        share (of the goal's distance), alone (score of this edit by itself), sentence. Empty where no edit moves the
        sample towards the goal.
    reached : bool
        Whether the share asked for is reached.
    greedy : DataFrame
        The same of the search that keeps only the best edit each time.
    sum_of_singles : float
        Sum of ``alone`` over the steps, in S.
    n_scored : int
        Distinct sets of edits that were scored exactly.
    edits : tuple of str
        What might be done to a gene.
    genes : ndarray of int or None
        Positions in the model of the candidates that were asked for; None for all.
    max_edits : int
        Edits at most.
    share : float
        Share of the goal's distance that was asked for.
    """

    sample: str
    goal: Goal
    predictor: str
    steps: pd.DataFrame
    reached: bool
    greedy: pd.DataFrame
    sum_of_singles: float
    n_scored: int
    edits: tuple[str, ...]
    genes: np.ndarray | None
    max_edits: int
    share: float


def combine(
    model: Model,
    samples: Samples,
    goal: Goal,
    *,
    max_edits: int = 5,
    share: float = 1.0,
    edits: Sequence[str] = ("ko",),
    genes: np.ndarray | None = None,
    predictor: str | None = None,
    beam: int = 8,
    progress: Progress | None = None,
) -> Combination:
    """Search for the smallest set of single-gene edits that reaches a share of the way to a goal.

    Parameters
    ----------
    samples : Samples
        Exactly one.
    max_edits : int
        Edits at most.
    share : float
        Share of the goal's distance to reach; 1 is the whole way. Where it is out of reach, the set that moves furthest
        is the answer.
    edits : sequence of str
        What may be done to a gene, one of them at a time: ``ko``, ``kd50``, ``x3``, ``=12.5``, ``=q90``.
    genes : ndarray of int, optional
        Positions of the candidates in the model (default: all). Genes that the sample does not measure are left out.
    predictor : str, optional
        Who scores: ``network`` or a rival; without one, the leader by the model's own evidence. By a rival, which is
        linear, edits add up but for what they do to one another's genes; only the network lets them cooperate.
    beam : int
        Sets of one size that are followed up.
    progress : callable, optional
        Receives (done, total, what); raises `Stopped` to stop the run.

    Raises
    ------
    CellStateError
        A number of edits, a share or a beam that is not positive, no candidate, an edit that cannot be read, a
        predictor that the model does not hold, weights that give no number.
    """
    first = choose(model, predictor)
    if max_edits < 1:
        raise CellStateError(f"A combination of at most {max_edits} edits is none.", "Allow 1 edit or more.")
    if not share > 0:
        raise CellStateError(f"{share:g} is no share of a way to go.", "Give 1 for the whole way, 0.5 for half of it.")
    if beam < 1:
        raise CellStateError(f"A search cannot follow up {beam} sets.", "Follow up 1 or more; 8 is usual.")
    patterns = [Edit.pattern(text) for text in dict.fromkeys(edits)]
    if not patterns:
        raise CellStateError("There is no edit to try.", "Give ko, kd50, x3, =12.5 or =q90.")
    patient = prepare(model, samples)
    engine = Engine(model, patient, goal)
    sets = EditSets(engine, patterns, genes, set_scores(engine, first))
    best, greedy = search(sets, max_edits, share * goal.distance, beam, progress)
    steps = _steps(sets, _by_gain(sets, best, share * goal.distance))
    return Combination(
        sample=patient.name,
        goal=goal,
        predictor=first,
        steps=steps,
        reached=bool(len(steps) and steps["score"].iloc[-1] >= share * goal.distance),
        greedy=_steps(sets, greedy),
        sum_of_singles=float(steps["alone"].sum()),
        n_scored=len(sets.known) - 1,
        edits=tuple(edits),
        genes=genes,
        max_edits=max_edits,
        share=share,
    )


def _by_gain(sets: EditSets, best: EditSet, wanted: float) -> tuple[int, ...]:
    """Order a set for reading: next is always the edit that gains most; what comes after the goal is left off."""
    way: tuple[int, ...] = ()
    ways = [way]
    while len(way) < len(best):
        longer = [(*way, c) for c in best if c not in way]
        way = longer[int(np.argmax(sets.scores(tuple(sorted(one)) for one in longer)))]
        ways.append(way)
    scores = [sets.known[tuple(sorted(one))] for one in ways]
    return next((one for one, s in zip(ways, scores, strict=True) if s >= wanted), ways[int(np.argmax(scores))])


def _steps(sets: EditSets, way: tuple[int, ...]) -> pd.DataFrame:
    """Tell a combination edit by edit."""
    alone = sets.scores([(c,) for c in way])
    rows, before = [], 0.0
    for n, c in enumerate(way):
        [score] = sets.scores([tuple(sorted(way[: n + 1]))])
        gene, edit = sets.engine.model.space.symbols[sets.gene_C[c]], sets.patterns[sets.pattern_C[c]]
        share = score / sets.engine.goal.distance
        sentence = _sentence(edit.on(gene), n, score - before, alone[n], share)
        rows.append((gene, edit.action, score, score - before, share, alone[n], sentence))
        before = score
    numbers = dict.fromkeys(("score", "gain", "share", "alone"), float)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(numbers)


def _sentence(edit: Edit, n: int, gain: float, alone: float, share: float) -> str:
    """Explain one step; ``n`` edits come before it."""
    what = _WAYS[edit.kind].format(gene=edit.gene, amount=edit.amount, rank=ordinal(edit.amount))
    if n == 0:
        return f"{what} moves the sample {_short(gain)} S along the goal, {_short(100 * share)} % of the way."
    effect = f"adds {_short(gain)} S to" if gain >= 0 else f"takes {_short(-gain)} S from"
    others = "the edit before it reaches" if n == 1 else f"the {n} edits before it reach"
    by_itself = f"{_short(alone)} S" if alone >= 0 else f"{_short(-alone)} S away from the goal"
    return f"{what} {effect} what {others}; alone it would move {by_itself}."


def _short(number: float) -> str:
    """Two digits that matter, never as a power of ten where the number is large."""
    return f"{number:.2g}" if abs(number) < 99.5 else f"{number:.0f}"
