"""How much memory something holds: arrays, tables and files, each counted once."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from types import CellType, FunctionType, ModuleType
from typing import Any

import numpy as np
import pandas as pd
import torch

from cellstate.gene_space import GeneSpace
from cellstate.genes import GeneAxis
from cellstate.model import Model
from cellstate.ui.jobs import Job

#: What all users share belongs to none of them; of a module or a class nothing is anyone's either.
_SHARED = (Model, GeneAxis, GeneSpace, torch.nn.Module, ModuleType, type)


def held_bytes(*things: Any, seen: set[int] | None = None) -> int:
    """Return the bytes of memory that things hold together.

    Parameters
    ----------
    things : object
        Values, dataclasses, containers, arrays, tables; functions count with what they close over.
    seen : set of int, optional
        Identities that are counted already, or elsewhere; what is counted here is added.

    Notes
    -----
    Of an array that is a view, the whole memory counts that it keeps alive. A table's text counts with the references
    to it but without Python's objects, which are mostly shared.
    """
    seen = set() if seen is None else seen
    total, waiting = 0, list(things)
    # Without recursion: nothing that a user brings can nest too deep.
    while waiting:
        one = waiting.pop()
        if one is None or isinstance(one, _SHARED) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            if isinstance(one.base, np.ndarray):
                waiting.append(one.base)
            else:
                total += one.nbytes
        elif isinstance(one, torch.Tensor):
            total += one.untyped_storage().nbytes()
        elif isinstance(one, (pd.DataFrame, pd.Series, pd.Index)):
            used = one.memory_usage(index=True) if isinstance(one, pd.DataFrame) else one.memory_usage()
            total += int(np.sum(used))
        else:
            total += sys.getsizeof(one)
            waiting += _inside(one)
    return total


def _inside(one: Any) -> list[Any]:
    """Return what an object leads to."""
    if isinstance(one, Mapping):
        return [*one.keys(), *one.values()]
    if isinstance(one, (list, tuple, Set)):
        return list(one)
    if isinstance(one, FunctionType):
        return [
            *(one.__defaults__ or ()),
            *(cell.cell_contents for cell in one.__closure__ or () if cell != CellType()),
        ]
    if isinstance(one, Job):
        return list(one.holds)
    if is_dataclass(one):
        # Values that were computed once lie beside the fields.
        named = [getattr(one, field.name, None) for field in fields(one)]
        return named + list(getattr(one, "__dict__", {}).values())
    return list(getattr(one, "__dict__", {}).values())
