"""Predict amounts from other perturbations: genes that go together have changes that go together.

Shape suffixes: T training targets, G genes of the corpus, A genes of the benchmark's axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.real_perturbations.baselines import mean_change
from benchmarks.real_perturbations.data import Experiment, Perturbations
from benchmarks.real_perturbations.effects import Effects
from benchmarks.real_perturbations.judge import judge_changes


@dataclass(frozen=True)
class Transfer:
    """How a change is put together from measured changes of other targets.

    Attributes
    ----------
    name : str
    control : float
        Weight of a training experiment falls with the distance of its control's expression from that at hand: it is
        multiplied by exp(control x correlation). 0 treats all cell systems alike.
    likeness : float
        Share of the kernel regression on the likeness of target genes in the answer; 0 is the mean change alone.
    ridge : float
        Penalty of the kernel regression.
    """

    name: str
    control: float = 0.0
    likeness: float = 0.0
    ridge: float = 1.0


def judge_transfer(method: Transfer, data: Perturbations, likeness: Effects) -> pd.DataFrame:
    """Return the table of a transfer; every target is predicted from the targets of other units."""
    unit, changes = data.unit_of, {}
    for e in data.recommended:
        training = [o for o in data.experiments if unit[o.target] != unit[e.target]]
        changes[e.name] = predict(method, e, training, likeness)
    return judge_changes(changes, data)


def predict(method: Transfer, wanted: Experiment, training: Sequence[Experiment], likeness: Effects) -> np.ndarray:
    """Return the predicted change, shape (A,): 0 where no training experiment measured a gene."""
    targets = sorted({o.target for o in training})
    change_TA = np.array([mean_change([o for o in training if o.target == t]) for t in targets])
    rise_T = np.array([next(o.rise for o in training if o.target == t) for t in targets], np.float32)
    close_T = np.array([max(_alike(wanted, o) for o in training if o.target == t) for t in targets])
    weight_T = np.exp(method.control * (close_T - close_T.max()))
    weight_T = (weight_T / weight_T.sum()).astype(np.float32)
    measured_TA = ~np.isnan(change_TA)
    change_TA = np.nan_to_num(change_TA)
    share_A = np.maximum(weight_T @ measured_TA, 1e-6)
    mean_A = weight_T @ change_TA / share_A
    if not method.likeness:
        return mean_A
    alike_TT, alike_T = _kernel(likeness, targets, wanted.target)
    # Changes of a rise, so that losses and gains of like genes agree.
    rest_TA = rise_T[:, None] * (change_TA - mean_A) * measured_TA
    part_T = np.linalg.solve(alike_TT + method.ridge * np.eye(len(targets)), alike_T).astype(np.float32)
    return (1 - method.likeness) * mean_A + method.likeness * (mean_A + wanted.rise * (part_T @ rest_TA))


def _alike(one: Experiment, other: Experiment) -> float:
    shared_A = ~np.isnan(one.tpm_A) & ~np.isnan(other.tpm_A)
    if not (one.has_tpm and other.has_tpm):
        return 0.0
    return float(np.corrcoef(np.log1p(one.tpm_A[shared_A]), np.log1p(other.tpm_A[shared_A]))[0, 1])


def _kernel(likeness: Effects, targets: Sequence[str], wanted: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the likeness of targets with each other and with the wanted gene: cosines of gene vectors; 0 unknown."""
    column = {s: g for g, s in enumerate(likeness.symbols)}
    row = {c: i for i, c in enumerate(likeness.candidates)}

    def cosine(a: str, b: str) -> float:
        if a == b:
            return 1.0
        return float(likeness.effect_CG[row[a], column[b]]) if a in row and b in column else 0.0

    return np.array([[cosine(a, b) for b in targets] for a in targets]), np.array([cosine(wanted, b) for b in targets])
