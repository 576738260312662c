"""How unusual an effect is in this patient: the same edits, tried on every patient of the model's cohort.

First-order effects on both sides, so that like is compared with like. A gene's own part is taken out at the training
mean on both sides too: it differs little between patients, and is dear in a large network. A linear predictor has one
slope for all patients, and so knows them apart by the levels of the edited gene alone.

Shape suffixes: S cohort patients, G genes, E edits.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch

from cellstate.model import Model
from cellstate.model.profiles import load_profiles
from cellstate.perturb.edits import Edit, edited_tpm
from cellstate.perturb.engine import Engine
from cellstate.perturb.goals import Goal
from cellstate.perturb.progress import Progress
from cellstate.perturb.propagate import base_pass
from cellstate.perturb.sensitivity import backward, own_responses, readout

_BATCH = 64
#: Kept as long as its goal: a goal may come from a patient, so no other session may find what was computed for it.
_kept: WeakKeyDictionary[Goal, Background] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Background:
    """Slopes of a goal's score in every gene's z, for every cohort patient.

    Attributes
    ----------
    model : Model
    slope_SG : ndarray of float32, shape (S, G)
        The gene's own part left out.
    own_G : ndarray of float32, shape (G,)
        That own part: direction times own response at the training mean.
    """

    model: Model
    slope_SG: np.ndarray
    own_G: np.ndarray

    def z(self, engine: Engine, pattern: Edit, genes_E: np.ndarray) -> np.ndarray:
        """Return how unusual the network's effects are in this patient, shape (E,); see `cohort_z`."""
        here_G = engine.gradient()[0] - self.own_G
        return cohort_z(engine, pattern, genes_E, self.slope_SG[:, genes_E], here_G[genes_E])


def cohort_z(
    engine: Engine, pattern: Edit, genes_E: np.ndarray, slope_SE: np.ndarray, here_E: np.ndarray
) -> np.ndarray:
    """Standard deviations between this patient's effect and the cohort's mean effect, shape (E,).

    NaN where the effect does not differ between the patients of the cohort, which the model must have.

    Parameters
    ----------
    slope_SE : ndarray
        Slopes of the score in the edited genes' z, for every cohort patient, or one row for all.
    here_E : ndarray
        The same for this patient.
    """
    profiles = engine.profiles
    assert profiles is not None
    log1p_SE = profiles.log1p_SG[:, genes_E]
    after_SE = edited_tpm(pattern, np.expm1(log1p_SE), genes_E, profiles)
    delta_SE = (np.log1p(after_SE) - log1p_SE) / engine.model.space.scale_G[genes_E]
    effect_SE = delta_SE * slope_SE
    moved_E = engine.changes(pattern, genes_E) * here_E
    spread_E = effect_SE.std(axis=0, ddof=1)
    differs_E = spread_E > 1e-6 * np.abs(effect_SE).max(axis=0, initial=0.0)
    z_E = np.full(len(genes_E), np.nan)
    np.divide(moved_E - effect_SE.mean(axis=0), spread_E, out=z_E, where=differs_E)
    return z_E


def background(model: Model, goal: Goal, progress: Progress | None = None) -> Background | None:
    """Run every patient of the model's cohort towards a goal, once; ``None`` for a model without a cohort."""
    profiles = load_profiles(model)
    if profiles is None:
        return None
    if (found := _kept.get(goal)) is not None and found.model is model:
        return found
    network, z_SG = model.network, profiles.z_SG
    slope_SG = np.empty_like(z_SG)
    with torch.inference_mode():
        direction_G = torch.from_numpy(goal.direction_G).to(model.device)
        score = readout(network, direction_G)
        mean = base_pass(network, torch.zeros(1, len(direction_G), device=model.device))
        own_G = goal.direction_G * own_responses(network, mean, goal.direction_G)
        for start in range(0, len(z_SG), _BATCH):
            if progress:
                progress(start, len(z_SG), "the cohort's patients")
            rows = slice(start, start + _BATCH)
            base = base_pass(network, torch.from_numpy(z_SG[rows]).to(model.device))
            slope_SG[rows] = backward(network, base, score).input_SG.cpu().numpy() - own_G
    _kept[goal] = Background(model, slope_SG, own_G)
    return _kept[goal]
