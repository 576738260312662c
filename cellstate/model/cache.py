"""Per-model cache, freed with the model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from cellstate.model.folder import Model

Result = TypeVar("Result")


def cached_per_model(compute: Callable[[Model], Result]) -> Callable[[Model], Result]:
    """Keep what a function computes from a model for as long as the model exists.

    The result must not refer to the model, or neither would ever be freed. Threads that ask at once wait for the first.
    """
    cache: WeakKeyDictionary[Model, Result] = WeakKeyDictionary()
    lock = threading.RLock()

    @wraps(compute)
    def cached(model: Model) -> Result:
        with lock:
            if model not in cache:
                cache[model] = compute(model)
            return cache[model]

    return cached
