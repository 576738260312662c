"""Profiles of the corpus's tissues, from what a model folder carries: no sample of the corpus is stored.

The classifier of tissues knows the middle of each class by a few thousand genes, as levels of ranks. The network has
learnt every tissue; what it makes of such a middle is a whole profile in TPM.

Shape suffixes: J classes, G genes of the model, A genes of the axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cellstate.errors import CellStateError, summarise_list
from cellstate.evaluation.tissue import State, model_tissues
from cellstate.evaluation.tissue_centres import class_samples
from cellstate.model import Model
from cellstate.model.folder import cached_per_model
from cellstate.perturb.regulators.reference import load_reference
from cellstate.perturb.sample import PreparedSample, prepare_samples

#: TPM that are added before logarithms: differences of silent genes are noise.
OFFSET = 5.0


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
