"""Rank pairs of perturbations of one sample by their interaction: the deviation from additivity toward a goal.

Pairs have one method of their own: the autoencoder, whose activations interact (`activation_interaction`), whatever the
default predictor is; linear methods have no interactions. The cohort's patients rank the pairs where the model has
them, since their interactions hold on unseen patients (``benchmarks.pairs``), else gradients of the autoencoder do
(`pair_sweep`); the best are scored exactly, and held against the cohort (`cohort_interaction`) and random pairs of
matched expression.

Shape suffixes: G genes, E pairs.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellstate.errors import CellStateError
from cellstate.model import Model
from cellstate.perturb.perturbations import Perturbation, candidate_changes
from cellstate.perturb.predictors.autoencoder import AutoencoderScorer
from cellstate.perturb.predictors.base import PredictorId, SearchProgress
from cellstate.perturb.sample import PreparedSample
from cellstate.perturb.search.cohort_interaction import CohortInteractions, cohort_interactions, has_cohort
from cellstate.perturb.search.distributed import ProcessGroup
from cellstate.perturb.search.goal import Goal
from cellstate.perturb.search.null_models import benjamini_hochberg, pair_p
from cellstate.perturb.search.pair_blocks import Block
from cellstate.perturb.search.pair_sweep import (
    CohortProposer,
    GradientProposer,
    PairProposer,
    SweepPlan,
    sweep,
)
from cellstate.perturb.search.single import measured_candidates

#: Best pairs that are shown, each scored exactly; fewer for the partners of one gene, which are wanted at once.
TOP, TOP_ANCHORED = 1_000, 50
#: Small networks score more proposals exactly than are shown, up to so many.
MOST_SCORED = 20_000
#: Pairs kept of each block for each that is scored exactly: a pair may rank lower in one direction than in the other.
_SPARE = 2
#: What pairs are ranked by: the column of the table, and the one that says the deviation from additivity, which p is
#: about.
RANKED_BY = {"interaction": "interaction", "score": "score", "cohort": "cohort_r"}
TESTED = RANKED_BY | {"score": "interaction"}
_COLUMNS = [
    *(
        "a",
        "b",
        "ensembl_a",
        "ensembl_b",
        "score",
        "score_a",
        "score_b",
        "interaction",
        "fraction_of_distance",
        "p",
        "fdr",
    ),
    *("cohort_r", "cohort_p"),
]
SCALE = (
    "Interaction is the movement along the goal, in SD of log1p TPM, that two perturbations cause together beyond the "
    "sum of what each causes alone; both perturbed genes are left out of all three."
)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of perturbations by their interaction: hypotheses.

    Attributes
    ----------
    sample : str
    goal : Goal
    perturbation : str
        What is done to both genes.
    table : DataFrame
        One row a pair, all scored exactly, best first. Columns: a, b, ensembl_a, ensembl_b, score (both perturbations),
        score_a, score_b (each alone), interaction, fraction_of_distance (to the goal), p and fdr (of the interaction,
        or of cohort_r where that ranks, against random pairs of matched expression, corrected for all pairs that were
        looked at), cohort_r (what the cohort's patients show of both genes: above 0, perturbations in these directions
        do more together than each by itself; NaN for a model without a cohort) and cohort_p (of that, by itself).
    n_pairs : int
        Pairs that were looked at.
    n_exact : int
        Pairs that were scored exactly: those of the table, and further proposals where that is cheap.
    genes, partners : ndarray of int or None
        Positions in the model of the first and second genes that were asked for; None for all.
    anchor : int or None
        The one first gene, where only its partners were asked for.
    by : str
        What they are ranked by, ``interaction``, ``score`` or ``cohort``.
    predictor : PredictorId
        The autoencoder.
    scale : str
        What an interaction is measured in.
    """

    sample: str
    goal: Goal
    perturbation: str
    table: pd.DataFrame
    n_pairs: int
    n_exact: int
    genes: np.ndarray | None = None
    partners: np.ndarray | None = None
    anchor: int | None = None
    by: str = "interaction"
    predictor: PredictorId = PredictorId.AUTOENCODER
    scale: str = SCALE


def default_ranking(model: Model) -> str:
    """Return what ranks pairs by default: the patients of the model's cohort, without one the autoencoder."""
    return "cohort" if has_cohort(model) else "interaction"


def pairs(
    sample: PreparedSample,
    goal: Goal,
    *,
    perturbation: str = "ko",
    genes: np.ndarray | None = None,
    partners: np.ndarray | None = None,
    anchor: int | None = None,
    by: str | None = None,
    top: int | None = None,
    progress: SearchProgress | None = None,
    blocks: MutableMapping[int, Block] | None = None,
    here: ProcessGroup | None = None,
) -> Pairs | None:
    """Rank pairs of perturbations of one sample towards a goal.

    Parameters
    ----------
    sample : PreparedSample
        Of shape (1, G) on the model's genes; its methods and cohort are those of its model.
    goal : Goal
        Made for this sample.
    perturbation : str
        What is done to both genes: ``ko``, ``kd50``, ``x3``, ``=12.5``, ``=q90``.
    genes, partners : ndarray of int, optional
        Positions of the first and of the second genes in the model (default: all). Genes that the sample does not
        measure, and those that the perturbation does not change, are left out.
    anchor : int, optional
        One gene whose partners are sought; takes the place of ``genes``.
    by : str, optional
        ``cohort`` (what its patients show of both genes), ``interaction`` (by the autoencoder) or ``score`` (of both
        perturbations together, by the autoencoder). Default: `default_ranking`.
    top : int, optional
        Rows of the table; at least as many proposals are scored exactly (default: 1,000; 50 for an anchor).
    progress : callable, optional
        Receives (done, total, what); raises `Stopped` to stop the run.
    blocks : mapping of int to Block, optional
        Finished blocks of rows. A stopped run goes on when it is repeated with the same mapping.
    here : ProcessGroup, optional
        The processes that share the rows. All but the first get ``None``.

    Returns
    -------
    Pairs or None
        The ranking, one row a pair, scores and interactions in SD along the goal; None for all but the first of several
        processes.

    Raises
    ------
    CellStateError
        No pair to look at, ``top`` below 1, a perturbation that cannot be read, weights that give no number, ``cohort``
        for a model without one.
    """
    by = default_ranking(sample.model) if by is None else by
    if by not in RANKED_BY:
        raise CellStateError(f"Pairs are not ranked by {by!r}.", "Use interaction, score or cohort.")
    if top is None:
        top = TOP if anchor is None else TOP_ANCHORED
    if top < 1:
        raise CellStateError(f"The number of pairs to score is {top}.", "Give 1 or more.")
    model, scorer, pattern = sample.model, AutoencoderScorer(sample, goal), Perturbation.pattern(perturbation)
    n_scored = max(top, min(MOST_SCORED, scorer.n_affordable // 3))
    plan = _plan(scorer, pattern, np.array([anchor]) if anchor is not None else genes, partners, by, _SPARE * n_scored)
    cohort = cohort_interactions(model, goal)
    proposer = _proposer(scorer, plan, cohort, by)
    found = sweep(proposer, plan, {} if blocks is None else blocks, here or ProcessGroup(), progress)
    if found is None:
        return None
    best = _best(found, plan, n_scored)
    table = _exact(scorer, plan, best, progress)
    if by == "cohort":
        _add_cohort(table, cohort, plan, best)
    table["p"] = _p(sample, best, table[TESTED[by]].to_numpy(), found)
    table["fdr"] = benjamini_hochberg(table["p"].to_numpy(), n_tests=plan.n_pairs)
    shown = table.sort_values(RANKED_BY[by], ascending=False, kind="stable").head(top)
    if by != "cohort":
        _add_cohort(shown, cohort, plan, best.loc[shown.index])
    if anchor is not None:
        shown = _anchor_first(shown, model.space.ensembl[anchor])
    shown = shown.reset_index(drop=True)[_COLUMNS]
    return Pairs(
        sample.name, goal, perturbation, shown, plan.n_pairs, len(table), genes, partners, anchor=anchor, by=by
    )


def _proposer(scorer: AutoencoderScorer, plan: SweepPlan, cohort: CohortInteractions | None, by: str) -> PairProposer:
    if by != "cohort":
        return GradientProposer(scorer, plan.delta_G)
    if cohort is None:
        raise CellStateError(
            "This model folder carries no cohort, or one of hardly any patients.", "Rank by interaction or score."
        )
    return CohortProposer(cohort, plan.delta_G)


def _add_cohort(table: pd.DataFrame, cohort: CohortInteractions | None, plan: SweepPlan, best: pd.DataFrame) -> None:
    """Add what the cohort shows of each row's pair, signed by the perturbations, and its p."""
    if cohort is None:
        table["cohort_r"] = table["cohort_p"] = np.nan
        return
    a_E, b_E = best["a"].to_numpy(), best["b"].to_numpy()
    r_E, table["cohort_p"] = cohort.exact(a_E, b_E)
    table["cohort_r"] = r_E * np.sign(plan.delta_G[a_E]) * np.sign(plan.delta_G[b_E])


def _p(sample: PreparedSample, best: pd.DataFrame, exact_E: np.ndarray, found: list[Block]) -> np.ndarray:
    """Hold what ranks the pairs against random pairs of matched expression.

    Those of the random pairs are proposals, so the more modest of a pair's proposed and exact figure is held against
    them: where the two disagree, the proposal was wrong about this pair.
    """
    a_N, b_N, value_N = (
        np.concatenate([getattr(block, name) for block in found]) for name in ("null_a", "null_b", "null_value")
    )
    held_E = np.sign(exact_E) * np.minimum(np.abs(exact_E), np.abs(best["proposed"].to_numpy()))
    a_E, b_E = best["a"].to_numpy(), best["b"].to_numpy()
    return pair_p(a_E, b_E, held_E, a_N, b_N, value_N, expression_G=np.log1p(sample.tpm_G))


def _anchor_first(table: pd.DataFrame, anchor: str) -> pd.DataFrame:
    """Put the anchor in the place of the first gene everywhere."""
    swap = {"a": "b", "ensembl_a": "ensembl_b", "score_a": "score_b"}
    swapped = table.rename(columns=swap | {new: old for old, new in swap.items()})[table.columns]
    return table.where(table["ensembl_a"] == anchor, swapped)


def _plan(
    scorer: AutoencoderScorer,
    pattern: Perturbation,
    genes: np.ndarray | None,
    partners: np.ndarray | None,
    by: str,
    keep: int,
) -> SweepPlan:
    sample, n_genes = scorer.sample, len(scorer.model.space)
    firsts, seconds = measured_candidates(sample, genes), measured_candidates(sample, partners)
    either = np.union1d(firsts, seconds)
    delta_G = np.zeros(n_genes, np.float32)
    delta_G[either] = candidate_changes(pattern, sample, either)
    changed_G = delta_G != 0
    partner_G = np.zeros(n_genes, bool)
    partner_G[seconds] = True
    alone_G = np.zeros(n_genes, np.float32)
    if by == "score":
        alone_G = (delta_G * scorer.first_order(delta_G)).astype(np.float32)
        if len(either) <= scorer.n_affordable:
            alone_G[either] = scorer.scores(either[:, None], delta_G[either, None])
    plan = SweepPlan(
        rows=firsts[changed_G[firsts]],
        partner_G=partner_G & changed_G,
        delta_G=delta_G,
        alone_G=alone_G,
        keep=keep,
    )
    if not plan.n_pairs:
        raise CellStateError(
            "There is no pair to look at: the perturbation changes too few of these genes.",
            "Give more genes, or another perturbation (a gene that is not expressed cannot be knocked out).",
        )
    return plan


def _best(found: list[Block], plan: SweepPlan, top: int) -> pd.DataFrame:
    """Join the blocks: both directions of a pair are averaged, the best pairs kept, in an order that never varies."""
    a, b, value = (np.concatenate([getattr(block, name) for block in found]) for name in ("a_N", "b_N", "value_N"))
    pair = pd.DataFrame({"a": np.minimum(a, b), "b": np.maximum(a, b), "proposed": value.astype(float)})
    pair = pair.groupby(["a", "b"], as_index=False, sort=True)["proposed"].mean()
    rank = pair["proposed"] + plan.alone_G[pair["a"]] + plan.alone_G[pair["b"]]
    best = np.argsort(-rank.to_numpy(), kind="stable")[:top]
    # By first gene, so that pairs which share one are scored together.
    return pair.iloc[np.sort(best)].reset_index(drop=True)


def _exact(
    scorer: AutoencoderScorer, plan: SweepPlan, best: pd.DataFrame, progress: SearchProgress | None
) -> pd.DataFrame:
    a_E, b_E = best["a"].to_numpy(), best["b"].to_numpy()
    scores = scorer.pair_scores(a_E, b_E, plan.delta_G, progress)
    space = scorer.model.space
    both_E = scores.a_E + scores.b_E + scores.interaction_E
    return pd.DataFrame(
        {
            "a": [space.symbols[g] for g in a_E],
            "b": [space.symbols[g] for g in b_E],
            "ensembl_a": [space.ensembl[g] for g in a_E],
            "ensembl_b": [space.ensembl[g] for g in b_E],
            "score": both_E,
            "score_a": scores.a_E,
            "score_b": scores.b_E,
            "interaction": scores.interaction_E,
            "fraction_of_distance": both_E / scorer.goal.distance,
        }
    )
