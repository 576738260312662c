"""How well predicted expression changes fit true ones, simulated or measured.

The perturbed gene itself counts nowhere: its change is given, not predicted.

Shape suffixes: S samples, P perturbations of one gene each, G genes, N pairs of perturbations, Q questions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from scipy.stats import rankdata

from cellstate.errors import CellStateError
from cellstate.evaluation.metrics import same_direction

#: A perturbation changes other genes when the root mean square of its true change is at least this, in SD.
MOVES = 0.02
#: The sign of a gene's change counts when the true change is at least this, in SD.
SIGNED = 0.1
TOP = 20
#: False discovery rate at which an interaction is called.
CALLED = 0.1


@dataclass(frozen=True, eq=False)
class Changes:
    """Predicted and true changes by the same perturbations.

    Attributes
    ----------
    predicted_SPG, true_SPG : ndarray of float
        Changes of standardised log1p TPM; those of the perturbed genes are set to 0.
    genes_P : ndarray of int
        The perturbed gene.
    change_SP : ndarray of float
        Change of its own z in each sample.
    regulator_P : ndarray of bool
        Whether the gene regulates others; the true effect of one that does not is 0.
    """

    predicted_SPG: np.ndarray
    true_SPG: np.ndarray
    genes_P: np.ndarray
    change_SP: np.ndarray
    regulator_P: np.ndarray

    def __post_init__(self) -> None:
        samples, n, _ = self.true_SPG.shape
        if self.predicted_SPG.shape != self.true_SPG.shape:
            raise CellStateError("Predicted and true changes have different shapes.", "Give the same perturbations.")
        if self.change_SP.shape != (samples, n) or not len(self.genes_P) == len(self.regulator_P) == n:
            raise CellStateError("Genes, changes and roles must be given for every perturbation.", "Give one of each.")
        for name in ("predicted_SPG", "true_SPG"):
            change_SPG = np.array(getattr(self, name), np.float64)
            if not np.isfinite(change_SPG).all():
                raise CellStateError("Changes must be finite numbers.", "Leave out what was not predicted.")
            change_SPG[:, np.arange(n), self.genes_P] = 0
            object.__setattr__(self, name, change_SPG)

    def moving(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (sample, perturbation) wherever other genes truly change."""
        sample_N, perturbation_N = np.nonzero(_rms(self.true_SPG) >= MOVES)
        return sample_N, perturbation_N

    def size_P(self) -> np.ndarray:
        """Root mean square of the predicted change of the other genes, mean over samples."""
        return _rms(self.predicted_SPG).mean(axis=0)

    def size_per_sd_P(self) -> np.ndarray:
        """Return the same per SD of change of the perturbed gene; 0 where that changes in no sample."""
        change_P = np.abs(self.change_SP).mean(axis=0)
        return np.divide(self.size_P(), change_P, where=change_P > 0, out=np.zeros(len(change_P)))


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """Scored pairs of perturbations.

    Attributes
    ----------
    score_N : ndarray of float
        Predicted interaction, larger for a stronger one.
    planted_N : ndarray of bool
        Whether the pair truly interacts.
    fdr_N : ndarray of float, optional
        False discovery rate of each pair, where the method gives one.
    """

    score_N: np.ndarray
    planted_N: np.ndarray
    fdr_N: np.ndarray | None = None


def auroc(score_N: np.ndarray, positive_N: np.ndarray) -> float:
    """Area under the receiver operating characteristic; ties count half; NaN with one class only."""
    positive_N = np.asarray(positive_N, bool)
    n = positive_N.sum()
    if n in (0, len(positive_N)):
        return float("nan")
    return float((rankdata(score_N)[positive_N].sum() - n * (n + 1) / 2) / (n * (len(positive_N) - n)))


def precision_at(score_N: np.ndarray, positive_N: np.ndarray, top: int = TOP) -> float:
    """Fraction of positives among the highest scores; where a tie crosses the limit, as expected by chance."""
    if not len(score_N):
        return float("nan")
    top = min(top, len(score_N))
    limit = np.sort(score_N)[-top]
    above_N, tied_N = score_N > limit, score_N == limit
    return float((positive_N[above_N].sum() + positive_N[tied_N].mean() * (top - above_N.sum())) / top)


def _pearson_delta(changes: Changes) -> float:
    """Correlation of predicted and true change, mean over the perturbations that change any other gene."""
    moving = changes.moving()
    genes = changes.genes_P[moving[1]]
    return _mean(_correlation(changes.predicted_SPG[moving], changes.true_SPG[moving], genes))


def _sign_accuracy(changes: Changes) -> float:
    """Fraction of right directions; a prediction of no change counts half."""
    counted = np.abs(changes.true_SPG) >= SIGNED
    return _mean(same_direction(changes.predicted_SPG[counted], changes.true_SPG[counted]))


def _magnitude_ratio(changes: Changes) -> float:
    """Size of the predicted over that of the true change, median."""
    moving = changes.moving()
    ratio = _rms(changes.predicted_SPG[moving]) / _rms(changes.true_SPG[moving])
    return float(np.median(ratio)) if len(ratio) else float("nan")


def _leaf_effect(changes: Changes) -> float:
    """Predicted effect of a median leaf over that of a median regulator."""
    size_P = changes.size_P()
    regulator = np.median(size_P[changes.regulator_P])
    return float(np.median(size_P[~changes.regulator_P]) / regulator) if regulator > 0 else float("nan")


def _discrimination(changes: Changes) -> float:
    """Fraction of other perturbations whose true change fits the prediction worse (cosine) than the right one's."""
    fractions = []
    for predicted_PG, true_PG, rms_P in zip(
        changes.predicted_SPG, changes.true_SPG, _rms(changes.true_SPG), strict=True
    ):
        moving = rms_P >= MOVES
        if moving.sum() > 1:
            alike_PP = _unit(predicted_PG[moving]) @ _unit(true_PG[moving]).T
            others = len(alike_PP) - 1
            own_P1 = np.diag(alike_PP)[:, None]
            fractions.append((((alike_PP < own_P1).sum(axis=1)) + ((alike_PP == own_P1).sum(axis=1) - 1) / 2) / others)
    return _mean(np.concatenate(fractions)) if fractions else float("nan")


def _similarity(changes: Changes) -> float:
    """Mean absolute correlation between the predictions of different perturbations: near 1 they are all the same."""
    values = []
    for predicted_PG, rms_P in zip(changes.predicted_SPG, _rms(changes.true_SPG), strict=True):
        chosen_PG = predicted_PG[rms_P >= MOVES]
        centred_PG = _unit(chosen_PG - chosen_PG.mean(axis=1, keepdims=True))
        values.append(np.abs(centred_PG @ centred_PG.T)[np.triu_indices(len(chosen_PG), 1)])
    return _mean(np.concatenate(values))


def _discoveries(pairs: ScoredPairs) -> np.ndarray:
    return np.zeros(len(pairs.score_N), bool) if pairs.fdr_N is None else pairs.fdr_N <= CALLED


def _false_discovery(pairs: ScoredPairs) -> float:
    """Fraction of false pairs among those called; NaN where none is called: no discovery is not a good one."""
    called_N = _discoveries(pairs)
    return float((~pairs.planted_N[called_N]).mean()) if called_N.any() else float("nan")


def _power(pairs: ScoredPairs) -> float:
    """Fraction of planted pairs that are called."""
    return _mean(_discoveries(pairs)[pairs.planted_N])


def right_in_top_five(score_QP: np.ndarray, right_Q: np.ndarray) -> float:
    """Fraction of questions whose right perturbation is among the five with the highest predicted score."""
    own_Q1 = score_QP[np.arange(len(right_Q)), right_Q][:, None]
    # A perturbation without an effect is no answer; ties count against the right one.
    better_Q = (score_QP >= own_Q1).sum(axis=1) - 1
    return _mean((better_Q < 5) & (own_Q1[:, 0] > 0))


def _correlation(a_NG: np.ndarray, b_NG: np.ndarray, left_out_N: np.ndarray) -> np.ndarray:
    """Pearson of each row pair without one gene (whose values are 0); 0 where a row is constant."""
    n = a_NG.shape[1] - 1
    rows = np.arange(len(a_NG))
    centred = []
    for x_NG in (a_NG, b_NG):
        c_NG = x_NG - x_NG.sum(axis=1, keepdims=True) / n
        c_NG[rows, left_out_N] = 0
        centred.append(_unit(c_NG))
    return (centred[0] * centred[1]).sum(axis=1)


def _unit(x_NG: np.ndarray) -> np.ndarray:
    norm_N1 = np.sqrt((x_NG**2).sum(axis=1, keepdims=True))
    return np.divide(x_NG, norm_N1, where=norm_N1 > 1e-12, out=np.zeros_like(x_NG))


def _rms(change_G: np.ndarray) -> np.ndarray:
    return np.sqrt((change_G**2).sum(axis=-1) / (change_G.shape[-1] - 1))


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


Judged = TypeVar("Judged", Changes, ScoredPairs)


@dataclass(frozen=True)
class Metric(Generic[Judged]):
    """A figure with its name, the value of a perfect prediction, and the function that computes it."""

    name: str
    best: float
    function: Callable[[Judged], float]


CHANGE_METRICS: tuple[Metric[Changes], ...] = (
    Metric("Pearson-delta", 1.0, _pearson_delta),
    # A regulator's predicted effect is larger than a leaf's; raw, and per SD of change of the perturbed gene.
    Metric("AUROC raw", 1.0, lambda c: auroc(c.size_P(), c.regulator_P)),
    Metric("AUROC per SD", 1.0, lambda c: auroc(c.size_per_sd_P(), c.regulator_P)),
    Metric("precision@20", 1.0, lambda c: precision_at(c.size_per_sd_P(), c.regulator_P)),
    Metric("sign accuracy", 1.0, _sign_accuracy),
    Metric("magnitude ratio", 1.0, _magnitude_ratio),
    Metric("leaf effect", 0.0, _leaf_effect),
    Metric("discrimination", 1.0, _discrimination),
    Metric("similarity", 0.0, _similarity),
)
PAIR_METRICS: tuple[Metric[ScoredPairs], ...] = (
    Metric("interaction AUROC", 1.0, lambda p: auroc(p.score_N, p.planted_N)),
    Metric("interaction precision@20", 1.0, lambda p: precision_at(p.score_N, p.planted_N)),
    Metric("interaction FDR", 0.0, _false_discovery),
    Metric("interaction power", 1.0, _power),
)
