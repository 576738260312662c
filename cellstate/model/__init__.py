"""The network, its weights on disk and where it runs."""

from cellstate.model.config import ModelConfig, preset
from cellstate.model.folder import Model, create_model, describe_model, load_model, save_model
from cellstate.model.record import ModelRecord

__all__ = [
    "Model",
    "ModelConfig",
    "ModelRecord",
    "create_model",
    "describe_model",
    "load_model",
    "preset",
    "save_model",
]
