"""Limits of memory, for one user and for all users together, and of the duration of a search.

Environment variables set other limits: ``CELLSTATE_SESSION_MB``, ``CELLSTATE_SERVER_MB``, ``CELLSTATE_RUN_MINUTES``.
"""

from __future__ import annotations

import logging
import math
import os
from functools import lru_cache
from pathlib import Path

SESSION_VARIABLE, SERVER_VARIABLE, RUN_VARIABLE = "CELLSTATE_SESSION_MB", "CELLSTATE_SERVER_MB", "CELLSTATE_RUN_MINUTES"
SESSION_MB, RUN_MINUTES = 1_500.0, 120.0
#: Share of the machine's memory that all users' data may take; the rest is for the model and for work.
SERVER_SHARE = 0.4
MB = 1_000_000
_log = logging.getLogger("cellstate.app")
#: Files that hold a container's memory limit.
_CONTAINER = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def session_bytes() -> float:
    """Return the memory limit of one user's data."""
    return _setting(SESSION_VARIABLE, SESSION_MB) * MB


def server_bytes() -> float:
    """Return the memory limit of all users' data."""
    return _setting(SERVER_VARIABLE, SERVER_SHARE * machine_bytes() / MB) * MB


def run_seconds() -> float:
    """Return the longest duration of a search."""
    return _setting(RUN_VARIABLE, RUN_MINUTES) * 60


def machine_bytes() -> int:
    """Return the memory of this machine, or the limit of its container."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _CONTAINER:
        try:
            sizes.append(int(path.read_text()))
        except (OSError, ValueError):  # no container, or one without a limit: "max"
            continue
    return min(sizes)


def _setting(variable: str, default: float) -> float:
    return _number(variable, os.environ.get(variable, ""), default)


@lru_cache(maxsize=8)
def _number(variable: str, text: str, default: float) -> float:
    """Return a setting as a number; one that is none is logged once."""
    try:
        value = float(text or default)
    except ValueError:
        value = math.nan
    if value > 0:
        return value
    _log.warning("%s is not a number above zero; %g is used.", variable, default)
    return default
