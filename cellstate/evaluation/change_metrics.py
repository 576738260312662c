"""How well predicted shifts fit true ones, where the truth is known: simulated edits, or measured ones.

The edited gene is left out of everything: that it moved is the question, not the answer.

Shape suffixes: S samples, E edits of one gene each, G genes, N candidates (pairs of edits), Q questions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from scipy.stats import rankdata

from cellstate.errors import CellStateError
from cellstate.evaluation.direction import same_direction

#: An edit moves something when the root mean square of its true shift is at least this, in S.
MOVES = 0.02
#: The sign of a gene's shift is asked for when the true shift is at least this, in S.
SIGNED = 0.1
TOP = 20
#: False discovery rate at which cooperation is called.
CALLED = 0.1


@dataclass(frozen=True, eq=False)
class Changes:
    """Predicted and true shifts of the same edits.

    Attributes
    ----------
    predicted_SEG, true_SEG : ndarray of float
        Changes of standardised log1p TPM; those of the edited genes themselves count nowhere.
    genes_E : ndarray of int
        The gene that each edit changes.
    change_SE : ndarray of float
        The change of its own z that each edit is to each sample.
    regulator_E : ndarray of bool
        Whether the gene regulates others; the true effect of one that does not is 0.
    """

    predicted_SEG: np.ndarray
    true_SEG: np.ndarray
    genes_E: np.ndarray
    change_SE: np.ndarray
    regulator_E: np.ndarray

    def __post_init__(self) -> None:
        samples, edits, _ = self.true_SEG.shape
        if self.predicted_SEG.shape != self.true_SEG.shape:
            raise CellStateError("Predicted and true shifts have different shapes.", "Give both for the same edits.")
        if self.change_SE.shape != (samples, edits) or not len(self.genes_E) == len(self.regulator_E) == edits:
            raise CellStateError("Genes, changes and roles must be given for every edit.", "Give one of each an edit.")
        edit_E = np.arange(edits)
        for name in ("predicted_SEG", "true_SEG"):
            shift_SEG = np.array(getattr(self, name), np.float64)
            if not np.isfinite(shift_SEG).all():
                raise CellStateError("Changes must be finite numbers.", "Leave out edits that were not predicted.")
            shift_SEG[:, edit_E, self.genes_E] = 0
            object.__setattr__(self, name, shift_SEG)

    def moving(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (sample, edit) of every edit that truly moves other genes."""
        sample_N, edit_N = np.nonzero(_rms(self.true_SEG) >= MOVES)
        return sample_N, edit_N

    def size_E(self) -> np.ndarray:
        """Root mean square of the predicted shift of the other genes, mean over samples."""
        return _rms(self.predicted_SEG).mean(axis=0)

    def size_per_unit_E(self) -> np.ndarray:
        """The same per S of change of the edited gene; 0 where an edit changes nothing in any sample."""
        change_E = np.abs(self.change_SE).mean(axis=0)
        return np.divide(self.size_E(), change_E, where=change_E > 0, out=np.zeros(len(change_E)))


@dataclass(frozen=True, eq=False)
class Cooperation:
    """Scored pairs of edits.

    Attributes
    ----------
    score_N : ndarray of float
        The larger, the more the pair is said to do beyond the sum of its two edits.
    planted_N : ndarray of bool
        Whether the pair truly cooperates.
    fdr_N : ndarray of float, optional
        False discovery rate of each pair, where the predictor gives one.
    """

    score_N: np.ndarray
    planted_N: np.ndarray
    fdr_N: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Recovery:
    """Ranking of edits in answer to questions that have one right edit each.

    Attributes
    ----------
    movement_QE : ndarray of float
        Predicted movement along the goal of each question.
    right_Q : ndarray of int
        The right edit.
    """

    movement_QE: np.ndarray
    right_Q: np.ndarray


def auroc(score_N: np.ndarray, positive_N: np.ndarray) -> float:
    """Area under the receiver operating characteristic; ties count half; NaN with one class only."""
    positive_N = np.asarray(positive_N, bool)
    n = positive_N.sum()
    if n in (0, len(positive_N)):
        return float("nan")
    return float((rankdata(score_N)[positive_N].sum() - n * (n + 1) / 2) / (n * (len(positive_N) - n)))


def precision_at(score_N: np.ndarray, positive_N: np.ndarray, top: int = TOP) -> float:
    """Share of positives among the highest scores; where a tie crosses the limit, as expected by chance."""
    if not len(score_N):
        return float("nan")
    top = min(top, len(score_N))
    limit = np.sort(score_N)[-top]
    above_N, tied_N = score_N > limit, score_N == limit
    return float((positive_N[above_N].sum() + positive_N[tied_N].mean() * (top - above_N.sum())) / top)


def _pearson_delta(shifts: Changes) -> float:
    moving = shifts.moving()
    genes = shifts.genes_E[moving[1]]
    return _mean(_correlation(shifts.predicted_SEG[moving], shifts.true_SEG[moving], genes))


def _sign_accuracy(shifts: Changes) -> float:
    asked = np.abs(shifts.true_SEG) >= SIGNED
    return _mean(same_direction(shifts.predicted_SEG[asked], shifts.true_SEG[asked]))


def _magnitude_ratio(shifts: Changes) -> float:
    moving = shifts.moving()
    ratio = _rms(shifts.predicted_SEG[moving]) / _rms(shifts.true_SEG[moving])
    return float(np.median(ratio)) if len(ratio) else float("nan")


def _false_effect(shifts: Changes) -> float:
    size_E = shifts.size_E()
    regulator = np.median(size_E[shifts.regulator_E])
    return float(np.median(size_E[~shifts.regulator_E]) / regulator) if regulator > 0 else float("nan")


def _discrimination(shifts: Changes) -> float:
    shares = []
    for predicted_EG, true_EG, rms_E in zip(shifts.predicted_SEG, shifts.true_SEG, _rms(shifts.true_SEG), strict=True):
        moving = rms_E >= MOVES
        if moving.sum() > 1:
            alike_EE = _unit(predicted_EG[moving]) @ _unit(true_EG[moving]).T
            others = len(alike_EE) - 1
            own_E1 = np.diag(alike_EE)[:, None]
            shares.append((((alike_EE < own_E1).sum(axis=1)) + ((alike_EE == own_E1).sum(axis=1) - 1) / 2) / others)
    return _mean(np.concatenate(shares)) if shares else float("nan")


def _collapse(shifts: Changes) -> float:
    values = []
    for predicted_EG, rms_E in zip(shifts.predicted_SEG, _rms(shifts.true_SEG), strict=True):
        chosen_EG = predicted_EG[rms_E >= MOVES]
        centred_EG = _unit(chosen_EG - chosen_EG.mean(axis=1, keepdims=True))
        values.append(np.abs(centred_EG @ centred_EG.T)[np.triu_indices(len(chosen_EG), 1)])
    return _mean(np.concatenate(values))


def _discoveries(pairs: Cooperation) -> np.ndarray:
    return np.zeros(len(pairs.score_N), bool) if pairs.fdr_N is None else pairs.fdr_N <= CALLED


def _false_discovery(pairs: Cooperation) -> float:
    """NaN where nothing is called: no discovery is not a good one."""
    called_N = _discoveries(pairs)
    return float((~pairs.planted_N[called_N]).mean()) if called_N.any() else float("nan")


def _power(pairs: Cooperation) -> float:
    return _mean(_discoveries(pairs)[pairs.planted_N])


def _top_five(recovery: Recovery) -> float:
    own_Q1 = np.take_along_axis(recovery.movement_QE, recovery.right_Q[:, None], axis=1)
    # An edit that moves nothing is no answer; ties count against the right one.
    better_Q = (recovery.movement_QE >= own_Q1).sum(axis=1) - 1
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


def _rms(shift_G: np.ndarray) -> np.ndarray:
    return np.sqrt((shift_G**2).sum(axis=-1) / (shift_G.shape[-1] - 1))


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


Answer = TypeVar("Answer", Changes, Cooperation, Recovery)


@dataclass(frozen=True)
class Metric(Generic[Answer]):
    """A figure with its name, what it says in one sentence, and the value that a perfect prediction has."""

    name: str
    sentence: str
    best: float
    function: Callable[[Answer], float]


CHANGE_METRICS: tuple[Metric[Changes], ...] = (
    Metric(
        "Pearson-delta",
        "Correlation of predicted and true shift over the other genes, mean of the edits that move any.",
        1.0,
        _pearson_delta,
    ),
    Metric(
        "AUROC raw",
        "Chance that a regulator's edit is said to move other genes more than a leaf's.",
        1.0,
        lambda s: auroc(s.size_E(), s.regulator_E),
    ),
    Metric(
        "AUROC per unit",
        "The same per S of change of the edited gene.",
        1.0,
        lambda s: auroc(s.size_per_unit_E(), s.regulator_E),
    ),
    Metric(
        "precision@20",
        "Share of regulators among the 20 genes said to move others most, per S of their own change.",
        1.0,
        lambda s: precision_at(s.size_per_unit_E(), s.regulator_E),
    ),
    Metric(
        "sign accuracy",
        f"Share of right directions among shifts of at least {SIGNED:g} S; no predicted direction counts half.",
        1.0,
        _sign_accuracy,
    ),
    Metric(
        "magnitude ratio",
        "Size of the predicted shift over that of the true one, median of the edits that move any.",
        1.0,
        _magnitude_ratio,
    ),
    Metric(
        "leaf effect", "Predicted shift of a median leaf edit over that of a median regulator's.", 0.0, _false_effect
    ),
    Metric(
        "discrimination",
        "Share of other edits whose true shift is less like the predicted one than the right edit's (cosine).",
        1.0,
        _discrimination,
    ),
    Metric(
        "between edits",
        "Mean absolute correlation between predicted shifts of different edits: near 1, all answers are one.",
        0.0,
        _collapse,
    ),
)

PAIR_METRICS: tuple[Metric[Cooperation], ...] = (
    Metric(
        "interaction AUROC",
        "Chance that a planted pair is said to cooperate more than another pair.",
        1.0,
        lambda p: auroc(p.score_N, p.planted_N),
    ),
    Metric(
        "interaction precision@20",
        "Share of planted pairs among the 20 highest.",
        1.0,
        lambda p: precision_at(p.score_N, p.planted_N),
    ),
    Metric("interaction FDR", f"Share of false pairs among those called at q = {CALLED:g}.", 0.0, _false_discovery),
    Metric("interaction power", f"Share of planted pairs called at q = {CALLED:g}.", 1.0, _power),
)

PATIENT_METRICS: tuple[Metric[Recovery], ...] = (
    Metric("right in top 5", "Share of questions whose right edit is among the five best predicted.", 1.0, _top_five),
)
