"""Rank every single perturbation of one sample by how far it would move the sample toward a goal.

Each score stands beside its evidence: per SD of change, against random goals of the same size and co-expression,
against the cohort's patients, and beside the scores of the other methods.

Shape suffixes: G genes, E candidate genes, S cohort patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellstate.errors import CellStateError
from cellstate.expression.units import TPM_TOTAL
from cellstate.perturb.perturbations import Perturbation, candidate_changes, parse_patterns, perturbed_tpm
from cellstate.perturb.predictors.base import CohortSlopes, GoalScorer, PredictorId, SearchProgress
from cellstate.perturb.predictors.linear import load_components
from cellstate.perturb.predictors.registry import available_predictors, resolve_predictor
from cellstate.perturb.sample import PreparedSample
from cellstate.perturb.search.goal import Goal
from cellstate.perturb.search.null_models import benjamini_hochberg, goal_p

#: Best candidates that are re-scored exactly.
TOP = 200
_FIGURES = ("score", "score_per_sd", "fraction_of_distance", "z_patient", "p", "fdr", "exact")
_COLUMNS = ("gene", "ensembl_id", "perturbation", "tpm_before", "tpm_after", *_FIGURES)


@dataclass(frozen=True, eq=False)
class Screen:
    """Single perturbations by their movement toward a goal: hypotheses.

    Attributes
    ----------
    sample : str
    goal : Goal
    predictor : PredictorId
        The method whose scores rank the table.
    table : DataFrame
        One row a candidate, by score, highest first. Columns: gene, ensembl_id, perturbation, tpm_before, tpm_after,
        score (SD along the goal, the perturbed gene left out), score_per_sd (for each SD by which its gene changes),
        fraction_of_distance (to the goal), z_patient (NaN for a model without a cohort), p (how unusual the gene's
        effect is for a goal of this size and co-expression; NaN for random weights, which know no co-expression) and
        fdr (corrected for the perturbations tested), exact (else first order), ``score_<predictor>`` of all other
        methods (the autoencoder's of first order).
    n_exact : int
    n_cohort : int
        Patients behind ``z_patient``.
    """

    sample: str
    goal: Goal
    predictor: PredictorId
    table: pd.DataFrame
    n_exact: int
    n_cohort: int


def other_predictors(table: pd.DataFrame) -> list[str]:
    """Return the other methods whose scores stand in a screen's table."""
    return [c.removeprefix("score_") for c in table.columns if c.startswith("score_") and c != "score_per_sd"]


def screen(
    sample: PreparedSample,
    goal: Goal,
    *,
    perturbations: Sequence[str] = ("ko",),
    genes: np.ndarray | None = None,
    predictor: str | None = None,
    top: int = TOP,
    progress: SearchProgress | None = None,
) -> Screen:
    """Rank single perturbations of one sample toward a goal.

    Parameters
    ----------
    sample : PreparedSample
        Of shape (1, G) on the model's genes; its methods and cohort are those of its model.
    goal : Goal
        Made for this sample.
    perturbations : sequence of str
        What is tried on each gene, as the command line writes it: ``ko``, ``kd50``, ``x3``, ``=12.5``, ``=q90``.
    genes : ndarray of int, optional
        Positions of the candidates in the model (default: all). Genes that the sample does not measure are left out,
        and those that would come above one million TPM.
    predictor : str, optional
        The method that scores; default: the model's default method.
    top : int
        How many of the best are re-scored exactly, where first-order scores are not exact.
    progress : callable, optional
        Receives (done, total, what); raises `Stopped` to stop the run.

    Returns
    -------
    Screen
        The ranking, one row a candidate and perturbation, scores in SD along the goal.

    Raises
    ------
    CellStateError
        No candidate, ``top`` below 1, a perturbation that cannot be read, a method that the model folder does not
        support, a goal that was made for another sample, weights that give no number.
    """
    chosen = resolve_predictor(sample.model, predictor)
    if top < 1:
        raise CellStateError(f"The number of perturbations to re-score is {top}.", "Give 1 or more.")
    patterns = parse_patterns(perturbations)
    candidates = measured_candidates(sample, genes)
    scorers = _scorers(sample, goal, progress)
    scorer = scorers.pop(chosen)
    cohort = scorer.cohort_slopes(progress)
    if progress:
        progress(0, 1, "significance")
    p_G = gene_p(sample, goal, scorer)
    table = pd.concat(
        [_first_order(pattern, sample, candidates, scorer, scorers, cohort, p_G) for pattern in patterns],
        ignore_index=True,
    )
    if table.empty:
        raise CellStateError(
            "Every candidate would come above one million TPM, which no sample holds.", "Give a smaller amount."
        )
    n_exact = len(table) if scorer.is_linear else _rescore(scorer, table, max(top, scorer.n_affordable), progress)
    table["fdr"] = benjamini_hochberg(table["p"].to_numpy())
    size = table["delta_z"].abs().to_numpy()
    table["score_per_sd"] = np.divide(table["score"], size, out=np.zeros(len(table)), where=size > 0)
    table["fraction_of_distance"] = table["score"] / goal.distance
    table = table.sort_values("score", ascending=False, kind="stable", ignore_index=True)
    profiles = sample.profiles
    return Screen(
        sample=sample.name,
        goal=goal,
        predictor=chosen,
        table=table[[*_COLUMNS, *(f"score_{name}" for name in scorers)]],
        n_exact=n_exact,
        n_cohort=0 if profiles is None else len(profiles),
    )


def _scorers(sample: PreparedSample, goal: Goal, progress: SearchProgress | None) -> dict[PredictorId, GoalScorer]:
    """Return the scorer of each method that the model folder supports."""
    methods = available_predictors(sample.model)
    scorers = {}
    for done, (name, one) in enumerate(methods.items()):
        if progress:
            progress(done, len(methods), "prediction methods")
        scorers[name] = one.scorer(sample, goal)
    return scorers


def measured_candidates(sample: PreparedSample, genes: np.ndarray | None) -> np.ndarray:
    """Return the genes that a search tries: those asked for that the sample measures."""
    measured_G = sample.measured_G
    asked = np.arange(len(measured_G)) if genes is None else np.unique(genes)
    candidates = asked[measured_G[asked]]
    if not len(candidates):
        raise CellStateError(
            "The sample measures none of the genes to try.", "Give other genes, or leave the list out to try all."
        )
    return candidates


def gene_p(sample: PreparedSample, goal: Goal, scorer: GoalScorer) -> np.ndarray:
    """Return how unusual every measured gene's effect per SD is for a goal of this size and co-expression.

    Returns
    -------
    ndarray of float64, shape (G,)
        `goal_p`, whatever list of candidates was asked for. NaN for unmeasured genes, and for random weights, which
        know no co-expression.
    """
    known = load_components(sample.model)
    if known is None:
        return np.full(len(sample.measured_G), np.nan)
    return goal_p(scorer.slopes()[0], goal.direction_G, scorer.slopes_along, known, sample.measured_G)


def _first_order(
    pattern: Perturbation,
    sample: PreparedSample,
    candidates: np.ndarray,
    scorer: GoalScorer,
    others: Mapping[PredictorId, GoalScorer],
    cohort: CohortSlopes | None,
    p_G: np.ndarray,
) -> pd.DataFrame:
    """Return first-order scores of one pattern on every candidate, with the evidence beside each."""
    space = sample.model.space
    measured = np.flatnonzero(sample.measured_G)
    delta_G = np.zeros(len(space), np.float32)
    delta_G[measured] = candidate_changes(pattern, sample, measured)
    score_G = (delta_G * scorer.first_order(delta_G)).astype(float)
    after_E = perturbed_tpm(pattern, sample.tpm_G[candidates], candidates, sample.profiles)
    possible = after_E <= TPM_TOTAL
    candidates, after_E = candidates[possible], after_E[possible]
    z_E = np.full(len(candidates), np.nan)
    if cohort is not None:
        z_E = cohort_z(sample, pattern, candidates, cohort.cohort_SG[:, candidates], cohort.sample_G[candidates])
    return pd.DataFrame(
        {
            "gene": [space.symbols[g] for g in candidates],
            "ensembl_id": [space.ensembl[g] for g in candidates],
            "perturbation": pattern.action,
            "tpm_before": sample.tpm_G[candidates],
            "tpm_after": after_E,
            "position": candidates,
            "delta_z": delta_G[candidates],
            "z_patient": z_E,
            # p is about the effect per SD, whatever the amount; a perturbation that changes nothing has none.
            "p": np.where((delta_G == 0) & ~np.isnan(p_G), 1.0, p_G)[candidates],
            "exact": scorer.is_linear,
            "score": score_G[candidates],
        }
        | {
            f"score_{name}": (delta_G * one.first_order(delta_G)).astype(float)[candidates]
            for name, one in others.items()
        }
    )


def cohort_z(
    sample: PreparedSample, pattern: Perturbation, genes_E: np.ndarray, cohort_SE: np.ndarray, sample_E: np.ndarray
) -> np.ndarray:
    """Return the standard deviations between a sample's effect and the cohort's mean effect, shape (E,).

    NaN where the effect does not differ between the patients of the cohort, which the model must have.

    Parameters
    ----------
    cohort_SE : ndarray
        Slopes of the score in the perturbed genes' z, for every cohort patient, or one row for all.
    sample_E : ndarray
        The same for the sample.
    """
    profiles = sample.profiles
    assert profiles is not None
    log1p_SE = profiles.log1p_SG[:, genes_E]
    after_SE = perturbed_tpm(pattern, np.expm1(log1p_SE), genes_E, profiles)
    delta_SE = (np.log1p(after_SE) - log1p_SE) / sample.model.space.scale_G[genes_E]
    effect_SE = delta_SE * cohort_SE
    effect_E = candidate_changes(pattern, sample, genes_E) * sample_E
    spread_E = effect_SE.std(axis=0, ddof=1)
    differs_E = spread_E > 1e-6 * np.abs(effect_SE).max(axis=0, initial=0.0)
    z_E = np.full(len(genes_E), np.nan)
    np.divide(effect_E - effect_SE.mean(axis=0), spread_E, out=z_E, where=differs_E)
    return z_E


def _rescore(scorer: GoalScorer, table: pd.DataFrame, top: int, progress: SearchProgress | None) -> int:
    """Score the best candidates exactly, in place; returns how many."""
    best = np.argsort(-table["score"].to_numpy(), kind="stable")[:top]
    if progress:
        progress(0, len(best), "the best candidates, exactly")
    genes_E1 = table["position"].to_numpy()[best, None]
    table.loc[best, "score"] = scorer.scores(genes_E1, table["delta_z"].to_numpy()[best, None])
    table.loc[best, "exact"] = True
    if progress:
        progress(len(best), len(best), "the best candidates, exactly")
    return len(best)
