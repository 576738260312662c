"""The prediction method of an answer: the one that was asked for, or the default that the model folder names.

`cellstate.default_rule` decides the default when a benchmark's result is recorded; here it is only read. The default of
a folder that names none, or that does not hold the method it names, is the autoencoder.
"""

from __future__ import annotations

from cellstate.errors import ModelError
from cellstate.model import Model
from cellstate.perturb.rivals import NETWORK, REGISTRY, rival_maps


def predictors(model: Model) -> tuple[str, ...]:
    """Return the methods that a model folder holds: the autoencoder, and its baselines."""
    return (NETWORK, *rival_maps(model))


def default_predictor(model: Model) -> str:
    """Return the default method of a model folder."""
    named = model.record.default_predictor.value
    return named if named in predictors(model) else NETWORK


def choose(model: Model, predictor: str | None) -> str:
    """Return the method that was asked for, or the default where none was.

    Raises
    ------
    ModelError
        A method that does not exist, or that this model folder does not hold.
    """
    if predictor is None:
        return default_predictor(model)
    able = predictors(model)
    if predictor in able:
        return predictor
    if any(predictor == rival.name for rival in REGISTRY):
        raise ModelError(
            f"This model folder holds no {predictor}: its weights are random, or were trained by an older version.",
            f"Write {NETWORK}, or train the model again.",
        )
    raise ModelError(f"There is no predictor {predictor!r}.", f"Write one of {', '.join(able)}.")
