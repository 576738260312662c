"""How many threads linear algebra takes."""

from __future__ import annotations

import os

#: Environment variables that name a number of threads for OpenBLAS, the first of them first.
_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")


def one_thread_for_numpy() -> None:
    """Let numpy's linear algebra take one thread, unless the environment names a number.

    Call it before numpy is imported. The matrices of one prediction are small, and threads of OpenBLAS that wait for
    one another spin: where other programs or users want the processors, a prediction takes several times as long.
    Torch, which the large products of a search go through, keeps its threads.
    """
    if not any(os.environ.get(name) for name in _VARIABLES):
        os.environ[_VARIABLES[0]] = "1"
