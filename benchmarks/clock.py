"""How long something takes: the median of repeated calls, since machines are noisy."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

REPEATS = 7


def median_time(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median time of repeated calls in seconds, after one that is not counted."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
