"""Arrays that a model folder carries beside its weights: written whole; read whole, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from cellstate.errors import ModelError
from cellstate.files import atomic_write

#: Letters of a file or of a library's message that a sentence quotes.
_SHOWN = 100


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return every array of a safetensors file by name.

    Raises
    ------
    ModelError
        A damaged file, or one with a type that numpy lacks, such as float8.
    """
    try:
        return load_file(path)
    except (SafetensorError, OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise damaged(path.name, error) from error


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, str]) -> None:
    """Write arrays as a safetensors file, all or nothing.

    Parameters
    ----------
    about : mapping
        One entry of metadata, as in a checkpoint: several are written in random order.
    """
    with atomic_write(path) as partial:
        save_file(dict(arrays), partial, metadata=dict(about))
        partial.chmod(0o644)


def damaged(name: str, error: object) -> ModelError:
    """Return the sentence about a file of a model folder that does not hold what it should."""
    return ModelError(f"{name} is damaged ({quoted(error)}).", "Copy the model folder again.")


def quoted(found: object) -> str:
    """Return the beginning of what a file holds, or a library says of it, as one line of a sentence."""
    return " ".join(str(found)[:_SHOWN].split())
