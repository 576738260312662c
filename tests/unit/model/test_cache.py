"""What is worked out once a model: once also for many threads, and gone with the model."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from cellstate.model import Model
from cellstate.model.folder import cached_per_model


def test_it_is_made_once_for_many_threads_and_again_for_another_model(small_model: Model) -> None:
    made = []

    @cached_per_model
    def count(model: Model) -> int:
        made.append(model.stamp)
        return len(made)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(count, [small_model] * 50)) == {1}
    assert count(replace(small_model)) == 2 and len(made) == 2


def test_it_goes_with_its_model(small_model: Model) -> None:
    @cached_per_model
    def values(model: Model) -> np.ndarray:
        return np.zeros(len(model.space))

    model = replace(small_model)
    kept = weakref.ref(values(model))
    assert kept() is values(model)
    del model
    gc.collect()
    assert kept() is None
