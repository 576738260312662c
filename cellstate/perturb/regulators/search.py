"""Rank the regulators of one sample, or of many at once, without a goal.

Shape suffixes: S samples, G genes, T candidate genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from cellstate.errors import CellStateError
from cellstate.gene_space import GeneSpace
from cellstate.model import Model
from cellstate.perturb.effects import EffectMatrix, effect_matrix, effects_of_tfs
from cellstate.perturb.predictors.base import PredictorId, SearchProgress
from cellstate.perturb.predictors.registry import ranking_predictor
from cellstate.perturb.regulators.activity import activities
from cellstate.perturb.regulators.reference import (
    PRIOR_SAMPLES,
    GroupReference,
    NormalReference,
    load_reference,
)
from cellstate.perturb.regulators.sets import RegulatorSet, cooperating_set
from cellstate.perturb.sample import PreparedSample, training_mean
from cellstate.perturb.search.null_models import benjamini_hochberg

#: A regulator below this level can hardly drive anything.
EXPRESSED_TPM = 0.5
#: Called where the false discovery rate is at most this.
FDR = 0.1
#: Samples of a group from which on its own samples are the null.
FEWEST_IN_GROUP = 5
#: Samples whose signatures are in memory at once.
_BLOCK = 512
NORMAL_STATE = "closest normal state"


@dataclass(frozen=True, eq=False)
class Regulators:
    """Regulators of samples against a reference: hypotheses.

    Attributes
    ----------
    model : Model
    predictor : PredictorId
        The method whose effects are compared with the signatures.
    reference : str
        What the samples were compared with.
    samples : tuple of str, length S
    candidates_T : ndarray of int
        Positions in the model.
    activity_ST, change_ST, z_ST, p_ST, fdr_ST : ndarray of float32
        Cosine of effects and signature; the regulator's own difference from the reference in SD; activity in SD of
        left-out samples of the reference, its two-sided p, and the false discovery rate over the sample's candidates.
        Against a small group, z is activity times the root of the signature's genes, and p and fdr are NaN.
    tpm_ST : ndarray of float32
        NaN where not measured.
    signature_SG : ndarray of float32
    sets : tuple of RegulatorSet or None, length S
        Empty where sets were not asked for.
    """

    model: Model
    predictor: PredictorId
    reference: str
    samples: tuple[str, ...]
    candidates_T: np.ndarray
    activity_ST: np.ndarray
    change_ST: np.ndarray
    z_ST: np.ndarray
    p_ST: np.ndarray
    fdr_ST: np.ndarray
    tpm_ST: np.ndarray
    signature_SG: np.ndarray
    sets: tuple[RegulatorSet | None, ...] = ()

    @property
    def has_null(self) -> bool:
        """Whether there are p-values."""
        return bool(np.isfinite(self.p_ST).any())

    def table(self, sample: int = 0) -> pd.DataFrame:
        """Return the regulators of one sample, most active first, those that it does not measure last.

        Columns: gene, ensembl_id, activity, z, p, fdr, direction (``more active`` or ``less active`` than in the
        reference), own_change, tpm, is_tf.
        """
        space, s = self.model.space, sample
        table = pd.DataFrame(
            {
                "gene": [space.symbols[g] for g in self.candidates_T],
                "ensembl_id": [space.ensembl[g] for g in self.candidates_T],
                "activity": self.activity_ST[s],
                "z": self.z_ST[s],
                "p": self.p_ST[s],
                "fdr": self.fdr_ST[s],
                "direction": np.where(self.z_ST[s] >= 0, "more active", "less active"),
                "own_change": self.change_ST[s],
                "tpm": self.tpm_ST[s],
                "is_tf": space.is_tf_G[self.candidates_T],
            }
        )
        table = table.sort_values("z", ascending=False, kind="stable")
        return table.sort_values("tpm", key=pd.isna, kind="stable", ignore_index=True)

    def recurrence(self, fdr: float = FDR) -> pd.DataFrame:
        """Return how many samples call each regulator more and less active, most often first; private ones say 1.

        Columns as `recurrence` has them.
        """
        return recurrence(self.model.space, self.candidates_T, self.samples, self.z_ST, self.fdr_ST, fdr)


def recurrence(
    space: GeneSpace,
    candidates_T: np.ndarray,
    samples: Sequence[str],
    z_ST: np.ndarray,
    fdr_ST: np.ndarray,
    fdr: float = FDR,
) -> pd.DataFrame:
    """Return how many samples call each regulator more and less active, most often first.

    Columns: gene, ensembl_id, n_more_active, n_less_active, mean_z, samples (names of those that call it, the first
    five).
    """
    called_ST = fdr_ST <= fdr
    up_T, down_T = (called_ST & (z_ST > 0)).sum(axis=0), (called_ST & (z_ST < 0)).sum(axis=0)
    table = pd.DataFrame(
        {
            "gene": [space.symbols[g] for g in candidates_T],
            "ensembl_id": [space.ensembl[g] for g in candidates_T],
            "n_more_active": up_T,
            "n_less_active": down_T,
            "mean_z": z_ST.mean(axis=0),
            "samples": [", ".join(samples[s] for s in np.flatnonzero(column)[:5]) for column in called_ST.T],
        }
    )
    order = np.lexsort((-np.abs(table["mean_z"]), -(up_T + down_T)))
    return table.iloc[order].reset_index(drop=True)


def regulators(
    samples: Sequence[PreparedSample],
    *,
    against: Sequence[PreparedSample] | None = None,
    against_label: str = "",
    genes: np.ndarray | None = None,
    with_sets: bool = False,
    progress: SearchProgress | None = None,
) -> Regulators:
    """Rank regulators of samples by how far each one's activity is from that in normal tissue.

    Parameters
    ----------
    samples : sequence of PreparedSample
        Of one model.
    against : sequence of PreparedSample, optional
        The reference; default: each sample's own closest normal state. A sample that is one of them is compared with
        the others, so that a cohort can be its own reference. `FEWEST_IN_GROUP` samples beside it and more are the
        null of the p-values.
    against_label : str
        What to call it.
    genes : ndarray of int, optional
        Candidates; default: every transcription factor.
    with_sets : bool
        Whether a set of cooperating regulators is sought for each sample.
    progress : callable, optional
        Receives (done, total, what).

    Returns
    -------
    Regulators
        Activity, z, p and false discovery rate of each candidate in each sample, shape (S, T).

    Raises
    ------
    CellStateError
        No sample, no candidate, or no reference: the model folder carries no model of normal tissue.
    """
    if not samples:
        raise CellStateError("There is no sample.", "Give at least one.")
    model = samples[0].model
    normal = load_reference(model)
    predictor = ranking_predictor(model) if normal is None else normal.predictor
    effects = _effects(model, predictor, genes, progress)
    at = effects.candidates_C
    reference: NormalReference | GroupReference
    null: _NormalNull | _GroupNull | None
    if against is not None:
        reference = GroupReference.of(against)
        null, label = _null_of_group(reference, samples, effects), against_label or f"mean of {len(against)} samples"
    elif normal is not None:
        reference, label = normal, NORMAL_STATE
        null = _NormalNull(normal.activity_mean_G[at], normal.activity_sd_G[at], normal.degrees)
    else:
        raise CellStateError(
            f"The model {model.config.name} carries no model of normal tissue to compare a sample with.",
            "Use the model human, or give normal samples to compare with.",
        )
    parts = [
        _part(samples[start : start + _BLOCK], reference, null, effects) for start in range(0, len(samples), _BLOCK)
    ]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    found = Regulators(
        model=model,
        predictor=predictor,
        reference=label,
        samples=tuple(one.name for one in samples),
        candidates_T=at,
        **joined,  # type: ignore[arg-type]
    )
    if not with_sets:
        return found
    return replace(found, sets=tuple(_set(found, effects, s, progress) for s in range(len(samples))))


def _effects(
    model: Model, predictor: PredictorId, genes: np.ndarray | None, progress: SearchProgress | None
) -> EffectMatrix:
    if genes is None:
        effects = effects_of_tfs(model, predictor, progress)
    else:
        effects = effect_matrix(training_mean(model), np.unique(genes), predictor, progress)
    if not len(effects.candidates_C):
        raise CellStateError("There is no regulator to rank.", "Give genes that the model knows.")
    return effects


@dataclass(frozen=True, eq=False)
class _NormalNull:
    """Activities of the candidates in normal samples that were left out, and degrees of freedom of Student's t."""

    mean_T: np.ndarray
    sd_T: np.ndarray
    degrees: float

    def of(self, member_S: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return mean, SD and degrees of freedom for samples, each with an axis of samples or one of length 1."""
        return self.mean_T[None], self.sd_T[None], np.full((1, 1), self.degrees)


@dataclass(frozen=True, eq=False)
class _GroupNull:
    """Activities of the candidates in the samples of a group, each against the others, shape (N, T)."""

    activity_NT: np.ndarray

    def of(self, member_S: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return mean, SD and degrees of freedom for samples; a sample of the group is no part of its own null."""
        own_S1 = (member_S >= 0)[:, None]
        n_S1 = len(self.activity_NT) - own_S1
        middle_T = self.activity_NT.mean(axis=0)
        away_NT = self.activity_NT - middle_T
        own_ST = np.where(own_S1, away_NT[member_S], 0)
        mean_ST = -own_ST / n_S1
        square_ST = np.square(away_NT).sum(axis=0) - np.square(own_ST) - n_S1 * np.square(mean_ST)
        variance_ST = np.maximum(square_ST, 0) / (n_S1 - 1)
        # As for the genes: the SD of one regulator in few samples is drawn to the typical one.
        typical_S1 = variance_ST.mean(axis=1, keepdims=True)
        sd_ST = np.sqrt((variance_ST * (n_S1 - 1) + PRIOR_SAMPLES * typical_S1) / (n_S1 - 1 + PRIOR_SAMPLES))
        # A mean of activities is itself uncertain.
        return middle_T + mean_ST, np.maximum(sd_ST * np.sqrt(1 + 1 / n_S1), 1e-6), n_S1 - 1.0 + PRIOR_SAMPLES


def _null_of_group(
    group: GroupReference, samples: Sequence[PreparedSample], effects: EffectMatrix
) -> _GroupNull | None:
    """Return the null that a group is, ``None`` where too few of it are left beside a sample."""
    ours = any(group.members(one.z_1G, one.measured_G[None])[0] >= 0 for one in samples)
    if len(group.z_NG) - ours < FEWEST_IN_GROUP:
        return None
    found = activities(group.left_out_signatures(), group.measured_NG, effects)
    return _GroupNull(found.activity_ST.astype(np.float64))


def _part(
    samples: Sequence[PreparedSample],
    reference: NormalReference | GroupReference,
    null: _NormalNull | _GroupNull | None,
    effects: EffectMatrix,
) -> dict[str, np.ndarray]:
    z_SG = np.concatenate([one.z_1G for one in samples])
    measured_SG = np.stack([one.measured_G for one in samples])
    at = effects.candidates_C
    signature_SG = reference.signature(z_SG, measured_SG)
    found = activities(signature_SG, measured_SG, effects)
    if null is None:
        z_ST = found.activity_ST * np.sqrt((signature_SG != 0).sum(axis=1, keepdims=True), dtype=np.float32)
        p_ST = np.full_like(z_ST, np.nan)
    else:
        mean_ST, sd_ST, degrees_S1 = null.of(reference.members(z_SG, measured_SG))
        z_ST = (found.activity_ST - mean_ST) / sd_ST
        p_ST = 2 * stats.t.sf(np.abs(z_ST), degrees_S1)
    known_ST = measured_SG[:, at]
    # What a sample does not measure is not tested.
    p_ST = np.where(known_ST, p_ST, np.nan)
    tpm_ST = np.where(known_ST, np.stack([one.tpm_G[at] for one in samples]), np.nan)
    return {
        "activity_ST": found.activity_ST,
        "change_ST": np.where(known_ST, found.change_ST, np.nan),
        "z_ST": z_ST.astype(np.float32),
        "p_ST": p_ST.astype(np.float32),
        "fdr_ST": np.stack([benjamini_hochberg(row) for row in p_ST]).astype(np.float32),
        "tpm_ST": tpm_ST.astype(np.float32),
        "signature_SG": signature_SG,
    }


def _set(found: Regulators, effects: EffectMatrix, s: int, progress: SearchProgress | None) -> RegulatorSet | None:
    is_expressed_T = np.nan_to_num(found.tpm_ST[s]) >= EXPRESSED_TPM
    return cooperating_set(found.signature_SG[s], effects, is_expressed_T, progress=progress)
