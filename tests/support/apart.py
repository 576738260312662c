"""Functions that behave in a reader process as damaged and hostile files make libraries behave."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import cast

import numpy as np

from cellstate.errors import GeneError
from cellstate.expression.reading import ReadReport, ReadWarning
from cellstate.genes import N_AXIS
from cellstate.io import ProgressCallback
from cellstate.samples import Samples


def echo(source: bytes, *, name: str) -> tuple[bytes, str]:
    return source, name


def samples(n: int) -> Samples:
    tpm_SA = np.arange(n * N_AXIS, dtype=np.float32).reshape(n, N_AXIS)
    tpm_SA[0, 0] = np.nan
    report = ReadReport("a.csv", warnings=(ReadWarning("Shallow.", "low_depth"),))
    return Samples(tuple(f"S{i}" for i in range(n)), tpm_SA, np.full(n, np.nan), report)


def loops(source: bytes) -> bool:
    """Never end, in C, with the interpreter's lock."""
    return "a" in itertools.repeat("b")


def sleeps(source: bytes, *, progress: ProgressCallback | None = None) -> None:
    if progress is not None:
        progress("Reading the table", 0.5)
    time.sleep(3600)


def crashes(source: bytes) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def takes_memory(source: bytes) -> int:
    return len(bytearray(10**13))


def errs(source: bytes) -> float:
    return 1 / len(source[:0])


def refuses(source: bytes) -> None:
    raise GeneError("a sentence", "a hint", code="a_code")


def answers_otherwise(source: bytes) -> int:
    """Return something else than it says."""
    return cast(int, "text")


def number(source: bytes = b"") -> int:
    return os.getpid()


def modules(source: bytes = b"") -> list[str]:
    return sorted(sys.modules)


def environment() -> dict[str, str]:
    return dict(os.environ)


def writes(path: Path) -> None:
    path.write_text("patient")


def connects(port: int) -> bool:
    """Return whether a connection to this machine comes about."""
    with socket.socket() as connection:
        connection.settimeout(5)
        return connection.connect_ex(("127.0.0.1", port)) == 0
