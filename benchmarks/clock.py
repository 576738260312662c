"""What something costs: time as the median of repeated calls, since machines are noisy, and memory."""

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


def peak_resident() -> int:
    """Highest resident memory of this process so far in bytes, mapped weights and the interpreter included."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
