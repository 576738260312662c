"""How much memory a user's data takes: the bytes of files, arrays and tables that a session is known to hold."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from cellstate.gene_space import GeneSpace
from cellstate.genes import GeneAxis
from cellstate.model import Model
from cellstate.ui.state.session import Session


def known_values(state: Session) -> list[Any]:
    """Return what a user brought and what was computed for them, each once: files, samples, gene sets, results."""
    found: list[Any] = [state.gene_sets]
    for file in (state.loaded, state.reference, *list(state.groups.values())):
        found += [file.samples, file.source] if file else []
    if state.problem is not None:
        found += [state.problem.source, state.problem.preview]
    found += [result for _, result in list(state._results.values())]
    found += [job.result for job in (state.job, *list(state.runs.values())) if job]
    return list({id(one): one for one in found}.values())


def n_bytes(thing: Any) -> int:
    """Return the bytes of the arrays, tables and texts in a value, in a container or in a dataclass of them.

    What all users share, the model and its genes, belongs to none of them.
    """
    if isinstance(thing, np.ndarray):
        return thing.nbytes
    if isinstance(thing, pd.DataFrame):
        return int(thing.memory_usage().sum())
    if isinstance(thing, (bytes, str)):
        return sys.getsizeof(thing)
    if isinstance(thing, Mapping):
        return sum(map(n_bytes, list(thing.values())))
    if isinstance(thing, (list, tuple)):
        return sum(map(n_bytes, thing))
    if is_dataclass(thing) and not isinstance(thing, (Model, GeneSpace, GeneAxis)):
        return sum(n_bytes(getattr(thing, field.name)) for field in fields(thing))
    return 0
