"""Scores of perturbations along a goal by the autoencoder, in torch: numpy in, numpy out.

The base pass, the folded goal and the base gradient of a scorer are computed once and kept.

A sample's effect is compared with those of the patients of the model's cohort to first order on both sides. There, a
gene's own part is removed at the training mean: it differs little between patients, and is slow to compute in a large
network.

Shape suffixes: R rows, E perturbation sets, K perturbed genes of one set, G genes, S cohort patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.perturb.predictors.activation_interaction import PairScores, pair_scores, score
from cellstate.perturb.predictors.base import CohortSlopes, SearchProgress
from cellstate.perturb.predictors.propagate import (
    Backward,
    backward,
    base_pass,
    check_numbers,
    gradient_change,
    hidden_change,
    own_responses,
    readout,
    readouts,
    typical_reach,
)

if TYPE_CHECKING:
    from cellstate.perturb.sample import PreparedSample
    from cellstate.perturb.search.goal import Goal

#: Perturbations that go through a network at once: as many as this many hidden units allow, between two bounds. Wide
#: enough for matrix products, small enough for a laptop's memory.
CHUNK_UNITS, CHUNK, LARGEST_CHUNK = 5_000_000, 256, 8_192
#: Multiply-adds that are spent on exact scores without being asked for.
CHEAP = 5e10
#: Random perturbations that tell how far a typical one reaches.
REACH_SAMPLES = 4
_SEED = 19_383
#: Cohort patients whose gradients are in memory at once.
_COHORT_BATCH = 64
#: Directions whose gradients are in memory at once.
_DIRECTIONS = 64
#: Kept as long as its goal: a goal may come from a patient, so no other session may find what was computed for it.
_backgrounds: WeakKeyDictionary[Goal, CohortBackground] = WeakKeyDictionary()


class AutoencoderScorer:
    """Scores by the autoencoder of perturbations of one sample along one goal, at the cost of differences alone.

    Parameters
    ----------
    sample : PreparedSample
    goal : Goal

    Raises
    ------
    GoalError
        A goal that was made for another sample.
    ModelError
        When the model's weights give results that are not numbers.
    """

    is_linear = False

    def __init__(self, sample: PreparedSample, goal: Goal) -> None:
        goal.check_sample(sample)
        self.model, self.sample, self.goal = sample.model, sample, goal
        with torch.inference_mode():
            self._base = base_pass(self.model.network, self._tensor(sample.z_1G))
            self._goal = readout(self.model.network, self._tensor(goal.direction_G))
        check_numbers(self._base.output_SG)

    @cached_property
    def _before(self) -> Backward:
        with torch.inference_mode():
            return _checked(backward(self.model.network, self._base, self._goal))

    def scores(self, genes_EK: np.ndarray, delta_EK: np.ndarray) -> np.ndarray:
        """Return the exact movement along the goal, in SD, with the perturbed genes left out, shape (E,).

        Sets of fewer genes than K are padded with a gene of theirs and a change of 0.
        """
        network, parts = self.model.network, []
        with torch.inference_mode():
            for start in range(0, len(genes_EK), self.chunk):
                genes, delta = self._perturbations(
                    genes_EK[start : start + self.chunk], delta_EK[start : start + self.chunk]
                )
                parts.append(score(network, self._goal, hidden_change(network, self._base, genes, delta), genes))
        return _join(parts)

    def gradient(self, genes_EK: np.ndarray | None = None, delta_EK: np.ndarray | None = None) -> np.ndarray:
        """Return the gradient of the score in z after each perturbation set, shape (E, G), or at the sample, (1, G).

        No gene is left out of it: `own_G` is a gene's own part.
        """
        before_1G = self._before.input_SG.cpu().numpy()
        if genes_EK is None or delta_EK is None:
            return before_1G
        return before_1G + self.gradient_change(*self._perturbations(genes_EK, delta_EK)).cpu().numpy()

    def slopes(self, genes_EK: np.ndarray | None = None, delta_EK: np.ndarray | None = None) -> np.ndarray:
        """Return `gradient` with each gene's own part left out, that at the sample: shape (E, G), or (1, G)."""
        return self.gradient(genes_EK, delta_EK) - self.own_G

    def gradient_change(self, genes_EK: Tensor, delta_EK: Tensor, before: Backward | None = None) -> Tensor:
        """Return by how much perturbations change the gradient, shape (E, G), in one batch on the model's device.

        ``before`` is what `smoothed` gives, where the change is to be that of smoothed slopes.
        """
        with torch.inference_mode():
            return gradient_change(self.model.network, self._base, before or self._before, genes_EK, delta_EK)

    def smoothed(self, delta_G: np.ndarray) -> Backward:
        """Return the gradients that a search starts from, smoothed over the reach of a typical perturbation.

        Parameters
        ----------
        delta_G : ndarray
            Change of z that the perturbation makes to each gene, 0 where it is no candidate.
        """
        candidates = np.flatnonzero(delta_G)
        if not len(candidates):
            return self._before
        some = np.random.default_rng(_SEED).choice(candidates, min(REACH_SAMPLES, len(candidates)), replace=False)
        network = self.model.network
        with torch.inference_mode():
            reach = typical_reach(network, self._base, *self._perturbations(some, delta_G[some]))
            return _checked(backward(network, self._base, self._goal, reach))

    def pair_scores(
        self, a_E: np.ndarray, b_E: np.ndarray, delta_G: np.ndarray, progress: SearchProgress | None = None
    ) -> PairScores[np.ndarray]:
        """Score pairs of single perturbations exactly, float64, with both genes left out of each score.

        The cost is one pass for every distinct gene and one for every pair, in chunks.

        Parameters
        ----------
        a_E, b_E : ndarray of int
            The pairs; those that share a gene are best kept together.
        delta_G : ndarray
            Change of z that the perturbation makes to each gene.
        """
        parts: list[PairScores[Tensor]] = []
        for start in range(0, len(a_E), self.chunk):
            if progress:
                progress(start, len(a_E), "the best pairs, exactly")
            rows = slice(start, start + self.chunk)
            genes_U, pair_E = np.unique(np.concatenate([a_E[rows], b_E[rows]]), return_inverse=True)
            genes, delta = self._perturbations(genes_U, delta_G[genes_U])
            first, second = (self._tensor(part) for part in np.split(pair_E, 2))
            with torch.inference_mode():
                parts.append(pair_scores(self.model.network, self._base, self._goal, genes, delta, first, second))
        return PairScores(*(_join([getattr(p, name) for p in parts]) for name in ("a_E", "b_E", "interaction_E")))

    @cached_property
    def chunk(self) -> int:
        """Perturbations that go through the network at once."""
        units = sum(self.model.network.config.widths[1:-1])
        return min(LARGEST_CHUNK, max(CHUNK, CHUNK_UNITS // units))

    @cached_property
    def n_affordable(self) -> int:
        """How many exact scores cost next to nothing: all of a small network, some hundred of a large one."""
        network = self.model.network
        return int(CHEAP // max(1, sum(network.weight(i).numel() for i in range(1, len(network.layers) - 1))))

    @cached_property
    def own_G(self) -> np.ndarray:
        """A gene's own part of the gradient: its direction times its own response, shape (G,)."""
        with torch.inference_mode():
            return self.goal.direction_G * own_responses(self.model.network, self._base, self.goal.direction_G)

    def first_order(self, delta_G: np.ndarray) -> np.ndarray:
        """Return the score's slope in each gene's z with that gene left out of the score, shape (G,).

        Smoothed over the reach of perturbations that change z by ``delta_G``: times ``delta_G`` it is what they score.
        """
        return self.smoothed(delta_G).input_SG[0].cpu().numpy() - self.own_G

    def slopes_along(self, direction_RG: np.ndarray) -> np.ndarray:
        """Return the slopes at the sample along other directions than the goal's, own parts left out, shape (R, G)."""
        network, parts = self.model.network, []
        with torch.inference_mode():
            own_G = own_responses(network, self._base, np.asarray(direction_RG.any(axis=0)), CHEAP)
            for rows_RG in np.split(direction_RG, range(_DIRECTIONS, len(direction_RG), _DIRECTIONS)):
                along = backward(network, self._base, readouts(network, self._tensor(rows_RG)))
                parts.append(along.input_SG.cpu().numpy() - rows_RG * own_G)
        return np.concatenate(parts)

    def cohort_slopes(self, progress: SearchProgress | None = None) -> CohortSlopes | None:
        """Return the slopes for every patient of the model's cohort; None for a model without one."""
        background = cohort_background(self.model, self.goal, progress)
        return None if background is None else CohortSlopes(background.slope_SG, self.gradient()[0] - background.own_G)

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.model.device)

    def _perturbations(self, genes: np.ndarray, delta: np.ndarray) -> tuple[Tensor, Tensor]:
        return self._tensor(genes.astype(np.int64)), self._tensor(delta.astype(np.float32))


def _join(parts: list[Tensor]) -> np.ndarray:
    found = torch.cat(parts).double() if parts else torch.empty(0)
    check_numbers(found)
    return found.cpu().numpy()


def _checked(found: Backward) -> Backward:
    check_numbers(found.input_SG)
    return found


@dataclass(frozen=True, eq=False)
class CohortBackground:
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


def cohort_background(model: Model, goal: Goal, progress: SearchProgress | None = None) -> CohortBackground | None:
    """Run every patient of the model's cohort toward a goal, once a goal; None for a model without a cohort."""
    profiles = load_profiles(model)
    if profiles is None:
        return None
    if (found := _backgrounds.get(goal)) is not None and found.model is model:
        return found
    network, z_SG = model.network, profiles.z_SG
    slope_SG = np.empty_like(z_SG)
    with torch.inference_mode():
        direction_G = torch.from_numpy(goal.direction_G).to(model.device)
        along = readout(network, direction_G)
        mean = base_pass(network, torch.zeros(1, len(direction_G), device=model.device))
        own_G = goal.direction_G * own_responses(network, mean, goal.direction_G)
        for start in range(0, len(z_SG), _COHORT_BATCH):
            if progress:
                progress(start, len(z_SG), "the cohort's patients")
            rows = slice(start, start + _COHORT_BATCH)
            base = base_pass(network, torch.from_numpy(z_SG[rows]).to(model.device))
            slope_SG[rows] = backward(network, base, along).input_SG.cpu().numpy() - own_G
    _backgrounds[goal] = CohortBackground(model, slope_SG, own_G)
    return _backgrounds[goal]
