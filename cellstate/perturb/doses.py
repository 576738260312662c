"""The dose curve of one gene: what every other gene does as that gene goes from nothing to many times its level.

The network takes one base pass, then all doses in one batch of difference propagation. A linear predictor's curve has
no shape of its own: every gene follows a straight line in log1p TPM.

Shape suffixes: D doses, G genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from cellstate.errors import EditError
from cellstate.model import Model
from cellstate.model.profiles import load_profiles
from cellstate.perturb.edits import InputChange
from cellstate.perturb.goals import Goal
from cellstate.perturb.leader import choose
from cellstate.perturb.patient import prepare
from cellstate.perturb.propagate import base_pass, check_numbers, propagate
from cellstate.perturb.rivals import NETWORK, rival_maps
from cellstate.samples import Samples

#: Doses as multiples of the present level.
MULTIPLES = (0.0, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0, 16.0)
#: A gene below this level, in TPM, has nothing to be multiplied: its doses are levels.
UNEXPRESSED = 0.1
LEVELS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)


@dataclass(frozen=True, eq=False)
class DoseCurve:
    """What one gene's level does to the others: a hypothesis.

    Attributes
    ----------
    predictor : str
        Who says so.
    sample, gene, ensembl_id : str
    symbols, ensembl : tuple of str, length G
    edited : int
        Position of the gene in the model.
    measured_G : ndarray of bool, shape (G,)
    present_tpm : float
        The gene's level in the sample; the model's prediction where it was not measured. It is one of the doses,
        and moves nothing.
    usual_tpm : tuple of float or None
        Lowest and highest level in the model's cohort: a dose outside is one that no training patient had. None for a
        model without a cohort.
    tpm_D : ndarray of float64, shape (D,)
        Doses, rising.
    log1p_before_G : ndarray of float32, shape (G,)
        Natural log of 1 + TPM.
    delta_log2_DG : ndarray of float32, shape (D, G)
        Predicted log2 fold change of TPM + 1 against the present; the edited gene is at its dose.
    goal : Goal or None
    score_D : ndarray of float64 or None, shape (D,)
        Movement along the goal in S, the edited gene left out.
    """

    predictor: str
    sample: str
    gene: str
    ensembl_id: str
    symbols: tuple[str, ...]
    ensembl: tuple[str, ...]
    edited: int
    measured_G: np.ndarray
    present_tpm: float
    usual_tpm: tuple[float, float] | None
    tpm_D: np.ndarray
    log1p_before_G: np.ndarray
    delta_log2_DG: np.ndarray
    goal: Goal | None = None
    score_D: np.ndarray | None = None

    def doses(self) -> pd.DataFrame:
        """One row a dose. Columns: tpm, present (the sample's own level), and with a goal score and share."""
        table = pd.DataFrame({"tpm": self.tpm_D, "present": self.tpm_D == self.present_tpm})
        if self.goal is not None and self.score_D is not None:
            table["score"], table["share"] = self.score_D, self.score_D / self.goal.distance
        return table

    def responders(self, n: int = 8) -> pd.DataFrame:
        """The genes with the largest absolute shift at any dose, one row a gene and dose; the edited gene is none.

        Columns: rank (0 first), gene, ensembl_id, measured, dose_tpm (of the edited gene), tpm, delta_log2. Sorted by
        rank and dose; genes that move at no dose are left out.
        """
        largest_G = np.abs(self.delta_log2_DG).max(axis=0)
        largest_G[self.edited] = 0
        genes = np.argsort(-largest_G, kind="stable")[:n]
        genes = genes[largest_G[genes] > 0]
        n_doses = len(self.tpm_D)
        each = np.repeat(genes, n_doses)
        delta = self.delta_log2_DG[:, genes].T.ravel()
        return pd.DataFrame(
            {
                "rank": np.repeat(np.arange(len(genes)), n_doses),
                "gene": [self.symbols[g] for g in each],
                "ensembl_id": [self.ensembl[g] for g in each],
                "measured": self.measured_G[each],
                "dose_tpm": np.tile(self.tpm_D, len(genes)),
                "tpm": np.expm1(self.log1p_before_G[each] + delta * np.log(2)).clip(min=0),
                "delta_log2": delta,
            }
        )


def dose_curve(
    model: Model,
    samples: Samples,
    gene: str,
    *,
    multiples: Sequence[float] | None = None,
    goal: Goal | None = None,
    predictor: str | None = None,
) -> DoseCurve:
    """Set one gene of one sample to many levels and predict the shift of every other gene at each.

    Parameters
    ----------
    samples : Samples
        Exactly one.
    gene : str
        Any name of the gene.
    multiples : sequence of float, optional
        Doses as multiples of the present level (default: 0 and 1/8 to 16 in powers of two; for a gene that is not
        expressed, 0 to 200 TPM). The present level is always added.
    goal : Goal, optional
        Gives each dose a score.
    predictor : str, optional
        Who predicts, as in `perturb`.

    Raises
    ------
    CellStateError
        None or several samples, an unknown gene, multiples that are no amounts, multiples of a gene that is not
        expressed, a predictor that the model does not hold, weights that give no number.
    """
    first = choose(model, predictor)
    patient, space = prepare(model, samples), model.space
    edited = space.find(gene)
    present = float(patient.tpm_G[edited])
    tpm_D = _doses(space.symbols[edited], present, multiples)
    log1p_D = np.log1p(tpm_D)
    # Less one of its own values, so that the present level is exactly no change.
    up_D = log1p_D - log1p_D[np.searchsorted(tpm_D, present)]
    delta_z_D = (up_D / space.scale_G[edited]).astype(np.float32)
    if first == NETWORK:
        delta_z_DG = _shifts(model, patient.z_1G, edited, delta_z_D)
    else:
        doses = InputChange(np.array([edited]), delta_z_D[:, None], tpm_D[:, None].astype(np.float32))
        delta_z_DG = rival_maps(model)[first].shift(doses)

    before_G = np.log1p(patient.tpm_G).astype(np.float32)
    after_DG = np.maximum(before_G + delta_z_DG * space.scale_G, 0)
    change_DG = after_DG - before_G
    change_DG[:, edited] = up_D
    return DoseCurve(
        predictor=first,
        sample=patient.name,
        gene=space.symbols[edited],
        ensembl_id=space.ensembl[edited],
        symbols=space.symbols,
        ensembl=space.ensembl,
        edited=edited,
        measured_G=patient.measured_G,
        present_tpm=present,
        usual_tpm=_usual(model, edited),
        tpm_D=tpm_D,
        log1p_before_G=before_G,
        delta_log2_DG=(change_DG / np.float32(np.log(2))).astype(np.float32, copy=False),
        goal=goal,
        score_D=None if goal is None else _scores(goal, edited, delta_z_DG),
    )


def _doses(gene: str, present: float, multiples: Sequence[float] | None) -> np.ndarray:
    """Return the levels to try, in TPM, rising, the present one among them."""
    if multiples is None and present < UNEXPRESSED:
        return np.unique([*LEVELS, present])
    factors = np.asarray(MULTIPLES if multiples is None else multiples, dtype=float)
    if factors.ndim != 1 or not factors.size or not (np.isfinite(factors * present) & (factors >= 0)).all():
        raise EditError("A dose is a multiple of the present level, not below 0.", "Give for example 0, 0.5, 1, 2, 4.")
    if not present:
        raise EditError(
            f"{gene} is not expressed in this sample, so every multiple of its level is 0.",
            "Leave the multiples out to try levels in TPM.",
        )
    return np.unique([*(factors * present), present])


def _shifts(model: Model, z_1G: np.ndarray, edited: int, delta_z_D: np.ndarray) -> np.ndarray:
    """Return the network's change of z at each dose, shape (D, G), float32."""
    with torch.inference_mode():
        base = base_pass(model.network, torch.from_numpy(z_1G).to(model.device))
        gene = torch.tensor([edited], device=model.device)
        delta_D1 = torch.from_numpy(delta_z_D[:, None]).to(model.device)
        delta_DG = propagate(model.network, base, gene, delta_D1)
    check_numbers(delta_DG)
    return delta_DG.cpu().numpy()


def _usual(model: Model, edited: int) -> tuple[float, float] | None:
    profiles = load_profiles(model)
    if profiles is None:
        return None
    level_S, low, step = profiles.level_SG[:, edited], profiles.low_G[edited], profiles.step_G[edited]
    return float(np.expm1(low + step * level_S.min())), float(np.expm1(low + step * level_S.max()))


def _scores(goal: Goal, edited: int, delta_z_DG: np.ndarray) -> np.ndarray:
    direction_G = goal.direction_G.astype(np.float64)
    direction_G[edited] = 0
    return delta_z_DG @ direction_G
