"""Memory that a user's data takes: the bytes of files, arrays and tables in a session, and what still fits."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from cellstate.errors import CellStateError
from cellstate.gene_space import GeneSpace
from cellstate.genes import GeneAxis
from cellstate.model import Model
from cellstate.ui.runtime.limits import MB, server_bytes, session_bytes
from cellstate.ui.state.session import Session
from cellstate.ui.state.sessions import session_registry


def check_memory(state: Session, *new: Any) -> None:
    """Refuse data that do not fit into the memory of one user, or of all users together.

    Parameters
    ----------
    state : Session
    new : object
        Data of the user that `state` does not hold yet: bytes, samples, gene sets.

    Raises
    ------
    CellStateError
    """
    own, total = memory_in_use(state), memory_in_use(state, *new)
    if total > session_bytes():
        raise CellStateError(
            f"This takes {_mb(total - own)} of memory; you use {_mb(own)} of the {_mb(session_bytes())} for one user.",
            "Upload fewer samples, or free memory with Delete my data.",
        )
    others = sum(memory_in_use(other) for other in session_registry().sessions() if other is not state)
    if total + others > server_bytes():
        raise CellStateError(
            "This server's memory for users' data is full.", "Try again when others have left, or upload fewer samples."
        )


def memory_in_use(state: Session, *new: Any) -> int:
    """Return the bytes of a user's files, samples, gene sets and results, each counted once.

    Parameters
    ----------
    state : Session
    new : object
        Values that the session does not hold yet; one that it holds already adds nothing.
    """
    values: list[Any] = [state.gene_sets, state.gene_table, *new]
    for file in (state.loaded, state.reference, *list(state.groups.values())):
        values += [file.samples, file.source] if file else []
    values += [file.data for file in list(state.doubtful.values())]
    if state.failed_upload is not None:
        values += [state.failed_upload.source, state.failed_upload.preview]
    values += [result for _, result in list(state._cache.values())]
    values += [job.result for job in (state.job, *list(state.runs.values())) if job]
    return sum(map(n_bytes, {id(value): value for value in values}.values()))


def n_bytes(value: Any) -> int:
    """Return the bytes of the arrays, tables and texts in a value, in a container or in a dataclass of them.

    The model and its genes are shared by all users and count for none.
    """
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, pd.DataFrame):
        return int(value.memory_usage().sum())
    if isinstance(value, (bytes, str)):
        return sys.getsizeof(value)
    if isinstance(value, Mapping):
        return sum(map(n_bytes, list(value.values())))
    if isinstance(value, (list, tuple)):
        return sum(map(n_bytes, value))
    if is_dataclass(value) and not isinstance(value, (Model, GeneSpace, GeneAxis)):
        return sum(n_bytes(getattr(value, field.name)) for field in fields(value))
    return 0


def _mb(n_bytes: float) -> str:
    return f"{n_bytes / MB:,.0f} MB"
