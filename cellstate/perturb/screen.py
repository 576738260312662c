"""Rank every single edit of one patient by how far it would move the cells towards a goal.

Whoever predicts scores: the network by one backward pass over all genes, and exactly, by difference propagation, for
the best; a rival, which is linear, exactly for all. Each score stands beside its evidence: per unit of change, against
genes of matched expression and variance, against the cohort's patients, and beside what the other predictors say.

Shape suffixes: G genes, E candidate genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellstate.errors import CellStateError
from cellstate.model import Model
from cellstate.perturb.background import background, cohort_z
from cellstate.perturb.edits import Edit, edited_tpm
from cellstate.perturb.engine import Engine
from cellstate.perturb.goals import Goal
from cellstate.perturb.leader import choose
from cellstate.perturb.nulls import benjamini_hochberg, matched_p
from cellstate.perturb.patient import prepare
from cellstate.perturb.progress import Progress
from cellstate.perturb.rivals import NETWORK, rival_slopes
from cellstate.samples import Samples

#: Best candidates that are re-scored exactly.
TOP = 200
_FIGURES = ("score", "score_per_sd", "share", "z_patient", "p", "fdr", "exact")
_COLUMNS = ("gene", "ensembl_id", "edit", "tpm_before", "tpm_after", *_FIGURES)


@dataclass(frozen=True, eq=False)
class Screen:
    """Single edits by their movement towards a goal: hypotheses.

    Attributes
    ----------
    sample : str
    goal : Goal
    predictor : str
        Whose scores rank the table.
    table : DataFrame
        One row a candidate, by score, highest first. Columns: gene, ensembl_id, edit, tpm_before, tpm_after, score (S
        along the goal, the edited gene left out), score_per_sd (for each S by which the edit moves its gene), share (of
        the goal's distance), z_patient (NaN for a model without a cohort), p and fdr (against genes of matched
        expression and variance), exact (else first order), ``score_<predictor>`` of all others (the network's of first
        order).
    n_exact : int
    n_cohort : int
        Patients behind ``z_patient``.
    """

    sample: str
    goal: Goal
    predictor: str
    table: pd.DataFrame
    n_exact: int
    n_cohort: int


def rivals_of(table: pd.DataFrame) -> list[str]:
    """Return the other predictors whose scores stand in a screen's table."""
    return [c.removeprefix("score_") for c in table.columns if c.startswith("score_") and c != "score_per_sd"]


def screen(
    model: Model,
    samples: Samples,
    goal: Goal,
    *,
    edits: Sequence[str] = ("ko",),
    genes: np.ndarray | None = None,
    predictor: str | None = None,
    top: int = TOP,
    progress: Progress | None = None,
) -> Screen:
    """Rank single edits of one sample towards a goal.

    Parameters
    ----------
    samples : Samples
        Exactly one.
    edits : sequence of str
        What is tried on each gene, as the command line writes it: ``ko``, ``kd50``, ``x3``, ``=12.5``, ``=q90``.
    genes : ndarray of int, optional
        Positions of the candidates in the model (default: all). Genes that the sample does not measure are left out.
    predictor : str, optional
        Who scores: ``network`` or a rival; without one, the leader by the model's own evidence.
    top : int
        How many of the network's best are re-scored exactly; a small network scores all of them.
    progress : callable, optional
        Receives (done, total, what); raises `Stopped` to stop the run.

    Raises
    ------
    CellStateError
        No candidate, ``top`` below 1, an edit that cannot be read, a predictor that the model does not hold, weights
        that give no number.
    """
    first = choose(model, predictor)
    if top < 1:
        raise CellStateError(f"The number of edits to re-score is {top}.", "Give 1 or more.")
    patient = prepare(model, samples)
    engine = Engine(model, patient, goal)
    candidates = measured_candidates(engine, genes)
    patterns = [Edit.pattern(text) for text in dict.fromkeys(edits)]
    if not patterns:
        raise CellStateError("There is no edit to try.", "Give ko, kd50, x3, =12.5 or =q90.")
    slopes = rival_slopes(model, goal.direction_G)
    rows = _Rows(engine, first, slopes, progress)
    table = pd.concat([rows.of(pattern, candidates) for pattern in patterns], ignore_index=True)
    n_exact = len(table)
    if first == NETWORK:
        n_exact = _rescore(engine, table, max(top, engine.affordable), progress)
    table["fdr"] = benjamini_hochberg(table["p"].to_numpy())
    size = table["delta_z"].abs().to_numpy()
    table["score_per_sd"] = np.divide(table["score"], size, out=np.zeros(len(table)), where=size > 0)
    table["share"] = table["score"] / goal.distance
    table = table.sort_values("score", ascending=False, kind="stable", ignore_index=True)
    others = [f"score_{name}" for name in (NETWORK, *slopes) if name != first]
    return Screen(
        sample=patient.name,
        goal=goal,
        predictor=first,
        table=table[[*_COLUMNS, *others]],
        n_exact=n_exact,
        n_cohort=0 if engine.profiles is None else len(engine.profiles),
    )


def measured_candidates(engine: Engine, genes: np.ndarray | None) -> np.ndarray:
    """Return the genes that a screen tries: those asked for that the sample measures."""
    measured_G = engine.patient.measured_G
    asked = np.arange(len(measured_G)) if genes is None else np.unique(genes)
    candidates = asked[measured_G[asked]]
    if not len(candidates):
        raise CellStateError(
            "The sample measures none of the genes to try.", "Give other genes, or leave the list out to try all."
        )
    return candidates


class _Rows:
    """What is known of edits of one patient before any is scored exactly.

    Parameters
    ----------
    engine : Engine
    first : str
        Who scores.
    slopes : dict of str to ndarray, shape (G,)
        Of the score in each gene's z, by each rival.
    progress : callable, optional
    """

    def __init__(self, engine: Engine, first: str, slopes: dict[str, np.ndarray], progress: Progress | None) -> None:
        self.engine, self.first, self.slopes = engine, first, slopes
        self.cohort = background(engine.model, engine.goal, progress) if first == NETWORK else None

    def of(self, pattern: Edit, candidates: np.ndarray) -> pd.DataFrame:
        """Return first-order scores of one pattern of edit on every candidate, with what is known of each."""
        engine, space, patient = self.engine, self.engine.model.space, self.engine.patient
        measured = np.flatnonzero(patient.measured_G)
        delta_G = np.zeros(len(space), np.float32)
        delta_G[measured] = engine.changes(pattern, measured)
        slopes = {NETWORK: engine.first_order(delta_G)} | self.slopes
        scores = {name: (delta_G * slope_G).astype(float) for name, slope_G in slopes.items()}
        score_G = scores.pop(self.first)
        # The null is made of every measured gene, whatever list of candidates was asked for.
        p_G = np.full(len(space), np.nan)
        p_G[measured] = matched_p(
            score_G[measured], np.log1p(patient.tpm_G[measured]), space.scale_G[measured], change_G=delta_G[measured]
        )
        tpm_E = patient.tpm_G[candidates]
        return pd.DataFrame(
            {
                "gene": [space.symbols[g] for g in candidates],
                "ensembl_id": [space.ensembl[g] for g in candidates],
                "edit": pattern.action,
                "tpm_before": tpm_E,
                "tpm_after": edited_tpm(pattern, tpm_E, candidates, engine.profiles),
                "position": candidates,
                "delta_z": delta_G[candidates],
                "z_patient": self._z(pattern, candidates),
                "p": p_G[candidates],
                "exact": self.first != NETWORK,
                "score": score_G[candidates],
            }
            | {f"score_{name}": other_G[candidates] for name, other_G in scores.items()}
        )

    def _z(self, pattern: Edit, candidates: np.ndarray) -> np.ndarray:
        """How unusual the effects are in this patient, shape (E,); NaN for a model without a cohort."""
        if self.engine.profiles is None:
            return np.full(len(candidates), np.nan)
        if self.cohort is not None:
            return self.cohort.z(self.engine, pattern, candidates)
        slope_E = self.slopes[self.first][candidates]
        return cohort_z(self.engine, pattern, candidates, slope_E[None], slope_E)


def _rescore(engine: Engine, table: pd.DataFrame, top: int, progress: Progress | None) -> int:
    """Score the best candidates exactly, in place; returns how many."""
    best = np.argsort(-table["score"].to_numpy(), kind="stable")[:top]
    if progress:
        progress(0, len(best), "the best candidates, exactly")
    genes_E1 = table["position"].to_numpy()[best, None]
    table.loc[best, "score"] = engine.scores(genes_E1, table["delta_z"].to_numpy()[best, None])
    table.loc[best, "exact"] = True
    if progress:
        progress(len(best), len(best), "the best candidates, exactly")
    return len(best)
