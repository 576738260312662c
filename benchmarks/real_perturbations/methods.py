"""Methods under test: the product's predictors, the broad corpus, the curated network, and what is learned of them.

Shape suffixes: C candidates, G genes, P components, I items, M methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.real_perturbations.corpus import CorpusComponents
from benchmarks.real_perturbations.data import EXPERIMENTS, SIGNATURES, Experiment, Perturbations, Signature
from benchmarks.real_perturbations.effects import Effects, Fixed, fuse, make_effects
from benchmarks.real_perturbations.judge import (
    DISCRIMINATION,
    Scores,
    clip_change,
    is_expressed,
    retrieval,
    score_experiments,
    score_signatures,
)
from cellstate.genes import gene_axis
from cellstate.model import Model
from cellstate.perturb.effects import effect_matrix
from cellstate.perturb.predictors.registry import available_predictors
from cellstate.perturb.sample import training_mean

CURATED, CURATED_MEAN = "CollecTRI (curated, benchmark only)", "CollecTRI, sign-weighted mean (benchmark only)"
#: What the name of a method of the product begins with; its id follows.
PRODUCT = "product: "


def product_methods(model: Model, data: Perturbations) -> list[Fixed]:
    """Return every predictor of a model folder as it answers a rise of 1 SD of each candidate.

    This is the only function that knows the product's interface for predictors.
    """
    space = model.space
    position = {symbol: g for g, symbol in enumerate(space.symbols)}
    candidates = [c for c in data.candidates if c in position]
    genes_C = np.array([position[c] for c in candidates])
    return [
        Fixed(
            f"{PRODUCT}{name}",
            make_effects(candidates, space.symbols, effect_matrix(training_mean(model), genes_C, name).log2(model)),
        )
        for name in available_predictors(model)
    ]


def cosine_effects(
    found: CorpusComponents, candidates: Sequence[str], width: int, whitened: float = 1.0, *, first: int = 0
) -> Effects:
    """Return the cosine of gene vectors in components of the corpus.

    Parameters
    ----------
    width : int
        Components that are used, from ``first`` on.
    whitened : float
        1 gives every component the same variance, 0 leaves it: then the cosine is nearly the correlation of the genes.
    """
    chosen = slice(first, first + width)
    scale_P = found.variance_P[chosen] ** ((1 - whitened) / 2)
    vector_PG = found.component_PG[chosen] * scale_P[:, None]
    vector_PG = vector_PG / np.maximum(np.sqrt(np.square(vector_PG).sum(axis=0)), 1e-9)
    position = {symbol: g for g, symbol in enumerate(found.symbols)}
    known = [c for c in candidates if c in position]
    return make_effects(known, found.symbols, vector_PG[:, [position[c] for c in known]].T @ vector_PG)


def curated_effects(path: Path, data: Perturbations) -> Effects:
    """Return CollecTRI's signed edges as effects; regulators without an edge are no candidates."""
    edges = pd.read_csv(path)
    names = pd.unique(edges[["source", "target"]].to_numpy().ravel())
    axis = gene_axis()
    symbol = {n: axis.symbol[a] for n, a in zip(names, axis.resolve(names).index.tolist(), strict=True) if a >= 0}
    regulators = {symbol.get(s) for s in edges["source"]}
    candidates = [c for c in data.candidates if c in regulators]
    row = {c: i for i, c in enumerate(candidates)}
    effect_CA = np.zeros((len(candidates), len(data.symbols)), np.float32)
    for source, target, weight in edges[["source", "target", "weight"]].itertuples(index=False):
        c, a = row.get(symbol.get(source, "")), data.position.get(symbol.get(target, ""))
        if c is not None and a is not None:
            effect_CA[c, a] = weight
    return make_effects(candidates, data.symbols, effect_CA)


def judge_curated_mean(edges: Effects, data: Perturbations) -> pd.DataFrame:
    """Rank regulators by the sign-weighted mean of their curated targets' measured changes, as the field usually does.

    ``edges`` are those of `curated_effects`, on the benchmark's axis. In a signature a gene that rose counts 1 and
    a gene that fell -1. A regulator without a measured target scores 0.
    """
    weight_CA = edges.effect_CG
    tables = []
    for dataset, items in ((EXPERIMENTS, data.recommended), (SIGNATURES, data.signatures)):
        change_IA = np.array([_measured_change(item, data) for item in items])
        total_IC = np.nan_to_num(change_IA) @ weight_CA.T
        size_IC = (~np.isnan(change_IA)).astype(np.float32) @ np.abs(weight_CA).T
        score_IC = total_IC / np.maximum(size_IC, 1) * np.array([[item.rise] for item in items], np.float32)
        allowed_IC = np.array([is_expressed(item, edges.candidates, data) for item in items])
        table = retrieval(Scores(tuple(items), edges.candidates, score_IC, allowed_IC), data.spread)
        tables.append(table.assign(dataset=dataset))
    # A mean over a regulator's few targets is not on one scale with that of another measured change.
    return pd.concat(tables, ignore_index=True).drop(columns=DISCRIMINATION)


def _measured_change(item: Experiment | Signature, data: Perturbations) -> np.ndarray:
    """Return the measured change, NaN for genes that are not compared, float32, shape (A,)."""
    if isinstance(item, Signature):
        change_A = np.zeros(len(data.symbols), np.float32)
        change_A[item.up], change_A[item.down] = 1, -1
    else:
        change_A = np.where(item.compared_A, clip_change(item.change_A, item.compared_A), np.nan).astype(np.float32)
    if (own := data.position.get(item.target)) is not None:
        change_A[own] = np.nan
    return change_A


@dataclass(frozen=True, eq=False)
class Learned:
    """A weighted sum of effects, the weights learned from the targets that are not left out.

    Each measured change gives each part one score per candidate. The weights separate the true regulator from the
    other candidates: linear discriminant analysis, its covariance shrunk, and never below 0 where ``positive``.

    Attributes
    ----------
    name : str
    data : Perturbations
    parts : tuple of Effects
    shrink : float
        Share of the mean variance that is added to the diagonal of the covariance.
    """

    name: str
    data: Perturbations
    parts: tuple[Effects, ...]
    shrink: float = 0.1
    is_nested: bool = True
    _scores: dict = field(default_factory=dict, repr=False)

    def effects(self, left_out: frozenset[str]) -> Effects:
        """Return the weighted sum of the parts, learned without the targets that are left out."""
        return fuse(*self.parts, weights=self.weights(left_out).tolist())

    def weights(self, left_out: frozenset[str]) -> np.ndarray:
        """Return one weight a part, shape (M,), which sum to 1 in absolute value."""
        if not self._scores:
            self._scores["all"] = [
                [score_experiments(part, self.data, self.data.recommended) for part in self.parts],
                [score_signatures(part, self.data, self.data.signatures) for part in self.parts],
            ]
        by_target: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        for scores in self._scores["all"]:
            for target, own_M, covariance_MM in _separations(scores, left_out):
                by_target.setdefault(target, []).append((own_M, covariance_MM))
        own_TM = np.array([np.mean([own for own, _ in found], axis=0) for found in by_target.values()])
        covariance_MM = np.mean([np.mean([c for _, c in found], axis=0) for found in by_target.values()], axis=0)
        covariance_MM = covariance_MM + self.shrink * np.trace(covariance_MM) / len(covariance_MM) * np.eye(
            len(covariance_MM)
        )
        weight_M = np.linalg.solve(covariance_MM, own_TM.mean(axis=0))
        return weight_M / np.abs(weight_M).sum()


def _separations(parts: Sequence[Scores], left_out: frozenset[str]):
    """Yield, for each item, its target, how far the target stands above the candidates' mean, and their covariance.

    Scores of one item are in units of their standard deviation over candidates, averaged over the parts.
    """
    known_to_all = set.intersection(*(set(part.candidates) for part in parts))
    shared = [c for c in parts[0].candidates if c in known_to_all]
    column = {c: i for i, c in enumerate(shared)}
    rows = [{c: i for i, c in enumerate(part.candidates)} for part in parts]
    places = [[row[c] for c in shared] for row in rows]
    items = [{item.name: i for i, item in enumerate(part.items)} for part in parts]
    for item in parts[0].items:
        if item.target in left_out or item.target not in column or any(item.name not in known for known in items):
            continue
        score_MC = np.array(
            [p.score_IC[known[item.name], place] for p, known, place in zip(parts, items, places, strict=True)]
        ).astype(np.float64)
        allowed_C = parts[0].is_candidate_IC[items[0][item.name], places[0]]
        score_MC -= score_MC[:, allowed_C].mean(axis=1, keepdims=True)
        score_MC /= np.sqrt(np.square(score_MC[:, allowed_C]).mean()) + 1e-12
        yield item.target, score_MC[:, column[item.target]], np.cov(score_MC[:, allowed_C])


def choose_nested(
    tables: dict[str, pd.DataFrame], data: Perturbations, metric: str
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Report every target by the method that is best, by the mean of a metric, on the targets of all other units.

    Returns
    -------
    table : DataFrame
        Rows of the chosen methods' tables.
    chosen : dict of str to int
        How many units chose each method.
    """
    mean = {name: table.groupby("target")[metric].mean() for name, table in tables.items()}
    unit = pd.Series(data.unit_of)
    picked, chosen = [], dict.fromkeys(tables, 0)
    for number in sorted(set(unit)):
        inside = set(unit.index[unit == number])
        best = max(mean, key=lambda name: float(mean[name][~mean[name].index.isin(inside)].mean()))
        rows = tables[best][tables[best]["target"].isin(inside)]
        if len(rows):
            picked.append(rows)
            chosen[best] += 1
    return pd.concat(picked, ignore_index=True), {name: n for name, n in chosen.items() if n}
