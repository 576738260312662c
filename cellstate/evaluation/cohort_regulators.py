"""Regulators of every sample of a cohort, block by block, and the order of a heat map of them.

Shape suffixes: S samples, T candidate regulators, R shown regulators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from cellstate.evaluation.ood import ood_scores
from cellstate.model import Model
from cellstate.perturb.predictors.base import PredictorId, SearchProgress
from cellstate.perturb.regulators.search import FDR, Regulators, recurrence, regulators
from cellstate.perturb.sample import PreparedSample, prepare_samples
from cellstate.samples import Samples

#: Samples of one step: a second or less.
BLOCK = 50
#: Beyond so many rows the order of a tree's leaves is not optimised, which takes time that grows with their cube.
MOST_OPTIMISED = 1_000
#: A larger activity is no further away from others, in SD: one extreme sample must not decide the order.
_CLIP_Z = 6.0


class Shown(StrEnum):
    """Which regulators a heat map shows."""

    RECURRENT = "recurrent"
    VARIABLE = "variable"
    PRIVATE = "private"


@dataclass(frozen=True, eq=False)
class CohortRegulators:
    """Activity of every regulator in every sample: hypotheses.

    Attributes
    ----------
    model : Model
    predictor : PredictorId
    reference : str
        What the samples were compared with.
    samples : tuple of str, length S
    candidates_T : ndarray of int
        Positions in the model.
    z_ST, fdr_ST : ndarray of float32
        As those of `cellstate.perturb.regulators.search.Regulators`.
    is_ood_S : ndarray of bool
        Whether a sample is out of distribution; then its regulators are not reliable.
    """

    model: Model
    predictor: PredictorId
    reference: str
    samples: tuple[str, ...]
    candidates_T: np.ndarray
    z_ST: np.ndarray
    fdr_ST: np.ndarray
    is_ood_S: np.ndarray

    @property
    def has_null(self) -> bool:
        """Whether there are p-values."""
        return bool(np.isfinite(self.fdr_ST).any())

    @property
    def symbols_T(self) -> list[str]:
        """Symbols of the candidates."""
        return [self.model.space.symbols[g] for g in self.candidates_T]

    def recurrence(self) -> pd.DataFrame:
        """Return how many samples call each regulator, most often first; see `recurrence`."""
        return recurrence(self.model.space, self.candidates_T, self.samples, self.z_ST, self.fdr_ST)

    def activities(self) -> pd.DataFrame:
        """Return one row a sample: sample, is_ood, and the activity (z) of each regulator under its symbol."""
        about = pd.DataFrame({"sample": self.samples, "is_ood": self.is_ood_S})
        return pd.concat([about, pd.DataFrame(self.z_ST, columns=self.symbols_T)], axis=1)

    def shown(self, what: Shown, n: int) -> np.ndarray:
        """Return the first `n` candidates, by position among them.

        Recurrent ones are called in most samples, variable ones differ most in activity between samples, and private
        ones are called in one sample alone, strongest first; there may be none.
        """
        called_ST = self.fdr_ST <= FDR
        n_called_T = called_ST.sum(axis=0)
        strength_T = np.abs(np.nan_to_num(self.z_ST)).max(axis=0)
        if what is Shown.VARIABLE:
            order = np.argsort(-np.nan_to_num(self.z_ST).std(axis=0), kind="stable")
        elif what is Shown.PRIVATE:
            order = np.flatnonzero(n_called_T == 1)
            order = order[np.argsort(-strength_T[order], kind="stable")]
        else:
            order = np.lexsort((-np.abs(np.nan_to_num(self.z_ST).mean(axis=0)), -n_called_T))
        return order[:n]


def regulators_of_block(model: Model, samples: Samples) -> CohortRegulators:
    """Return the regulators of some samples against their own closest normal states.

    Raises
    ------
    CellStateError
        As `prepare_samples` and `regulators`.
    """
    prepared = prepare_samples(model, samples)
    return _of(regulators(prepared), is_out_of_distribution(prepared))


def is_out_of_distribution(prepared: Sequence[PreparedSample]) -> np.ndarray:
    """Return whether each sample is out of distribution, shape (S,)."""
    return np.array([score.is_ood for score in ood_scores(prepared)])


def prepare_in_steps(model: Model, samples: Samples, what: str, progress: SearchProgress) -> list[PreparedSample]:
    """Prepare many samples with their progress; `what` they are is said in it."""
    found: list[PreparedSample] = []
    for rows in _blocks(len(samples)):
        progress(rows[0], len(samples), what)
        found += prepare_samples(model, samples.take(rows))
    return found


def cohort_regulators(
    model: Model,
    samples: Samples,
    progress: SearchProgress,
    blocks: MutableMapping[int, CohortRegulators],
) -> CohortRegulators:
    """Return the regulators of every sample against its own closest normal state.

    Parameters
    ----------
    model : Model
    samples : Samples
    progress : callable
        Receives (done, total, what) before each step; it stops the search by raising.
    blocks : mapping
        What is found so far, by the position of a block's first sample; it is filled, so that a search that was stopped
        goes on with the blocks that are missing.
    """
    for rows in _blocks(len(samples)):
        progress(rows[0], len(samples), "samples")
        if rows[0] not in blocks:
            blocks[rows[0]] = regulators_of_block(model, samples.take(rows))
    return join_blocks([blocks[first] for first in sorted(blocks)])


def regulators_among(model: Model, samples: Samples, label: str, progress: SearchProgress) -> CohortRegulators:
    """Return the regulators of every sample against the other samples; parameters as those of `cohort_regulators`.

    The label is what to call them.
    """
    prepared = prepare_in_steps(model, samples, "samples", progress)
    progress(0, 2, "steps of the ranking")
    is_ood_S = is_out_of_distribution(prepared)
    progress(1, 2, "steps of the ranking")
    return _of(regulators(prepared, against=prepared, against_label=label), is_ood_S)


def _blocks(n: int) -> list[list[int]]:
    return [list(range(first, min(first + BLOCK, n))) for first in range(0, n, BLOCK)]


def _of(found: Regulators, is_ood_S: np.ndarray) -> CohortRegulators:
    return CohortRegulators(
        found.model,
        found.predictor,
        found.reference,
        found.samples,
        found.candidates_T,
        found.z_ST,
        found.fdr_ST,
        is_ood_S,
    )


def join_blocks(blocks: Sequence[CohortRegulators]) -> CohortRegulators:
    """Return the blocks of one cohort, all of one model, as a whole."""
    first = blocks[0]
    return CohortRegulators(
        first.model,
        first.predictor,
        first.reference,
        tuple(name for block in blocks for name in block.samples),
        first.candidates_T,
        np.concatenate([block.z_ST for block in blocks]),
        np.concatenate([block.fdr_ST for block in blocks]),
        np.concatenate([block.is_ood_S for block in blocks]),
    )


def similar_order(z_NM: np.ndarray) -> np.ndarray:
    """Return the order of rows in which similar ones stand side by side: leaves of a tree by Ward's method.

    Parameters
    ----------
    z_NM : ndarray
        One row each; NaN counts as 0.
    """
    if len(z_NM) < 3:
        return np.arange(len(z_NM))
    from scipy.cluster.hierarchy import leaves_list, linkage

    values = np.clip(np.nan_to_num(z_NM.astype(np.float64)), -_CLIP_Z, _CLIP_Z)
    return leaves_list(linkage(values, "ward", optimal_ordering=len(values) <= MOST_OPTIMISED))


def sample_order(z_SR: np.ndarray, names: Sequence[str], groups: Mapping[str, str]) -> np.ndarray:
    """Return the samples by group, the largest group first, and by similarity within each; those of no group come last.

    Parameters
    ----------
    z_SR : ndarray
    names : sequence of str, length S
    groups : mapping of str to str
        Group of a sample by its name; empty for one order of all.
    """
    counts = Counter(groups.get(name, "") for name in names)
    ranked = sorted(counts, key=lambda group: (not group, -counts[group]))
    parts = []
    for group in ranked:
        rows = np.array([s for s, name in enumerate(names) if groups.get(name, "") == group])
        parts.append(rows[similar_order(z_SR[rows])])
    return np.concatenate(parts)
