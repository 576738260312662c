"""A first knock-out for a sample: a transcription factor whose knock-out changes the other genes most."""

from __future__ import annotations

import numpy as np

from cellstate.evaluation.reliability import MIN_R2
from cellstate.perturb.perturbations import InputChange, Perturbation, candidate_changes
from cellstate.perturb.predictors.registry import available_predictors, default_predictor
from cellstate.perturb.sample import PreparedSample

#: So many transcription factors are compared: those that a knock-out takes furthest from their level, in SD.
N_COMPARED = 64
#: Below this level in TPM a gene counts as not expressed.
MIN_TPM = 1.0


def suggest_knock_out(sample: PreparedSample) -> str | None:
    """Return the symbol of a transcription factor to begin with, by the model's default method.

    It is measured, expressed and well modelled, and its knock-out changes the log expression of the other genes most
    (root mean square). None where no transcription factor meets this; random weights are as good as any.
    """
    model, space = sample.model, sample.model.space
    eligible_G = space.is_tf_G & sample.measured_G & (sample.tpm_G >= MIN_TPM)
    if model.is_trained and "r2_validation" in model.gene_table:
        eligible_G &= model.gene_table["r2_validation"].to_numpy(float) >= MIN_R2
    genes_E = np.flatnonzero(eligible_G)
    delta_E = candidate_changes(Perturbation.pattern("ko"), sample, genes_E)
    furthest = np.argsort(-np.abs(delta_E), kind="stable")[:N_COMPARED]
    genes_K, delta_K = genes_E[furthest], delta_E[furthest]
    if not len(genes_K):
        return None
    change = InputChange(genes_K, np.diag(delta_K), np.zeros((len(genes_K),) * 2, np.float32))
    method = available_predictors(model)[default_predictor(model)]
    effect_KG = method.predict_change(sample, change).astype(np.float64) * space.scale_G
    effect_KG[np.arange(len(genes_K)), genes_K] = 0.0
    return space.symbols[genes_K[np.argmax((effect_KG**2).sum(axis=1))]]
