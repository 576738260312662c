"""Profiles of normal tissues, from the centres of the tissue classifier's classes.

Shape suffixes: J classes, T normal tissues, C genes of the classifier, A genes of the axis.
"""

from __future__ import annotations

import numpy as np

from cellstate.evaluation.tissue import State, TissueCall, TissueClassifier, model_tissues, sample_calls
from cellstate.genes import N_AXIS, gene_axis
from cellstate.model import Model
from cellstate.model.folder import cached_per_model
from cellstate.perturb.sample import PreparedSample
from cellstate.samples import Samples

#: A gene is high in a tissue at so many times its mean over the other normal tissues, and at this level or above: the
#: "tissue enhanced" genes of the Human Protein Atlas (Uhlén et al., Science 2015).
TIMES_MEAN, LEAST_TPM = 4.0, 1.0


@cached_per_model
def high_tissues(model: Model) -> dict[str, tuple[str, ...]]:
    """Return the normal tissues in which each gene is high, the highest first, by Ensembl id.

    Genes that the model folder's tissue classifier does not cover are left out; empty where the folder has none.
    """
    classifier = model_tissues(model)
    if classifier is None:
        return {}
    rows = [j for j, (_, state) in enumerate(classifier.classes) if state is State.NORMAL]
    tpm_TC = np.expm1(classifier.class_log1p_JC[rows])
    others_TC = (tpm_TC.sum(axis=0) - tpm_TC) / max(len(rows) - 1, 1)
    high_TC = (tpm_TC >= TIMES_MEAN * others_TC) & (tpm_TC >= LEAST_TPM)
    names, ensembl = [classifier.classes[j][0] for j in rows], gene_axis().ensembl
    order_TC = np.argsort(-tpm_TC, axis=0, kind="stable")
    return {
        ensembl[gene]: tuple(names[t] for t in order_TC[:, c] if high_TC[t, c])
        for c, gene in enumerate(classifier.space.axis_index_C)
    }


def tissue_call(sample: PreparedSample) -> TissueCall | None:
    """Return what a prepared sample is most like, ``None`` where the model folder has no classifier."""
    return next(iter(sample_calls(sample.model, sample.measured_tpm_G[None])), None)


def class_samples(classifier: TissueClassifier) -> Samples:
    """Return the centre of each class as a sample that measures the classifier's genes, in the order of the classes."""
    tpm_JA = np.full((len(classifier.classes), N_AXIS), np.nan, np.float32)
    tpm_JA[:, classifier.space.axis_index_C] = np.expm1(classifier.class_log1p_JC)
    names = tuple(f"{tissue}, {state}" for tissue, state in classifier.classes)
    return Samples(names, tpm_JA, np.full(len(names), np.nan))


def tissue_centre(model: Model, tissue: str, state: State) -> Samples | None:
    """Return the centre of a class as one sample that measures the classifier's genes; ``None`` for an unknown one."""
    classifier = model_tissues(model)
    if classifier is None or (tissue, state) not in classifier.classes:
        return None
    return class_samples(classifier).take([classifier.classes.index((tissue, state))])
