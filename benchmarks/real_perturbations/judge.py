"""Judge effects on measured perturbations: retrieval of the regulator, amounts, direction and discrimination.

Shape suffixes: I items (experiments or signatures), C candidates, H genes that method and benchmark have in common,
A genes of the benchmark's axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from benchmarks.real_perturbations.data import (
    CANDIDATE_TPM,
    EXPERIMENTS,
    LEAST_GENES,
    POOLED,
    SIGNATURES,
    Experiment,
    Item,
    Perturbations,
    Signature,
)
from benchmarks.real_perturbations.effects import Effects, Method

PERCENTILE, TOP5, PEARSON, DIRECTION, DISCRIMINATION = "percentile", "top5", "pearson", "direction", "discrimination"
#: Percentile among the candidates that vary as much as the target.
MATCHED = "matched percentile"
METRICS = (PERCENTILE, TOP5, MATCHED, PEARSON, DIRECTION, DISCRIMINATION)
#: Share of the candidates that counts as the top, most changed genes whose direction is judged, and the quantile of
#: the absolute change at which a measured change is cut before regulators are ranked.
TOP, MOST_CHANGED, CUT = 0.95, 100, 0.995
RESAMPLES = 2_000
#: Candidates among which a target is ranked once more: those whose spread is nearest to its own.
N_MATCHED = 100
FOLDS = 5
_ROWS = 512


@dataclass(frozen=True, eq=False)
class Scores:
    """How well each candidate explains each measured change.

    Attributes
    ----------
    items : tuple of Experiment or Signature
    candidates : tuple of str
    score_IC : ndarray of float32, shape (I, C)
        Correlation of the measured change with the effects of the candidate, in the direction of the perturbation.
    is_candidate_IC : ndarray of bool, shape (I, C)
        Candidates that are expressed where the change was measured.
    """

    items: tuple[Item, ...]
    candidates: tuple[str, ...]
    score_IC: np.ndarray
    is_candidate_IC: np.ndarray


def clip_change(change_H: np.ndarray, kept_H: np.ndarray) -> np.ndarray:
    """Return measured changes, clipped at the 99.5 % quantile of the kept genes' absolute changes."""
    if not kept_H.any():
        return np.zeros(len(change_H), np.float32)
    bound = np.quantile(np.abs(change_H[kept_H]), CUT)
    return np.clip(change_H, -bound, bound)


def centred_change(change_H: np.ndarray, kept_H: np.ndarray) -> np.ndarray:
    """Return the clipped change of the kept genes with mean 0; 0 elsewhere."""
    values = clip_change(change_H, kept_H)[kept_H]
    found_H = np.zeros(len(change_H), np.float32)
    if len(values):
        found_H[kept_H] = values - values.mean()
    return found_H


def is_expressed(item: Item, candidates: Sequence[str], data: Perturbations) -> np.ndarray:
    """Return which candidates are expressed where a change was measured, bool, shape (C,); all where it is unknown."""
    if isinstance(item, Signature) or not item.has_tpm:
        return np.ones(len(candidates), bool)
    places = np.array([data.position.get(c, -1) for c in candidates])
    return (np.nan_to_num(item.tpm_A)[places] > CANDIDATE_TPM) & (places >= 0)


def shared_genes(effects: Effects, data: Perturbations) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of the effects that the benchmark knows, and their positions on its axis."""
    columns = [(g, data.position[s]) for g, s in enumerate(effects.symbols) if s in data.position]
    return np.array([g for g, _ in columns], int), np.array([a for _, a in columns], int)


def score_experiments(effects: Effects, data: Perturbations, experiments: Sequence[Experiment]) -> Scores:
    """Correlate every candidate's effects with every measured change; the target's own change is left out."""
    taken_H, columns_H = shared_genes(effects, data)
    kept_IH = np.array([e.compared_A[columns_H] & (columns_H != data.position.get(e.target, -1)) for e in experiments])
    change_IH = np.array(
        [centred_change(e.change_A[columns_H], kept_H) for e, kept_H in zip(experiments, kept_IH, strict=True)]
    )
    mask_HI = kept_IH.T.astype(np.float32)
    n_I = kept_IH.sum(axis=1)
    score_IC = np.empty((len(experiments), len(effects.candidates)), np.float32)
    for start in range(0, len(effects.candidates), _ROWS):
        rows_CH = effects.effect_CG[start : start + _ROWS][:, taken_H]
        along_CI = rows_CH @ change_IH.T
        sum_CI = (rows_CH @ mask_HI).astype(np.float64)
        square_CI = (np.square(rows_CH) @ mask_HI).astype(np.float64) - sum_CI**2 / np.maximum(n_I, 1)
        size_CI = np.sqrt(np.maximum(square_CI, 0) * np.square(change_IH).sum(axis=1) + 1e-12)
        score_IC[:, start : start + _ROWS] = (along_CI / size_CI).T
    score_IC *= np.array([[e.rise] for e in experiments], np.float32)
    expressed_IC = np.array([is_expressed(e, effects.candidates, data) for e in experiments]).reshape(score_IC.shape)
    return Scores(tuple(experiments), effects.candidates, score_IC, expressed_IC)


def score_signatures(effects: Effects, data: Perturbations, signatures: Sequence[Signature]) -> Scores:
    """Compare every candidate's standardised effects on the genes that rose with those on the genes that fell."""
    taken_H, columns_H = shared_genes(effects, data)
    place = {int(a): h for h, a in enumerate(columns_H)}
    weight_HI = np.zeros((len(columns_H), len(signatures)), np.float32)
    counted = []
    for i, signature in enumerate(signatures):
        ends = [[place[a] for a in genes.tolist() if a in place] for genes in (signature.up, signature.down)]
        for genes, sign in zip(ends, (1, -1), strict=True):
            if genes:
                weight_HI[genes, i] += sign * signature.rise / len(genes)
        if sum(map(len, ends)) >= LEAST_GENES:
            counted.append(i)
    weight_HI = weight_HI[:, counted]
    score_IC = np.empty((len(counted), len(effects.candidates)), np.float32)
    for start in range(0, len(effects.candidates), _ROWS):
        rows_CG = effects.effect_CG[start : start + _ROWS]
        mean_C1, sd_C1 = rows_CG.mean(axis=1, keepdims=True), rows_CG.std(axis=1, keepdims=True)
        found_CI = (rows_CG[:, taken_H] @ weight_HI - mean_C1 * weight_HI.sum(axis=0)) / (sd_C1 + 1e-9)
        score_IC[:, start : start + _ROWS] = found_CI.T
    return Scores(tuple(signatures[i] for i in counted), effects.candidates, score_IC, np.ones_like(score_IC, bool))


def fuse_ranks(parts: Sequence[Scores]) -> Scores:
    """Return the mean of the candidates' ranks by several scores of the same items, on their common candidates."""
    names = {tuple(item.name for item in part.items) for part in parts}
    if len(names) != 1:
        raise ValueError("the scores are of different items")
    known = set.intersection(*(set(part.candidates) for part in parts))
    shared = [c for c in parts[0].candidates if c in known]
    total_IC = np.zeros((len(parts[0].items), len(shared)), np.float32)
    for part in parts:
        row = {c: i for i, c in enumerate(part.candidates)}
        taken = [row[c] for c in shared]
        allowed_IC, score_IC = part.is_candidate_IC[:, taken], part.score_IC[:, taken]
        total_IC += rankdata(np.where(allowed_IC, score_IC, -np.inf), axis=1).astype(np.float32)
    return Scores(parts[0].items, tuple(shared), total_IC, allowed_IC)


def retrieval(scores: Scores, spread: Mapping[str, float]) -> pd.DataFrame:
    """Return percentile, top 5 %, matched percentile and discrimination of every item whose target is a candidate.

    The percentile counts the candidates that score below the target and half of those that score the same.
    Discrimination is the share of the other targets' measured changes that the target's effects explain less well
    than its own measured change.
    """
    column = {c: i for i, c in enumerate(scores.candidates)}
    targets = np.array([item.target for item in scores.items])
    spread_C = np.array([spread.get(c, np.nan) for c in scores.candidates])
    rows = []
    for i, item in enumerate(scores.items):
        if item.target not in column:
            continue
        own = column[item.target]
        allowed_C = scores.is_candidate_IC[i].copy()
        allowed_C[own] = True
        among, value = scores.score_IC[i, allowed_C], scores.score_IC[i, own]
        percentile = _share_below(among, value)
        allowed_C[own] = False
        near = _nearest(spread_C, own, allowed_C)
        matched = _share_below(scores.score_IC[i, near], value) if len(near) else np.nan
        others = scores.score_IC[targets != item.target, own]
        discrimination = _share_below(others, value) if len(others) else np.nan
        rows.append((item.name, item.target, percentile, float(percentile > TOP), matched, discrimination))
    return pd.DataFrame(rows, columns=["item", "target", PERCENTILE, TOP5, MATCHED, DISCRIMINATION])


def _share_below(among: np.ndarray, value: float) -> float:
    """Return the share of scores below a value; the same score counts half."""
    return float(((among < value).mean() + (among <= value).mean()) / 2)


def _nearest(spread_C: np.ndarray, own: int, allowed_C: np.ndarray) -> np.ndarray:
    """Return the allowed candidates whose spread is nearest, in its logarithm; none where it is not known."""
    if np.isnan(spread_C[own]):
        return np.array([], int)
    places = np.flatnonzero(allowed_C & ~np.isnan(spread_C))
    return places[np.argsort(np.abs(np.log(spread_C[places] / spread_C[own])), kind="stable")[:N_MATCHED]]


def pearson(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Return the correlation; 0 where one of them does not vary, since such a prediction says nothing."""
    a, b = predicted - predicted.mean(), measured - measured.mean()
    size = np.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / size if size > 0 else 0.0


def sign_accuracy(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Return the share of right directions among the most changed genes; a prediction of 0 is half right."""
    most = np.argsort(-np.abs(measured), kind="stable")[:MOST_CHANGED]
    return float(np.mean(np.sign(predicted[most]) * np.sign(measured[most]) + 1) / 2)


def compared(predicted_A: np.ndarray, experiment: Experiment, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Return predicted and measured change of the genes that are compared; NaN marks what is not predicted."""
    kept_A = experiment.compared_A & ~np.isnan(predicted_A)
    if target >= 0:
        kept_A[target] = False
    return predicted_A[kept_A], experiment.change_A[kept_A]


def compare_experiment(predicted_A: np.ndarray, experiment: Experiment, target: int) -> tuple[float, float]:
    """Return Pearson and sign accuracy of a predicted change of the axis."""
    predicted, measured = compared(predicted_A, experiment, target)
    return pearson(predicted, measured), sign_accuracy(predicted, measured)


def signature_direction(predicted_A: np.ndarray, signature: Signature) -> float:
    """Return the sign accuracy on the first genes of both lists of a signature."""
    half = MOST_CHANGED // 2
    up, down = (predicted_A[genes][~np.isnan(predicted_A[genes])][:half] for genes in (signature.up, signature.down))
    return float(np.mean(np.concatenate([np.sign(up), -np.sign(down)]) + 1) / 2)


def judge_effects(effects: Effects, data: Perturbations) -> pd.DataFrame:
    """Return every metric of every item whose target the effects cover."""
    taken_H, columns_H = shared_genes(effects, data)
    row = {c: i for i, c in enumerate(effects.candidates)}
    tables = []
    for dataset, scores in (
        (EXPERIMENTS, score_experiments(effects, data, data.recommended)),
        (SIGNATURES, score_signatures(effects, data, data.signatures)),
    ):
        table, by_name = retrieval(scores, data.spread), {item.name: item for item in scores.items}
        amounts = []
        for name in table["item"]:
            item = by_name[name]
            predicted_A = np.full(len(data.symbols), np.nan, np.float32)
            predicted_A[columns_H] = item.rise * effects.effect_CG[row[item.target], taken_H]
            if isinstance(item, Experiment):
                amounts.append(compare_experiment(predicted_A, item, data.position.get(item.target, -1)))
            else:
                amounts.append((np.nan, signature_direction(predicted_A, item)))
        table[[PEARSON, DIRECTION]] = np.array(amounts, float).reshape(-1, 2)
        tables.append(table.assign(dataset=dataset))
    return pd.concat(tables, ignore_index=True)


def judge_changes(changes: Mapping[str, np.ndarray], data: Perturbations) -> pd.DataFrame:
    """Return amounts, direction and discrimination of changes that were predicted for experiments by name.

    Parameters
    ----------
    changes : mapping of str to ndarray, shape (A,)
        What the perturbation of the experiment does, not a rise; NaN marks what is not predicted.
    """
    rows = []
    for experiment in data.recommended:
        if experiment.name not in changes:
            continue
        predicted_A, target = changes[experiment.name], data.position.get(experiment.target, -1)
        r, right = compare_experiment(predicted_A, experiment, target)
        like = [
            experiment.rise * other.rise * pearson(*compared(predicted_A, other, target))
            for other in data.recommended
            if other.target != experiment.target
        ]
        beaten = _share_below(np.array(like), r)
        rows.append((experiment.name, experiment.target, r, right, beaten))
    table = pd.DataFrame(rows, columns=["item", "target", PEARSON, DIRECTION, DISCRIMINATION])
    return table.assign(dataset=EXPERIMENTS)


def folds_of(data: Perturbations, n_folds: int = FOLDS) -> Iterator[frozenset[str]]:
    """Yield sets of targets; targets that share a control, and all data of one target, are in one set."""
    units = pd.Series(data.unit_of)
    sizes = units.value_counts()
    held: list[list[str]] = [[] for _ in range(n_folds)]
    for unit in sorted(sizes.index, key=lambda u: (-sizes[u], u)):
        min(held, key=len).extend(units.index[units == unit])
    yield from (frozenset(targets) for targets in held if targets)


def judge_method(method: Method, data: Perturbations) -> pd.DataFrame:
    """Return every metric of every item; a nested method predicts each fold without the fold's targets."""
    if not method.is_nested:
        return judge_effects(method.effects(frozenset()), data)
    tables = []
    for left_out in folds_of(data):
        table = judge_effects(method.effects(left_out), data)
        tables.append(table[table["target"].isin(left_out)])
    return pd.concat(tables, ignore_index=True)


def by_target(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return the mean of each metric by target gene, of one dataset or of both pooled."""
    rows = table if dataset == POOLED else table[table["dataset"] == dataset]
    return rows.groupby("target")[[metric for metric in METRICS if metric in rows]].mean()


def interval(
    value_T: pd.Series, unit_of: Mapping[str, int], statistic: Callable[[np.ndarray], float] = np.mean
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a statistic over targets; targets that share controls are drawn together.

    Parameters
    ----------
    value_T : Series
        One value a target; the index is the target.
    """
    value_T = value_T.dropna()
    if value_T.empty:
        return np.nan, np.nan
    members = [group.to_numpy() for _, group in value_T.groupby([unit_of[target] for target in value_T.index])]
    drawn_RU = np.random.default_rng(0).integers(0, len(members), (RESAMPLES, len(members)))
    if statistic is np.mean:
        sum_U, n_U = (np.array([f(group) for group in members]) for f in (np.sum, len))
        found = sum_U[drawn_RU].sum(axis=1) / n_U[drawn_RU].sum(axis=1)
    else:
        found = np.array([statistic(np.concatenate([members[i] for i in drawn_U])) for drawn_U in drawn_RU])
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
