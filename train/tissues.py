"""Fit of the classifier of tissue and state, see `cellstate.evaluation.tissue`.

Classes weigh the same as far as their number of samples allows, and so do the data sets within a class. Temperature
and limits come from data sets that were held out: a cross-validation over components (data sets that belong together),
on samples whose class also stands in another component, and validation data sets.

Shape suffixes: S samples, A genes of the axis, C genes of the classifier, K components, J classes, D data sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.linalg import eigh
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression

from cellstate.errors import DataError
from cellstate.evaluation.low_rank import LowRankModel, ranked
from cellstate.evaluation.tissue import (
    BEYOND_LIMIT,
    LIMIT,
    MARGIN,
    Figure,
    Place,
    Spread,
    State,
    TissueClassifier,
    on_scale,
    write_tissues,
)

#: Names of tissues that expression does not tell apart, or that are no tissue -> the class that they belong to. A name
#: that is none of these keeps itself.
MERGED = {
    # A leukaemia is sampled from either.
    "blood": "blood or bone marrow",
    "bone marrow": "blood or bone marrow",
    # Lymphocytes in a frame of stroma.
    "lymphoid": "lymphoid tissue",
    "spleen": "lymphoid tissue",
    "appendix": "lymphoid tissue",
    "thymus": "lymphoid tissue",
    # One organ, or parts of one duct.
    "duodenum": "small intestine",
    "bile duct": "bile duct or gallbladder",
    "gallbladder": "bile duct or gallbladder",
    "uterus": "uterus or cervix",
    "cervix": "uterus or cervix",
    "vagina": "uterus or cervix",
    "ductus deferens": "male genital tract",
    "epididymis": "male genital tract",
    "seminal vesicle": "male genital tract",
    # Sorted or differentiated cells of one lineage.
    "T cells": "T or NK cells",
    "NK cells": "T or NK cells",
    "monocytes": "myeloid cells",
    "dendritic cells": "myeloid cells",
    "macrophages": "myeloid cells",
    # Cultured, they resemble each other more than their organs.
    "airway smooth muscle": "cultured stroma",
    "endometrial stroma": "cultured stroma",
}
#: Not tissues: left out.
NO_TISSUE = frozenset({"unknown", "mixed"})
#: State of a sample in a corpus -> state of the classifier. What is none of these is left out.
STATES = {
    "normal": State.NORMAL,
    "adjacent normal": State.NORMAL,
    "disease": State.NORMAL,
    # Healthy and dystrophic muscle, not told apart by name; no tumour among them.
    "mixed": State.NORMAL,
    "tumour": State.TUMOUR,
    "cell line": State.CELLS,
    "cells": State.CELLS,
}
N_GENES, N_COMPONENTS, N_FOLDS, N_PLATFORM = 5_000, 120, 5, 20
#: A gene that fewer of the data sets measure is not used.
LEAST_DATA_SETS = 0.85
#: Most samples of one class and data set that count as such; more share this weight.
MOST_OF_ONE = 10
#: Weight of the variance between laboratories beside that within a data set, and shrinkage towards the diagonal.
BETWEEN, SHRINKAGE = 3.0, 0.1
#: Passes of the subspace iteration, and components beside those that are kept.
N_PASSES, OVERSAMPLED = 8, 20
#: Inverse strength of the ridge penalty.
PENALTY = 0.1
#: Added to the SD of a gene, so that the noise of a silent one is not amplified.
SCALE_FLOOR = 0.3


@dataclass(frozen=True, eq=False)
class _Table:
    """Samples with their labels: columns ``tissue``, ``state``, ``joint``, ``dataset``, ``component``."""

    log1p_SC: np.ndarray
    ranked_SC: np.ndarray
    measured_SC: np.ndarray
    labels: pd.DataFrame

    def take(self, is_taken_S: np.ndarray) -> _Table:
        labels = self.labels[is_taken_S].reset_index(drop=True)
        log1p_SC, ranked_SC, measured_SC = (
            part[is_taken_S] for part in (self.log1p_SC, self.ranked_SC, self.measured_SC)
        )
        return _Table(log1p_SC, ranked_SC, measured_SC, labels)


def _table(log1p_SC: np.ndarray, measured_SC: np.ndarray, level_C: np.ndarray, labels: pd.DataFrame) -> _Table:
    log1p_SC = np.where(measured_SC, log1p_SC, 0).astype(np.float64)
    return _Table(log1p_SC, ranked(log1p_SC, measured_SC, level_C), measured_SC, labels)


@dataclass(frozen=True, eq=False)
class _Tested:
    """What a classifier makes of samples that it was not fitted to.

    Attributes
    ----------
    place : Place
    is_right_SJ : ndarray of bool
        Whether a class is of the sample's tissue.
    dataset_S : ndarray of str
    """

    place: Place
    is_right_SJ: np.ndarray
    dataset_S: np.ndarray

    @classmethod
    def of(cls, classifier: TissueClassifier, held_out: _Table) -> _Tested:
        known_C = np.ones(held_out.log1p_SC.shape[1], bool)
        place = classifier.place(held_out.log1p_SC, held_out.ranked_SC, held_out.measured_SC, known_C)
        tissue_S1 = held_out.labels["tissue"].to_numpy(str)[:, None]
        tissue_J = np.array([tissue for tissue, _ in classifier.classes])
        return cls(place, tissue_S1 == tissue_J, held_out.labels["dataset"].to_numpy(str))


def tissue_labels(
    tissue_S: ArrayLike, state_S: ArrayLike, dataset_S: ArrayLike, component_S: ArrayLike
) -> pd.DataFrame:
    """Return the classes of samples by the tables of this module; empty tissue where a sample has none."""
    # Not by the index that a column of a table brings along.
    columns = {"tissue": tissue_S, "state": state_S, "dataset": dataset_S, "component": component_S}
    frame = pd.DataFrame({name: np.asarray(values, dtype=object) for name, values in columns.items()})
    frame["tissue"] = frame["tissue"].where(~frame["tissue"].isin(NO_TISSUE), "").replace(MERGED)
    frame["state"] = frame["state"].map(lambda state: str(STATES.get(state, "")))
    frame["joint"] = frame["tissue"] + "|" + frame["state"]
    return frame


def fit_tissues(
    log1p_SA: np.ndarray,
    measured_SA: np.ndarray,
    tissue_S: ArrayLike,
    state_S: ArrayLike,
    dataset_S: ArrayLike,
    component_S: ArrayLike,
    *,
    is_fitted_S: np.ndarray | None = None,
    n_genes: int = N_GENES,
    n_components: int = N_COMPONENTS,
) -> TissueClassifier:
    """Fit the classifier to training samples, and calibrate it on components of them that are held out in turn.

    Parameters
    ----------
    log1p_SA : ndarray, shape (S, A)
        log1p TPM on the gene axis; ignored where nothing was measured.
    measured_SA : ndarray of bool
    tissue_S, state_S : array of str
        As a corpus names them, see `MERGED` and `STATES`; samples without either are left out.
    dataset_S, component_S : array of str
        Data set of each sample, and what that belongs to.
    is_fitted_S : ndarray of bool, optional
        ``False`` for samples of validation data sets, which serve the calibration alone. Default: all are fitted.

    Raises
    ------
    DataError
        Fewer than two classes, or none that stands in two components.
    """
    labels = tissue_labels(tissue_S, state_S, dataset_S, component_S)
    fitted_S = np.ones(len(labels), bool) if is_fitted_S is None else np.asarray(is_fitted_S)
    use_S = (fitted_S & (labels["tissue"] != "") & (labels["state"] != "")).to_numpy()
    other_S = (~fitted_S & labels["tissue"].isin(set(labels["tissue"][use_S]) - {""})).to_numpy()
    validation, labels = labels[other_S].reset_index(drop=True), labels[use_S].reset_index(drop=True)
    n_sources = labels.groupby("joint")["component"].nunique()
    if len(n_sources) < 2 or n_sources.max() < 2:
        raise DataError(
            "Tissues cannot be told apart: two classes are needed, and one of them in two independent sources.",
            "Train on a corpus of several tissues.",
        )
    index_C = _choose_genes(log1p_SA[use_S], measured_SA[use_S], labels, n_genes)
    level_C = _levels(log1p_SA[use_S][:, index_C], measured_SA[use_S][:, index_C])
    table, held_out = (
        _table(log1p_SA[is_taken_S][:, index_C], measured_SA[is_taken_S][:, index_C], level_C, its_labels)
        for is_taken_S, its_labels in ((use_S, labels), (other_S, validation))
    )
    classifier = _fit(table, index_C, level_C, n_components)
    tested = [*_cross_validated(table, classifier, n_components), _Tested.of(classifier, held_out)]
    return _calibrated(classifier, tested)


def save_tissues(folder: Path | str, classifier: TissueClassifier) -> None:
    """Write the classifier into a model folder."""
    write_tissues(Path(folder), classifier)


def _choose_genes(log1p_SA: np.ndarray, measured_SA: np.ndarray, labels: pd.DataFrame, n_genes: int) -> np.ndarray:
    """Return the genes that differ most between tissues, of those that nearly every data set measures."""
    first = labels.drop_duplicates("dataset").index
    is_measured_A = measured_SA[first].mean(axis=0) >= LEAST_DATA_SETS
    total_A, square_A, n_A = np.zeros((3, log1p_SA.shape[1]))
    for rows in labels.groupby("tissue").indices.values():
        n_of_A = measured_SA[rows].sum(axis=0)
        mean_A = np.where(measured_SA[rows], log1p_SA[rows], 0).sum(axis=0, dtype=np.float64) / np.maximum(n_of_A, 1)
        has_A = n_of_A > 0
        total_A, square_A, n_A = total_A + mean_A * has_A, square_A + mean_A**2 * has_A, n_A + has_A
    n_A = np.maximum(n_A, 1)
    variance_A = np.where(is_measured_A, square_A / n_A - (total_A / n_A) ** 2, -1.0)
    return np.sort(np.argsort(-variance_A, kind="stable")[: min(n_genes, int(is_measured_A.sum()))])


def _weights(labels: pd.DataFrame) -> np.ndarray:
    cell = labels["tissue"] + "|" + labels["dataset"]
    n_S = cell.map(cell.value_counts()).to_numpy()
    weight_S = np.minimum(n_S, MOST_OF_ONE) / n_S
    of_class_S = pd.Series(weight_S).groupby(labels["tissue"].to_numpy()).transform("sum").to_numpy()
    return weight_S / np.sqrt(of_class_S)


def _fit(table: _Table, index_C: np.ndarray, level_C: np.ndarray, n_components: int) -> TissueClassifier:
    """Fit everything but temperature and limits."""
    labels, weight_S = table.labels, _weights(table.labels)
    space = _fit_space(table, index_C, level_C, weight_S, n_components)
    y_SC = space.standardise(table.ranked_SC, table.measured_SC)
    at_SK = space.coordinates(y_SC, table.measured_SC)
    within_KK = _within(at_SK, labels, weight_S)
    mixed_KK = within_KK + BETWEEN * _between(at_SK, labels, "tissue")
    mixed_KK = (1 - SHRINKAGE) * mixed_KK + SHRINKAGE * np.diag(np.diag(mixed_KK))
    whitening_KK = np.linalg.cholesky(np.linalg.inv(mixed_KK))
    whitened_SK = at_SK @ whitening_KK
    joint_S = labels["joint"].to_numpy(str)
    regression = LogisticRegression(C=PENALTY, max_iter=200, tol=1e-3)
    # Most normal tissues have fewer samples than their tumours, and are no rarer in uploads.
    same_S = weight_S / pd.Series(weight_S).groupby(joint_S).transform("sum").to_numpy()
    regression.fit(whitened_SK, joint_S, sample_weight=same_S / same_S.mean())
    names = [str(name) for name in regression.classes_]
    weight_JK, bias_J = regression.coef_, regression.intercept_
    if len(names) == 2:
        # scikit-learn keeps one row for two classes: that of the second.
        weight_JK, bias_J = np.vstack([-weight_JK, weight_JK]) / 2, np.concatenate([-bias_J, bias_J]) / 2
    centre_JK = [np.average(whitened_SK[joint_S == n], axis=0, weights=weight_S[joint_S == n]) for n in names]
    lengths, directions_KK = eigh(_between(at_SK, labels, "joint"))
    kept = np.flatnonzero(lengths > 1e-6 * lengths[-1])[::-1][:N_PLATFORM]
    sources = labels.groupby("tissue")["component"].nunique()
    return TissueClassifier(
        space=space,
        classes=tuple((name.rpartition("|")[0], State(name.rpartition("|")[2])) for name in names),
        whitening_KK=whitening_KK,
        centre_JK=np.array(centre_JK),
        weight_JK=weight_JK,
        bias_J=bias_J,
        platform_KR=directions_KK[:, kept] / np.sqrt(lengths[kept]),
        spreads={},
        n_sources={str(tissue): int(n) for tissue, n in sources.items()},
    )


def _levels(log1p_SC: np.ndarray, measured_SC: np.ndarray) -> np.ndarray:
    """Return the mean sorted profile, over the samples that measure every gene where there are any."""
    whole_S = measured_SC.all(axis=1)
    return np.sort(log1p_SC[whole_S] if whole_S.any() else np.where(measured_SC, log1p_SC, 0), axis=1).mean(axis=0)


def _fit_space(
    table: _Table, index_C: np.ndarray, level_C: np.ndarray, weight_S: np.ndarray, n_components: int
) -> LowRankModel:
    """Weighted PCA of ranked expression; what is missing takes the values of a first fit without it."""
    measured_SC, ranked_SC, weight_S1 = table.measured_SC, table.ranked_SC, weight_S[:, None]
    total_C = np.maximum((weight_S1 * measured_SC).sum(axis=0), 1e-9)
    mean_C = (weight_S1 * ranked_SC).sum(axis=0) / total_C
    y_SC = np.where(measured_SC, ranked_SC - mean_C, 0)
    scale_C = np.sqrt((weight_S1 * y_SC**2).sum(axis=0) / total_C) + SCALE_FLOOR
    y_SC = (y_SC / scale_C).astype(np.float32)
    loading_CK, lengths, fit_SC = _components(y_SC, measured_SC, np.sqrt(weight_S1), n_components)
    residual_SC = np.where(measured_SC, y_SC - fit_SC, 0)
    noise_C = (weight_S1 * residual_SC**2).sum(axis=0) / total_C
    variance_K = lengths / weight_S.sum()
    return LowRankModel(index_C.astype(np.int32), level_C, mean_C, scale_C, noise_C, loading_CK, variance_K)


def _components(
    y_SC: np.ndarray, measured_SC: np.ndarray, root_S1: np.ndarray, n_components: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted PCA by subspace iteration; returns (loadings, squared lengths, what the components reproduce).

    What is missing takes the reproduction of the pass before. An exact decomposition would take ten times as long.
    """
    n_components = min(n_components, *y_SC.shape)
    wide = min(n_components + OVERSAMPLED, *y_SC.shape)
    basis_CK = np.random.default_rng(0).standard_normal((y_SC.shape[1], wide)).astype(np.float32)
    filled_SC = y_SC
    for _ in range(N_PASSES):
        heavy_SC = filled_SC * root_S1.astype(np.float32)
        left_SK, _ = np.linalg.qr(heavy_SC @ basis_CK)
        basis_CK, _ = np.linalg.qr(heavy_SC.T @ left_SK)
        fit_SC = (filled_SC @ basis_CK) @ basis_CK.T
        filled_SC = np.where(measured_SC, y_SC, fit_SC)
    heavy_SC = filled_SC * root_S1.astype(np.float32)
    _, lengths, right_KK = np.linalg.svd(heavy_SC @ basis_CK, full_matrices=False)
    loading_CK = (basis_CK @ right_KK.T)[:, :n_components].astype(np.float64)
    return loading_CK, lengths[:n_components].astype(np.float64) ** 2, filled_SC @ loading_CK @ loading_CK.T


def _cell_means(at_SK: np.ndarray, labels: pd.DataFrame, by: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return (mean coordinates of each class and data set, those of each sample)."""
    frame = pd.DataFrame(at_SK).groupby([labels[by].to_numpy(), labels["dataset"].to_numpy()])
    return frame.mean(), frame.transform("mean").to_numpy()


def _within(at_SK: np.ndarray, labels: pd.DataFrame, weight_S: np.ndarray) -> np.ndarray:
    """Covariance within a tissue and data set."""
    away_SK = at_SK - _cell_means(at_SK, labels, "tissue")[1]
    return (away_SK * weight_S[:, None]).T @ away_SK / weight_S.sum()


def _between(at_SK: np.ndarray, labels: pd.DataFrame, by: str) -> np.ndarray:
    """Covariance between the data sets of one class."""
    means, _ = _cell_means(at_SK, labels, by)
    group = means.groupby(level=0)
    away_DK = (means - group.transform("mean")).to_numpy()
    n_free = int((group.size() - 1).sum())
    return away_DK.T @ away_DK / max(n_free, 1)


def _cross_validated(table: _Table, classifier: TissueClassifier, n_components: int) -> list[_Tested]:
    """Hold out components in turn, and return what a fit to the others makes of samples whose class it knows."""
    order = {name: i % N_FOLDS for i, name in enumerate(table.labels["component"].value_counts().index)}
    fold_S, tested = table.labels["component"].map(order).to_numpy(), []
    for fold in np.unique(fold_S):
        kept = table.take(fold_S != fold)
        known = set(kept.labels["joint"])
        held_out = table.take((fold_S == fold) & table.labels["joint"].isin(known).to_numpy())
        if len(known) > 1 and len(held_out.labels):
            space = classifier.space
            tested.append(_Tested.of(_fit(kept, space.axis_index_C, space.level_C, n_components), held_out))
    return tested


def _calibrated(classifier: TissueClassifier, tested: Sequence[_Tested]) -> TissueClassifier:
    """Return the classifier with temperature and limits; every held-out data set weighs the same."""
    dataset_S = pd.Series(np.concatenate([one.dataset_S for one in tested]))
    weight_S = 1 / dataset_S.map(dataset_S.value_counts()).to_numpy()
    temperature = _temperature([one.place.logit_SJ for one in tested], [one.is_right_SJ for one in tested], weight_S)
    spreads: dict[Figure, Spread] = {
        figure: _spread(np.concatenate([on_scale(figure, one.place.figures[figure]) for one in tested]), weight_S)
        for figure in Figure
        if figure is not Figure.IMPUTATION
    }
    return replace(
        classifier,
        weight_JK=classifier.weight_JK / temperature,
        bias_J=classifier.bias_J / temperature,
        spreads=spreads,
    )


def _temperature(logits: Sequence[np.ndarray], right: Sequence[np.ndarray], weight_S: np.ndarray) -> float:
    """Return the temperature at which the held-out samples' own tissues are most probable (Guo et al., ICML 2017)."""

    def loss(log_temperature: float) -> float:
        own_S = []
        for logit_SJ, right_SJ in zip(logits, right, strict=True):
            odds_SJ = np.exp((logit_SJ - logit_SJ.max(axis=1, keepdims=True)) / np.exp(log_temperature))
            own_S.append((odds_SJ * right_SJ).sum(axis=1) / odds_SJ.sum(axis=1))
        return float(-(weight_S * np.log(np.maximum(np.concatenate(own_S), 1e-9))).sum())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.2), np.log(10)), method="bounded").x))


def _spread(value_S: np.ndarray, weight_S: np.ndarray) -> Spread:
    order = np.argsort(value_S)
    rank_S = (np.cumsum(weight_S[order]) - weight_S[order] / 2) / weight_S.sum()

    def quantile(share: float) -> float:
        return float(np.interp(share, rank_S, value_S[order]))

    middle = quantile(0.5)
    tails = (middle - quantile(BEYOND_LIMIT), quantile(1 - BEYOND_LIMIT) - middle)
    below, above = (max(MARGIN * tail / LIMIT, 1e-6) for tail in tails)
    return Spread(middle, below, above)
