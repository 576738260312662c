"""Fit of the model of normal tissue, and of what regulators' activities are in normal samples.

Normal samples of one independent source after another are left out: the rest makes a model of normal tissue, by which
the samples left out get signatures as a patient would. Their spread is the unit of a signature, and the activities of
regulators in them are the null of every p-value; differences between laboratories are inside. Normal samples of data
sets that no fit has seen set how far beyond is p = 0.05.

Shape suffixes: S samples, G genes, T candidate genes of a block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from cellstate.errors import DataError
from cellstate.evidence import PredictorId
from cellstate.gene_space import SCALE_FLOOR
from cellstate.model import Model
from cellstate.perturb.effects import effect_matrix
from cellstate.perturb.predictors.linear import principal_rows
from cellstate.perturb.regulators.activity import activities
from cellstate.perturb.regulators.reference import NormalReference, signature_of
from cellstate.perturb.sample import training_mean

from .data import class_weights

#: Labels of normal samples.
NORMAL = ("normal", "adjacent normal")
#: Components of normal tissue: more explain a tumour away (docs/lab-notes/regulators.md).
COMPONENTS = 20
#: The method whose effects rank regulators: with ridge the best at it on real perturbations, and of both the one whose
#: effects are correlations, so that no gene is favoured by the size of its own (benchmarks.real_perturbations).
PREDICTOR = PredictorId.WHITENED_COEXPRESSION
#: Two-sided p whose share among normal samples sets the unit of activities.
CALIBRATED_AT = 0.05
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class NormalSamples:
    """Normal samples with their tissues and independent sources.

    Attributes
    ----------
    z_SG : ndarray of float32
        Filled where not measured.
    tissue_S, source_S : sequence of str
    """

    z_SG: np.ndarray
    tissue_S: Sequence[str]
    source_S: Sequence[str]

    def where(self, use_S: np.ndarray) -> NormalSamples:
        """Return some of the samples."""
        rows = np.flatnonzero(use_S).tolist()
        return NormalSamples(self.z_SG[rows], [self.tissue_S[s] for s in rows], [self.source_S[s] for s in rows])


def fit_plane(normal: NormalSamples, n: int = COMPONENTS) -> NormalReference:
    """Return the plane of normal tissue; the spread about it and the null of activities are still 1 and 0."""
    z_SG, weight_S = normal.z_SG, class_weights(normal.tissue_S)
    mean_G = np.average(z_SG, axis=0, weights=weight_S).astype(np.float32)
    root_S1 = np.sqrt(weight_S, dtype=np.float32)[:, None]
    centred_SG = (z_SG - mean_G) * root_S1
    rows_KG, variance_K = principal_rows(centred_SG, n)
    rest = np.square(centred_SG).mean(axis=0).sum() - variance_K.sum()
    one_G = np.ones(z_SG.shape[1], np.float32)
    noise = max(float(rest) / z_SG.shape[1], 1e-3)
    return NormalReference(mean_G, rows_KG, variance_K, noise, one_G, 0 * one_G, one_G, 1.0, PREDICTOR)


def left_out(normal: NormalSamples, n: int = COMPONENTS) -> np.ndarray:
    """Return how far each normal sample is from the plane of all other sources, in z, shape (S, G)."""
    z_SG, source, away_SG = normal.z_SG, np.asarray(normal.source_S), np.empty_like(normal.z_SG)
    for name in pd.unique(source):
        own = source == name
        plane = fit_plane(normal.where(~own), n)
        away_SG[own] = z_SG[own] - plane.closest(z_SG[own], np.ones((int(own.sum()), z_SG.shape[1]), bool))
    return away_SG


def source_weights(source_S: Sequence[str]) -> np.ndarray:
    """Return weights of samples that sum to 1; a source of n samples weighs as the root of n."""
    weight_S = class_weights(source_S).astype(np.float64)
    return weight_S / weight_S.sum()


def fit_reference(
    model: Model,
    normal: NormalSamples,
    held_out: NormalSamples,
    n: int = COMPONENTS,
    predictor: PredictorId = PREDICTOR,
) -> NormalReference:
    """Fit the model of normal tissue to normal samples, and the null of activities.

    Parameters
    ----------
    model : Model
        Whose method gives the effects.
    normal : NormalSamples
        Of at least three sources.
    held_out : NormalSamples
        Of other sources: they set the unit of activities, so that as many are beyond p = 0.05 as should be.

    Raises
    ------
    DataError
        Fewer than three sources, or no sample held out.
    """
    n_sources = len(set(normal.source_S))
    if n_sources < 3 or not len(held_out.z_SG):
        raise DataError(
            f"Normal samples of {n_sources} sources to learn from and {len(held_out.z_SG)} held out are too few: "
            "the null of regulators needs three sources and some samples.",
            "Train on a corpus with normal tissue of several studies.",
        )
    away_SG, weight_S = left_out(normal, n), source_weights(normal.source_S)
    # The floor is that of the genes' own scale, in z.
    sd_G = (np.sqrt(weight_S @ np.square(away_SG)) + SCALE_FLOOR / model.space.scale_G).astype(np.float32)
    plane = replace(fit_plane(normal, n), sd_G=sd_G, degrees=float(n_sources - 1), predictor=predictor)
    own_SG = signature_of(away_SG, sd_G, np.ones(away_SG.shape, bool))
    other_VG = plane.signature(held_out.z_SG, np.ones(held_out.z_SG.shape, bool))
    n_genes = len(sd_G)
    mean_G, sd_activity_G, beyond = np.empty(n_genes), np.empty(n_genes), []
    for start in range(0, n_genes, _BLOCK):
        genes_T = np.arange(start, min(start + _BLOCK, n_genes))
        effects = effect_matrix(training_mean(model), genes_T, predictor)
        own_ST, other_VT = (
            activities(one, np.ones(one.shape, bool), effects).activity_ST.astype(np.float64)
            for one in (own_SG, other_VG)
        )
        mean_G[genes_T] = weight_S @ own_ST
        sd_activity_G[genes_T] = np.sqrt(weight_S @ np.square(own_ST - mean_G[genes_T]))
        score_VT = (other_VT - mean_G[genes_T]) / np.maximum(sd_activity_G[genes_T], 1e-9)
        beyond.append(np.abs(score_VT[:, model.space.is_tf_G[genes_T]]))
    limit = _weighted_quantile(np.concatenate(beyond, axis=1), _equal_sources(held_out.source_S), 1 - CALIBRATED_AT)
    factor = limit / stats.t.ppf(1 - CALIBRATED_AT / 2, plane.degrees)
    return replace(
        plane,
        activity_mean_G=mean_G.astype(np.float32),
        activity_sd_G=np.maximum(sd_activity_G * factor, 1e-6).astype(np.float32),
    )


def _equal_sources(source_S: Sequence[str]) -> np.ndarray:
    return (1 / pd.Series(list(source_S)).groupby(list(source_S)).transform("size")).to_numpy()


def _weighted_quantile(value_ST: np.ndarray, weight_S: np.ndarray, share: float) -> float:
    flat, weight = value_ST.ravel(), np.repeat(weight_S, value_ST.shape[1])
    order = np.argsort(flat)
    total = np.cumsum(weight[order])
    return float(flat[order][np.searchsorted(total, share * total[-1])])
