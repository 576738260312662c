"""One patient, one goal: exact scores of edits and gradients after them, at the cost of differences alone.

Numpy in, numpy out; the base pass, the folded goal and the base gradient are computed once and kept.

Shape suffixes: E edits, K edited genes of one edit, G genes.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from cellstate.model import Model
from cellstate.model.profiles import Profiles, load_profiles
from cellstate.perturb.edits import Edit, edited_tpm
from cellstate.perturb.goals import Goal
from cellstate.perturb.interactions import PairScores, pair_scores, score
from cellstate.perturb.patient import Patient
from cellstate.perturb.progress import Progress
from cellstate.perturb.propagate import base_pass, check_numbers, hidden_change
from cellstate.perturb.sensitivity import (
    Backward,
    backward,
    gradient_change,
    own_responses,
    readout,
    typical_reach,
)

#: Edits that go through a network at once: as many as this many hidden units allow, between two bounds. Wide enough for
#: matrix products, small enough for a laptop's memory.
CHUNK_UNITS, CHUNK, LARGEST_CHUNK = 5_000_000, 256, 8_192
#: Multiply-adds that are spent on exact scores without being asked for.
CHEAP = 5e10
#: Random edits that tell how far a typical one reaches.
REACH_EDITS = 4
_SEED = 19_383


class Engine:
    """Answers about one patient and one goal.

    Parameters
    ----------
    model : Model
    patient : Patient
    goal : Goal

    Raises
    ------
    ModelError
        When the model's weights give results that are not numbers.
    """

    def __init__(self, model: Model, patient: Patient, goal: Goal) -> None:
        self.model, self.patient, self.goal = model, patient, goal
        with torch.inference_mode():
            self._base = base_pass(model.network, self._tensor(patient.z_1G))
            self._goal = readout(model.network, self._tensor(goal.direction_G))
        check_numbers(self._base.output_SG)

    @cached_property
    def _before(self) -> Backward:
        with torch.inference_mode():
            return _checked(backward(self.model.network, self._base, self._goal))

    def scores(self, genes_EK: np.ndarray, delta_EK: np.ndarray) -> np.ndarray:
        """Return the exact movement along the goal, in S, with the edited genes left out, shape (E,).

        Edits of fewer genes than K are padded with a gene of theirs and a change of 0.
        """
        network, parts = self.model.network, []
        with torch.inference_mode():
            for start in range(0, len(genes_EK), self.chunk):
                genes, delta = self._edits(genes_EK[start : start + self.chunk], delta_EK[start : start + self.chunk])
                parts.append(score(network, self._goal, hidden_change(network, self._base, genes, delta), genes))
        return _join(parts)

    def gradient(self, genes_EK: np.ndarray | None = None, delta_EK: np.ndarray | None = None) -> np.ndarray:
        """Return the gradient of the score with respect to z, after each edit, shape (E, G), or at the patient, (1, G).

        No gene is left out of it: `own_G` is a gene's own part.
        """
        before_1G = self._before.input_SG.cpu().numpy()
        if genes_EK is None or delta_EK is None:
            return before_1G
        return before_1G + self.gradient_change(*self._edits(genes_EK, delta_EK)).cpu().numpy()

    def slopes(self, genes_EK: np.ndarray | None = None, delta_EK: np.ndarray | None = None) -> np.ndarray:
        """Return `gradient` with each gene's own part left out, that at the patient: shape (E, G), or (1, G)."""
        return self.gradient(genes_EK, delta_EK) - self.own_G

    def gradient_change(self, genes_EK: Tensor, delta_EK: Tensor, before: Backward | None = None) -> Tensor:
        """Return by how much edits change the gradient, shape (E, G), all edits in one batch, on the model's device.

        ``before`` is what `smoothed` gives, where the change is to be that of smoothed slopes.
        """
        with torch.inference_mode():
            return gradient_change(self.model.network, self._base, before or self._before, genes_EK, delta_EK)

    def smoothed(self, delta_G: np.ndarray) -> Backward:
        """Return the gradients that a search starts from, smoothed over the reach of a typical edit.

        Parameters
        ----------
        delta_G : ndarray
            Change of z that the edit makes to each gene, 0 where it is no candidate.
        """
        candidates = np.flatnonzero(delta_G)
        if not len(candidates):
            return self._before
        some = np.random.default_rng(_SEED).choice(candidates, min(REACH_EDITS, len(candidates)), replace=False)
        network = self.model.network
        with torch.inference_mode():
            reach = typical_reach(network, self._base, *self._edits(some, delta_G[some]))
            return _checked(backward(network, self._base, self._goal, reach))

    def pair_scores(
        self, a_E: np.ndarray, b_E: np.ndarray, delta_G: np.ndarray, progress: Progress | None = None
    ) -> PairScores[np.ndarray]:
        """Score pairs of single edits exactly, float64, with both genes left out of each score.

        The cost is one pass for every distinct gene and one for every pair, in chunks.

        Parameters
        ----------
        a_E, b_E : ndarray of int
            The pairs; those that share a gene are best kept together.
        delta_G : ndarray
            Change of z that the edit makes to each gene.
        """
        parts: list[PairScores[Tensor]] = []
        for start in range(0, len(a_E), self.chunk):
            if progress:
                progress(start, len(a_E), "the best pairs, exactly")
            rows = slice(start, start + self.chunk)
            genes_U, pair_E = np.unique(np.concatenate([a_E[rows], b_E[rows]]), return_inverse=True)
            genes, delta = self._edits(genes_U, delta_G[genes_U])
            first, second = (self._tensor(part) for part in np.split(pair_E, 2))
            with torch.inference_mode():
                parts.append(pair_scores(self.model.network, self._base, self._goal, genes, delta, first, second))
        return PairScores(*(_join([getattr(p, name) for p in parts]) for name in ("a_E", "b_E", "synergy_E")))

    @cached_property
    def chunk(self) -> int:
        """Edits that go through the network at once."""
        units = sum(self.model.network.config.widths[1:-1])
        return min(LARGEST_CHUNK, max(CHUNK, CHUNK_UNITS // units))

    @cached_property
    def affordable(self) -> int:
        """How many edits cost next to nothing to score exactly: all of a small network, some hundred of a large one."""
        network = self.model.network
        return int(CHEAP // max(1, sum(network.weight(i).numel() for i in range(1, len(network.layers) - 1))))

    @cached_property
    def own_G(self) -> np.ndarray:
        """A gene's own part of the gradient: its direction times its own response, shape (G,)."""
        with torch.inference_mode():
            return self.goal.direction_G * own_responses(self.model.network, self._base, self.goal.direction_G)

    def first_order(self, delta_G: np.ndarray) -> np.ndarray:
        """Return the score's slope in each gene's z with that gene left out of the score, shape (G,).

        Smoothed over the reach of edits that change z by ``delta_G``: times ``delta_G`` it is what they score.
        """
        return self.smoothed(delta_G).input_SG[0].cpu().numpy() - self.own_G

    def changes(self, pattern: Edit, genes_E: np.ndarray) -> np.ndarray:
        """Return the change of z that a pattern of edit makes to each gene, shape (E,)."""
        tpm_E, space = self.patient.tpm_G[genes_E], self.model.space
        after_E = edited_tpm(pattern, tpm_E, genes_E, self.profiles)
        return ((np.log1p(after_E) - np.log1p(tpm_E)) / space.scale_G[genes_E]).astype(np.float32)

    @property
    def profiles(self) -> Profiles | None:
        """The cohort of the model, if it has one."""
        return load_profiles(self.model)

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.model.device)

    def _edits(self, genes: np.ndarray, delta: np.ndarray) -> tuple[Tensor, Tensor]:
        return self._tensor(genes.astype(np.int64)), self._tensor(delta.astype(np.float32))


def _join(parts: list[Tensor]) -> np.ndarray:
    found = torch.cat(parts).double() if parts else torch.empty(0)
    check_numbers(found)
    return found.cpu().numpy()


def _checked(found: Backward) -> Backward:
    check_numbers(found.input_SG)
    return found
