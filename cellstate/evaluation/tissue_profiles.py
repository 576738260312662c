"""Profiles of the corpus's tissues, from what a model folder carries: no sample of the corpus is stored.

The classifier of tissues knows the centre of each class by a few thousand genes, as levels of ranks. The network has
learnt every tissue; what it makes of such a centre is a whole profile in TPM.

Shape suffixes: J classes, T normal tissues, C genes of the classifier, G genes of the model, A genes of the axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cellstate.errors import CellStateError, summarise_list
from cellstate.evaluation.tissue import State, TissueCall, TissueClassifier, model_tissues, sample_calls
from cellstate.genes import N_AXIS, gene_axis
from cellstate.model import Model
from cellstate.model.folder import cached_per_model
from cellstate.perturb.regulators.reference import load_reference
from cellstate.perturb.sample import PreparedSample, prepare_samples
from cellstate.samples import Samples

#: A gene is high in a tissue at so many times its mean over the other normal tissues, and at this level or above: the
#: "tissue enhanced" genes of the Human Protein Atlas (Uhlén et al., Science 2015).
TIMES_MEAN, LEAST_TPM = 4.0, 1.0
#: TPM that are added before logarithms: differences of silent genes are noise.
OFFSET = 5.0


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


@dataclass(frozen=True, eq=False)
class TissueProfiles:
    """Profiles of classes: a tissue in a state each.

    Attributes
    ----------
    classes : tuple of (str, State), length J
    tpm_JG : ndarray of float32
        On the training cohort's scale.
    """

    classes: tuple[tuple[str, State], ...]
    tpm_JG: np.ndarray

    @cached_property
    def spread_G(self) -> np.ndarray:
        """SD of each gene's log TPM over the classes, shape (G,)."""
        return np.log(self.tpm_JG + OFFSET).std(axis=0)


@cached_per_model
def tissue_profiles(model: Model) -> TissueProfiles | None:
    """Return the profiles of the classes, ``None`` for a model that knows no normal tissue."""
    classifier = model_tissues(model)
    if classifier is None or load_reference(model) is None:
        return None
    prepared = prepare_samples(model, class_samples(classifier))
    z_JG = model.reconstruct(np.concatenate([one.z_1G for one in prepared]))
    tpm_JG = np.expm1(model.space.log1p_tpm(z_JG))
    tpm_JG *= model.space.share_tpm_G.sum() / np.maximum(tpm_JG.sum(axis=1, keepdims=True), 1e-9)
    return TissueProfiles(classifier.classes, tpm_JG.astype(np.float32))


def normal_tissue(model: Model, tissue: str) -> PreparedSample:
    """Return the middle of a normal tissue as a sample that measures every gene.

    Raises
    ------
    CellStateError
        A model that knows no normal tissue, a tissue that it does not know.
    """
    profiles = tissue_profiles(model)
    if profiles is None:
        raise CellStateError(f"The model {model.config.name} knows no normal tissue.", "Use the model human.")
    known = {name: j for j, (name, state) in enumerate(profiles.classes) if state is State.NORMAL}
    if tissue not in known:
        raise CellStateError(
            f"The model {model.config.name} knows no normal {tissue}.", f"It knows {summarise_list(sorted(known), 60)}."
        )
    tpm_G = profiles.tpm_JG[known[tissue]]
    z_1G = model.space.standardise(tpm_G[None])
    return PreparedSample(f"normal {tissue}", model, z_1G, tpm_G, np.ones(len(tpm_G), bool))
