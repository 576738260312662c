"""Which of the shipped models fits a sample: the most special one that covers its tissue, or else the base model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from cellstate.evaluation.ood import LEAST_COVERED
from cellstate.evaluation.tissue import TissueCall, TissueClassifier, read_tissues
from cellstate.model.folder import folder_stamp, shipped_models
from cellstate.model.record import read_record
from cellstate.samples import Samples

#: The model of all tissues.
BASE = "human"


@dataclass(frozen=True)
class Proposal:
    """A model for a sample.

    Attributes
    ----------
    model : str
        Name of the shipped model.
    call : TissueCall
        What the sample is.
    """

    model: str
    call: TissueCall


def propose_model(sample: Samples) -> Proposal | None:
    """Return the shipped model that fits one sample; None where no base model is there to tell.

    Raises
    ------
    ModelError
        A damaged model folder.
    """
    shipped = shipped_models()
    if BASE not in shipped:
        return None
    classifier = _classifier(shipped[BASE], folder_stamp(shipped[BASE]))
    if classifier is None:
        return None
    log1p_SA = np.log1p(np.nan_to_num(sample.tpm_SA).astype(np.float64))
    call = classifier.calls_on_axis(log1p_SA, sample.measured_SA)[0]
    covered = {name: _covered(folder, folder_stamp(folder)) for name, folder in shipped.items() if name != BASE}
    fitting = [name for name, tissues in covered.items() if tissues and call.probability(tissues) >= LEAST_COVERED]
    # Of values that are not plausible the tissue means nothing.
    if not fitting or not call.is_plausible:
        return Proposal(BASE, call)
    return Proposal(min(fitting, key=lambda name: (len(covered[name]), name)), call)


@lru_cache(maxsize=2)
def _classifier(folder: Path, stamp: tuple[int, ...]) -> TissueClassifier | None:
    return read_tissues(folder)


@lru_cache(maxsize=16)
def _covered(folder: Path, stamp: tuple[int, ...]) -> tuple[str, ...]:
    training = read_record(folder).training
    return () if training is None else training.tissues
