"""The prediction method of an answer: the one that was asked for, or the default that the model folder names.

`cellstate.default_rule` decides the default when a benchmark's result is recorded; here it is only read. The default of
a folder that names none, or that does not hold the method it names, is the autoencoder.
"""

from __future__ import annotations

from cellstate.errors import ModelError
from cellstate.evidence import METHODS, PredictorId
from cellstate.model import Model
from cellstate.perturb.predictors.registry import available_predictors


def default_predictor(model: Model) -> PredictorId:
    """Return the default method of a model folder."""
    named = model.record.default_predictor
    return named if named in available_predictors(model) else PredictorId.AUTOENCODER


def resolve_predictor(model: Model, asked: str | None) -> PredictorId:
    """Return the method that was asked for, or the default where none was.

    Raises
    ------
    ModelError
        A method that does not exist, or that this model folder does not hold.
    """
    if asked is None:
        return default_predictor(model)
    available = available_predictors(model)
    found = next((one for one in METHODS if one.value == asked), None)
    if found in available:
        return found
    names = ", ".join(available)
    if found is None:
        raise ModelError(f"There is no predictor {asked!r}.", f"Write one of {names}.")
    raise ModelError(
        f"This model folder holds no {found}: its weights are random, or were trained by an older version.",
        f"Write one of {names}, or train the model again.",
    )
