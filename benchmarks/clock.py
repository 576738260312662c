"""What something costs: time as the median of repeated calls, since machines are noisy, and memory of a process."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from cellstate.resources import resource_path

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


def in_a_process(module: str, *arguments: object) -> dict[str, float]:
    """Run a module in a fresh process, whose memory is its own; returns the JSON document that it prints last."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=resource_path())
    return json.loads(done.stdout.splitlines()[-1])
