"""What something costs: time as the median of repeated calls, since machines are noisy, and memory of a process."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import torch

from cellstate.files import resource_path

REPEATS = 7
Result = TypeVar("Result")


def median_time(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median time of repeated calls in seconds, after one that is not counted."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def peak_resident(process: int | str = "self") -> int:
    """Highest resident memory of a process so far in bytes, mapped weights and the interpreter included.

    Raises
    ------
    OSError, StopIteration
        The process, named by its id, has ended.
    """
    with open(f"/proc/{process}/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def peak_memory(device: torch.device) -> int:
    """Most memory of a device that this process has used so far in bytes; on a CPU its resident memory."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_resident()


def finished(device: torch.device, result: Result) -> Result:
    """Return a result once the device has computed it: a GPU answers calls before it has done their work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return result


def in_a_process(module: str, *arguments: object, timeout: float | None = None) -> dict[str, float]:
    """Run a module in a fresh process, whose memory is its own; returns the JSON document that it prints last.

    Raises
    ------
    subprocess.SubprocessError
        When it fails, or takes longer than ``timeout`` in seconds.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=resource_path(), timeout=timeout)
    return json.loads(done.stdout.splitlines()[-1])
