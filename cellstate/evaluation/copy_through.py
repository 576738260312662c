"""Copy-through: whether a method responds in the perturbed gene itself, or in the genes that depend on it.

An autoencoder may learn to copy each gene from input to output; then little else responds. Each gene in turn is raised
by 1 SD from the training mean, and the response is measured in SD.

No list of genes without regulatory effect exists. Genes that are not transcription factors (Lambert et al., Cell 2018)
stand in for it. Many of them do regulate, so their effect compares methods and is no error rate.

Shape suffixes: G genes, K perturbed genes.
"""

from __future__ import annotations

import numpy as np

from cellstate.evidence import PredictorId
from cellstate.model import Model
from cellstate.model.cohort import load_profiles
from cellstate.model.record import CopyThrough
from cellstate.perturb.perturbations import InputChange
from cellstate.perturb.predictors.registry import all_predictors
from cellstate.perturb.sample import training_mean

#: Largest number of perturbed genes of each kind.
MAX_GENES = 200
#: Methods that predict the perturbed gene itself; the others leave it out by construction.
ECHOING = (PredictorId.AUTOENCODER, PredictorId.PCA)


def copy_through(model: Model, *, seed: int = 0) -> dict[PredictorId, CopyThrough]:
    """Return the response of every method that predicts any change."""
    rng = np.random.default_rng(seed)
    known_G = model.space.is_tf_G
    profiles = load_profiles(model)
    # A gene without variance in training has no effect by any method.
    varies_G = np.ones_like(known_G) if profiles is None else profiles.step_G > 0
    kinds = [np.flatnonzero(known_G & varies_G), np.flatnonzero(~known_G & varies_G)]
    genes_K = np.concatenate([np.sort(rng.permutation(kind)[:MAX_GENES]) for kind in kinds])
    # One row a perturbation: row k raises gene k alone.
    unit_KK = np.eye(len(genes_K), dtype=np.float32)
    change, sample = InputChange(genes_K, unit_KK, np.zeros_like(unit_KK)), training_mean(model)
    responses = {name: one.predict_change(sample, change) for name, one in all_predictors(model).items()}
    return {
        name: _gauge(response_KG, genes_K, known_G[genes_K], name in ECHOING)
        for name, response_KG in responses.items()
        if response_KG.any()
    }


def _gauge(response_KG: np.ndarray, genes_K: np.ndarray, is_tf_K: np.ndarray, echoes: bool) -> CopyThrough:
    rows = np.arange(len(genes_K))
    own_K = response_KG[rows, genes_K].astype(np.float64)
    squares_K = (response_KG.astype(np.float64) ** 2).sum(axis=1) - own_K**2
    others_K = np.sqrt(np.maximum(squares_K, 0) / (response_KG.shape[1] - 1))
    own, others = float(own_K.mean()), float(others_K.mean())
    both = is_tf_K.any() and not is_tf_K.all()
    leaf_to_tf = float(np.median(others_K[~is_tf_K]) / np.median(others_K[is_tf_K])) if both else None
    return CopyThrough(
        own=own if echoes else None,
        others=others,
        own_to_others=own / others if echoes and others else None,
        leaf_to_tf=leaf_to_tf,
    )
