"""Expression titration of one gene: what every other gene does as its level goes from nothing to many times as much.

The autoencoder takes one base pass, then all levels in one batch of difference propagation. By a linear method every
gene follows a straight line in log1p TPM.

Shape suffixes: D levels, G genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellstate.errors import PerturbationError
from cellstate.expression.units import TPM_TOTAL
from cellstate.perturb.perturbations import InputChange
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.registry import available_predictors, resolve_predictor
from cellstate.perturb.sample import PreparedSample
from cellstate.perturb.search.goal import Goal

#: Levels as multiples of the present one; those above one million TPM are left out.
MULTIPLES = (0.0, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0, 16.0)
#: A gene below this level, in TPM, has nothing to be multiplied: its levels are these, in TPM.
UNEXPRESSED = 0.1
LEVELS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)


@dataclass(frozen=True, eq=False)
class Titration:
    """Predicted effect of one gene's level on the others: a hypothesis.

    Attributes
    ----------
    predictor : PredictorId
    sample, gene, ensembl_id : str
    symbols, ensembl : tuple of str, length G
    position : int
        Position of the gene in the model.
    measured_G : ndarray of bool, shape (G,)
    present_tpm : float
        The gene's level in the sample; the model's prediction where it was not measured. It is one of the
        levels, and changes nothing.
    usual_tpm : tuple of float or None
        Lowest and highest level in the model's cohort: a level outside is one that no training patient had. None for a
        model without a cohort.
    tpm_D : ndarray of float64, shape (D,)
        Levels, rising.
    log1p_before_G : ndarray of float32, shape (G,)
        Natural log of 1 + TPM.
    log2_fold_change_DG : ndarray of float32, shape (D, G)
        Predicted log2 fold change of TPM + 1 against the present; the perturbed gene is at its level.
    goal : Goal or None
    score_D : ndarray of float64 or None, shape (D,)
        Movement along the goal in SD, the perturbed gene left out.
    """

    predictor: PredictorId
    sample: str
    gene: str
    ensembl_id: str
    symbols: tuple[str, ...]
    ensembl: tuple[str, ...]
    position: int
    measured_G: np.ndarray
    present_tpm: float
    usual_tpm: tuple[float, float] | None
    tpm_D: np.ndarray
    log1p_before_G: np.ndarray
    log2_fold_change_DG: np.ndarray
    goal: Goal | None = None
    score_D: np.ndarray | None = None

    def levels(self) -> pd.DataFrame:
        """One row a level. Columns: tpm, present (the sample's own), with a goal also score, fraction_of_distance."""
        table = pd.DataFrame({"tpm": self.tpm_D, "present": self.tpm_D == self.present_tpm})
        if self.goal is not None and self.score_D is not None:
            table["score"], table["fraction_of_distance"] = self.score_D, self.score_D / self.goal.distance
        return table

    def table(self) -> pd.DataFrame:
        """Every gene that changes at every level, with the level's score beside it where there is a goal."""
        table = self.responders(len(self.symbols)).drop(columns="rank")
        if self.goal is None:
            return table
        levels = self.levels().drop(columns="present").rename(columns={"tpm": "level_tpm"})
        return table.merge(levels, on="level_tpm")

    def responders(self, n: int = 8) -> pd.DataFrame:
        """Return the genes that change most at any level, one row a gene and level, without the perturbed gene.

        Columns: rank (0 first), gene, ensembl_id, is_measured, level_tpm (of the perturbed gene), tpm,
        log2_fold_change. Sorted by rank and level; genes that change at no level are left out.
        """
        largest_G = np.abs(self.log2_fold_change_DG).max(axis=0)
        largest_G[self.position] = 0
        genes = np.argsort(-largest_G, kind="stable")[:n]
        genes = genes[largest_G[genes] > 0]
        n_levels = len(self.tpm_D)
        each = np.repeat(genes, n_levels)
        delta = self.log2_fold_change_DG[:, genes].T.ravel()
        return pd.DataFrame(
            {
                "rank": np.repeat(np.arange(len(genes)), n_levels),
                "gene": [self.symbols[g] for g in each],
                "ensembl_id": [self.ensembl[g] for g in each],
                "is_measured": self.measured_G[each],
                "level_tpm": np.tile(self.tpm_D, len(genes)),
                "tpm": np.expm1(self.log1p_before_G[each] + delta * np.log(2)).clip(min=0),
                "log2_fold_change": delta,
            }
        )


def titrate(
    sample: PreparedSample,
    gene: str,
    *,
    multiples: Sequence[float] | None = None,
    goal: Goal | None = None,
    predictor: str | None = None,
) -> Titration:
    """Set one gene of one sample to many levels and predict the change of every other gene at each.

    Parameters
    ----------
    sample : PreparedSample
        Of shape (1, G) on the model's genes.
    gene : str
        Any name of the gene.
    multiples : sequence of float, optional
        Levels as multiples of the present one (default: 0 and 1/8 to 16 in powers of two; for a gene that is not
        expressed, 0 to 200 TPM). The present level is always added.
    goal : Goal, optional
        Gives each level a score.
    predictor : str, optional
        As in `cellstate.perturb.predict.predict`.

    Returns
    -------
    Titration
        Levels in TPM, shape (D,), and the log2 fold change of every gene at each, shape (D, G).

    Raises
    ------
    CellStateError
        An unknown gene, multiples that are no amounts or lead above one million TPM, multiples of a gene that is not
        expressed, a method that the model folder does not support, a goal that was made for another sample, weights
        that give no number.
    """
    chosen = resolve_predictor(sample.model, predictor)
    if goal is not None:
        goal.check_sample(sample)
    space = sample.model.space
    position = space.find(gene)
    present = float(sample.tpm_G[position])
    tpm_D = _levels(space.symbols[position], present, multiples)
    log1p_D = np.log1p(tpm_D)
    # Less one of its own values, so that the present level is exactly no change.
    up_D = log1p_D - log1p_D[np.searchsorted(tpm_D, present)]
    delta_D1 = (up_D / space.scale_G[position]).astype(np.float32)[:, None]
    change = InputChange(np.array([position]), delta_D1, tpm_D[:, None].astype(np.float32))
    delta_z_DG = available_predictors(sample.model)[chosen].predict_change(sample, change)

    before_G = np.log1p(sample.tpm_G).astype(np.float32)
    after_DG = np.maximum(before_G + delta_z_DG * space.scale_G, 0)
    change_DG = after_DG - before_G
    change_DG[:, position] = up_D
    return Titration(
        predictor=chosen,
        sample=sample.name,
        gene=space.symbols[position],
        ensembl_id=space.ensembl[position],
        symbols=space.symbols,
        ensembl=space.ensembl,
        position=position,
        measured_G=sample.measured_G,
        present_tpm=present,
        usual_tpm=_usual(sample, position),
        tpm_D=tpm_D,
        log1p_before_G=before_G,
        log2_fold_change_DG=(change_DG / np.float32(np.log(2))).astype(np.float32, copy=False),
        goal=goal,
        score_D=None if goal is None else _scores(goal, position, delta_z_DG),
    )


def _levels(gene: str, present: float, multiples: Sequence[float] | None) -> np.ndarray:
    """Return the levels to try, in TPM, rising, the present one among them."""
    if multiples is None and present < UNEXPRESSED:
        return np.unique([*LEVELS, present])
    factors = np.asarray(MULTIPLES if multiples is None else multiples, dtype=float)
    if factors.ndim != 1 or not factors.size or not (np.isfinite(factors * present) & (factors >= 0)).all():
        raise PerturbationError(
            "A level is a multiple of the present one, not below 0.", "Give for example 0, 0.5, 1, 2, 4."
        )
    if not present:
        raise PerturbationError(
            f"{gene} is not expressed in this sample, so every multiple of its level is 0.",
            "Leave the multiples out to try levels in TPM.",
        )
    tpm_D = factors * present
    if multiples is not None and (tpm_D > TPM_TOTAL).any():
        raise PerturbationError(
            f"{gene} would reach {tpm_D.max():,.0f} TPM; all genes of a sample together have one million.",
            "Give smaller multiples.",
        )
    return np.unique([*tpm_D[tpm_D <= TPM_TOTAL], present])


def _usual(sample: PreparedSample, position: int) -> tuple[float, float] | None:
    profiles = sample.profiles
    if profiles is None:
        return None
    level_S, low, step = profiles.level_SG[:, position], profiles.low_G[position], profiles.step_G[position]
    return float(np.expm1(low + step * level_S.min())), float(np.expm1(low + step * level_S.max()))


def _scores(goal: Goal, position: int, delta_z_DG: np.ndarray) -> np.ndarray:
    direction_G = goal.direction_G.astype(np.float64)
    direction_G[position] = 0
    return delta_z_DG @ direction_G
