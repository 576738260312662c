"""What is worked out once a model, and goes with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from cellstate.model.folder import Model

Result = TypeVar("Result")


def once_a_model(make: Callable[[Model], Result]) -> Callable[[Model], Result]:
    """Keep what a function makes of a model for as long as the model is there.

    The result must not refer to the model, or both would stay for good. Threads that ask at once wait for the first.
    """
    kept: WeakKeyDictionary[Model, Result] = WeakKeyDictionary()
    lock = threading.RLock()

    @wraps(make)
    def once(model: Model) -> Result:
        with lock:
            if model not in kept:
                kept[model] = make(model)
            return kept[model]

    return once
