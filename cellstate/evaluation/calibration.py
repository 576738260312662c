"""The conditional mode: of a weakly expressed gene, the prediction most often within the tolerance of the truth.

A network fitted to squared error predicts the mean of log1p TPM. Where a gene is sometimes silent and sometimes not,
that mean lies between, where few true values are. This read-out moves predictions below `TOP_TPM` to the value with
the most hits among training profiles alike in three things: predicted level, expected error, and how often the gene is
silent. Their errors are those of principal components (as many as the network has latent units) that were fitted
without them, fold by fold: errors on profiles that the network was fitted to are too small to learn from.

It is a read-out for one question, "within the tolerance?". Shifts and R2 use the mean.

Shape suffixes: S samples, G genes, E classes of error, Q classes of silence, L levels, P candidate values.
"""

from __future__ import annotations

import numpy as np

from cellstate.evaluation.intervals import expected_error
from cellstate.evaluation.metrics import Tolerance, level_of
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.model.record import ConditionalMode

#: Predictions from here on are left as they are.
TOP_TPM = 2.5
#: Lower ends of the levels of predicted TPM.
LEVELS_TPM = (
    0.0, 0.03, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25,
)  # fmt: skip
#: A gene below this many TPM is silent in a profile; ends of the classes of how often it is.
SILENT_TPM = 0.05
SILENCE = (0.02, 0.2, 0.5, 0.8)
ERROR_CLASSES = 8
FOLDS = 5
#: A class with few values leans on all values of its level, as if they were this many.
PRIOR = 50
#: Among values that hit almost as often as the best, the middle one is taken.
ALMOST = 0.995
_CANDIDATE_TPM_P = np.expm1(np.linspace(0, np.log1p(8), 120))


def fit_conditional_mode(model: Model, *, seed: int = 0) -> ConditionalMode:
    """Learn the read-out from the profiles that a model folder carries."""
    profiles = load_profiles(model)
    assert profiles is not None
    log1p_SG = profiles.log1p_SG
    hat_SG = model.space.log1p_tpm(_held_out(profiles.z_SG, model.config.n_latent, seed))
    error_SG = expected_error(model, log1p_SG, hat_SG)
    low_SG = hat_SG < np.log1p(TOP_TPM)
    edges = np.quantile(error_SG[low_SG] if low_SG.any() else error_SG, np.linspace(0, 1, ERROR_CLASSES + 1)[1:-1])
    silence_SG = np.broadcast_to(_silence(model), hat_SG.shape)
    cell = _cell(np.searchsorted(edges, error_SG[low_SG]), silence_SG[low_SG], level_of(hat_SG[low_SG], LEVELS_TPM))
    hits_EQLP = _hits(np.expm1(log1p_SG[low_SG]), cell)
    near = hits_EQLP >= ALMOST * hits_EQLP.max(axis=-1, keepdims=True)
    mode_EQL = (near * _CANDIDATE_TPM_P).sum(axis=-1) / near.sum(axis=-1)
    # Where no profile was ever, the prediction stays about where it is.
    table = np.where(hits_EQLP.max(axis=-1) > 0, mode_EQL, LEVELS_TPM)
    rounded = np.round(table, 3).tolist()
    tpm = tuple(tuple(tuple(levels) for levels in classes) for classes in rounded)
    return ConditionalMode(error_edges=tuple(np.round(edges, 4).tolist()), tpm=tpm)


def conditional_mode_tpm(model: Model, tpm_SG: np.ndarray, hat_SG: np.ndarray) -> np.ndarray | None:
    """Return the conditional mode of TPM of each prediction, shape (S, G); ``None`` for a model without the read-out.

    Parameters
    ----------
    tpm_SG : ndarray, shape (S, G)
        What was measured, NaN where nothing was: it tells how well the sample fits.
    hat_SG : ndarray, shape (S, G)
        Predicted log1p TPM.
    """
    known = model.record.calibration
    if known is None or load_profiles(model) is None:
        return None
    error_SG = np.searchsorted(known.conditional_mode.error_edges, expected_error(model, np.log1p(tpm_SG), hat_SG))
    moved_SG = np.asarray(known.conditional_mode.tpm)[error_SG, _silence(model), level_of(hat_SG, LEVELS_TPM)]
    return np.where(hat_SG < np.log1p(TOP_TPM), moved_SG, np.expm1(hat_SG))


def _held_out(z_SG: np.ndarray, width: int, seed: int) -> np.ndarray:
    """Reconstruct each profile by principal components of the other folds."""
    fold_S = np.random.default_rng(seed).permutation(len(z_SG)) % FOLDS
    hat_SG = np.empty_like(z_SG)
    for fold in range(FOLDS):
        others, here = z_SG[fold_S != fold], fold_S == fold
        mean_G = others.mean(axis=0)
        # The samples are fewer than the genes: their Gram matrix gives the components at less cost.
        value_S, vector_SS = np.linalg.eigh(((others - mean_G) @ (others - mean_G).T).astype(np.float64))
        keep = np.argsort(value_S)[::-1][: min(width, len(others) - 1)]
        score_SP = (vector_SS[:, keep] / np.sqrt(np.maximum(value_S[keep], 1e-9))).astype(np.float32)
        component_PG = score_SP.T @ (others - mean_G)
        hat_SG[here] = (z_SG[here] - mean_G) @ component_PG.T @ component_PG + mean_G
    return hat_SG


def _silence(model: Model) -> np.ndarray:
    """Class of each gene by how often it is silent in the training profiles, shape (G,)."""
    profiles = load_profiles(model)
    assert profiles is not None
    return np.searchsorted(SILENCE, (profiles.log1p_SG < np.log1p(SILENT_TPM)).mean(axis=0))


def _cell(error: np.ndarray, silence: np.ndarray, level: np.ndarray) -> np.ndarray:
    return (error * (len(SILENCE) + 1) + silence) * len(LEVELS_TPM) + level


def _hits(truth_tpm: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """How many true values each candidate would hit, per cell, shape (E, Q, L, P)."""
    tolerance, n = Tolerance(), len(_CANDIDATE_TPM_P)
    room = tolerance.relative * truth_tpm + tolerance.absolute
    # A true value is hit by every candidate from `first` to before `past`.
    first = np.searchsorted(_CANDIDATE_TPM_P, truth_tpm - room, side="left")
    past = np.searchsorted(_CANDIDATE_TPM_P, truth_tpm + room, side="right")
    cells = ERROR_CLASSES * (len(SILENCE) + 1) * len(LEVELS_TPM)
    change = np.zeros((cells, n + 1))
    for end, sign in ((first, 1), (past, -1)):
        change += sign * np.bincount(cell * (n + 1) + end, minlength=cells * (n + 1)).reshape(cells, n + 1)
    hits = change.cumsum(axis=1)[:, :n].reshape(ERROR_CLASSES, len(SILENCE) + 1, len(LEVELS_TPM), n)
    values_L = np.bincount(cell % len(LEVELS_TPM), minlength=len(LEVELS_TPM))[:, None]
    return hits + PRIOR * hits.sum(axis=(0, 1)) / np.maximum(values_L, 1)
