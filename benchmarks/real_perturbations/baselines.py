"""What stands beside every method: no change, the mean of other perturbations, variability, and the replicate ceiling.

Shape suffixes: A genes of the benchmark's axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from benchmarks.real_perturbations.data import Experiment, Item, Perturbations
from benchmarks.real_perturbations.effects import make_effects
from benchmarks.real_perturbations.judge import (
    DISCRIMINATION,
    MATCHED,
    PERCENTILE,
    TOP,
    TOP5,
    Scores,
    is_expressed,
    judge_changes,
    judge_effects,
    retrieval,
)

NO_CHANGE, SAME_CONTROLS, SAME_SYSTEM, OTHER_CONTROLS, EVERY_SYSTEM = (
    "no change",
    "mean of other perturbations, same controls",
    "mean of other perturbations, same cell system",
    "mean of other perturbations, same cell system, other controls",
    "mean of other perturbations, every cell system (nested)",
)
VARIABILITY, REPLICATES = "variability", "replicate ceiling"


def mean_change(experiments: Sequence[Experiment]) -> np.ndarray | None:
    """Return the mean change over targets, each the mean of its experiments; NaN where nothing was measured."""
    targets = sorted({e.target for e in experiments})
    if not targets:
        return None
    return _mean(np.array([_mean(np.array([e.change_A for e in experiments if e.target == t])) for t in targets]))


def _mean(change_NA: np.ndarray) -> np.ndarray:
    n_A = (~np.isnan(change_NA)).sum(axis=0)
    return np.where(n_A > 0, np.nansum(change_NA, axis=0) / np.maximum(n_A, 1), np.nan).astype(np.float32)


def _judge_others(data: Perturbations, keep: Callable[[Experiment, Experiment], bool]) -> pd.DataFrame:
    """Let the mean change of the kept experiments of other targets predict every experiment."""
    changes = {}
    for e in data.recommended:
        change_A = mean_change([o for o in data.experiments if o.target != e.target and keep(e, o)])
        if change_A is not None:
            changes[e.name] = change_A
    return judge_changes(changes, data)


def judge_no_change(data: Perturbations) -> pd.DataFrame:
    """Predict that nothing changes."""
    return judge_changes({e.name: np.zeros(len(data.symbols), np.float32) for e in data.recommended}, data)


def judge_same_controls(data: Perturbations) -> pd.DataFrame:
    """Predict the mean of other perturbations against the same controls; noise of the controls is shared."""
    return _judge_others(data, lambda e, o: o.controls == e.controls)


def judge_same_system(data: Perturbations) -> pd.DataFrame:
    """Predict the mean of other perturbations in the same cell system, the same controls included."""
    return _judge_others(data, lambda e, o: o.system == e.system)


def judge_other_controls(data: Perturbations) -> pd.DataFrame:
    """Predict the mean of other perturbations in the same cell system, against other controls."""
    return _judge_others(data, lambda e, o: o.system == e.system and o.controls != e.controls)


def judge_every_system(data: Perturbations) -> pd.DataFrame:
    """Predict the mean of the perturbations of all other units, whatever the cell system."""
    unit = data.unit_of
    return _judge_others(data, lambda e, o: unit[o.target] != unit[e.target])


def judge_replicates(data: Perturbations) -> pd.DataFrame:
    """Let other experiments of the same gene predict an experiment: what no method can be expected to beat.

    Replicates are other clones or releases of the same target in the same cell system; strategies of one release share
    their controls, which flatters this ceiling. The regulator stands among the measured targets only: no other
    gene has a measured change.
    """
    replicates = {}
    for e in data.recommended:
        change_A = mean_change(
            [o for o in data.experiments if o.target == e.target and o.name != e.name and o.system == e.system]
        )
        if change_A is not None:
            replicates[e.name] = change_A
    table = judge_changes(replicates, data)
    table[PERCENTILE] = table[DISCRIMINATION]
    table[TOP5] = (table[PERCENTILE] > TOP).astype(float)
    return table


def judge_variability(data: Perturbations, symbols: Sequence[str], sd_G: np.ndarray) -> pd.DataFrame:
    """Judge a method that knows no regulator: candidates rank by how much they vary, and so does every change.

    Returns
    -------
    DataFrame
        Every metric by item; discrimination is that of the ranking: the same for every measured change.
    """
    known = {c: i for i, c in enumerate(data.candidates) if c in set(symbols)}
    effects = make_effects(tuple(known), symbols, np.repeat(sd_G[None], len(known), axis=0))
    table = judge_effects(effects, data).drop(columns=[PERCENTILE, TOP5, MATCHED, DISCRIMINATION])
    sd = dict(zip(symbols, sd_G.tolist(), strict=True))
    items: tuple[Item, ...] = (*data.recommended, *data.signatures)
    score_IC = np.tile(np.array([sd[c] for c in known]), (len(items), 1))
    allowed_IC = np.array([is_expressed(item, tuple(known), data) for item in items])
    ranked = retrieval(Scores(items, tuple(known), score_IC, allowed_IC), data.spread)
    return table.merge(ranked.drop(columns="target"), on="item")


#: Baselines that predict a change without a matrix of effects, in the order of the table.
BASELINES = {
    NO_CHANGE: judge_no_change,
    SAME_CONTROLS: judge_same_controls,
    SAME_SYSTEM: judge_same_system,
    OTHER_CONTROLS: judge_other_controls,
    EVERY_SYSTEM: judge_every_system,
    REPLICATES: judge_replicates,
}
