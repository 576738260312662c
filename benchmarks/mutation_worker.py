"""A process that runs tests in a copy of the tree, each time in a fork of itself.

What takes long to load, the libraries, is loaded once and before any fork; the package and its tests are loaded in each
fork, so that a fault in a file is what is run. No bytecode is written, and what is there is found by content.

Requests and answers are lines of JSON on standard input and output.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any

LIBRARIES = (
    "numpy", "scipy.sparse", "scipy.stats", "scipy.spatial", "pandas", "h5py", "anndata", "sklearn.linear_model",
    "torch", "safetensors.torch", "msgspec", "pytest", "hypothesis", "hypothesis.extra.numpy",
)  # fmt: skip
#: Address space of a fork and of what it starts; a fault that would fill the memory ends in an error.
ROOM_BYTES = 16 * 2**30
#: Exit statuses of pytest that mean that it noticed: a failed test, and an error outside a test, such as an import.
_NOTICED = (1, 2)
KILLED, SURVIVED, BROKEN, TIMED_OUT = "killed", "survived", "broken", "timed out"


def main() -> None:
    """Answer requests until standard input ends."""
    sys.dont_write_bytecode = True
    for name in LIBRARIES:
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    # What the tests print is not an answer.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Run tests in a fork.

    Parameters
    ----------
    request : dict
        ``tests``: paths, run in this order until the first failure; ``cpu_s``: processor time, after three times that
        on the clock the fork is ended; ``basetemp``: folder of temporary files.

    Returns
    -------
    dict
        ``result``, and ``seconds`` of processor time.
    """
    ours, theirs = os.pipe()
    process = os.fork()
    if not process:
        os.close(ours)
        _run(request, theirs)
    os.close(theirs)
    sent, timed_out = _read(ours, process, 3 * request["cpu_s"] + 30)
    # The tests may have started processes of their own: the whole group ends.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    _, status, used = os.wait4(process, 0)
    if timed_out or (not sent and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU):
        result = TIMED_OUT
    else:
        # A process that died said nothing: no test passes so.
        result = {0: SURVIVED, **dict.fromkeys(_NOTICED, KILLED)}.get(int(sent or _NOTICED[0]), BROKEN)
    return {"result": result, "seconds": used.ru_utime + used.ru_stime}


def _read(pipe: int, process: int, patience_s: float) -> tuple[bytes, bool]:
    """Return the line that a fork sent, empty where it died before, and whether the time was over."""
    sent, end = b"", time.monotonic() + patience_s
    with os.fdopen(pipe, "rb", buffering=0) as stream:
        while time.monotonic() < end:
            if select.select([stream], [], [], 0.1)[0]:
                piece = stream.read(65536)
                sent += piece
                if not piece or piece.endswith(b"\n"):
                    return sent, False
            # A process that the tests left behind may hold the pipe open.
            elif os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return sent, False
    return b"", True


def _run(request: dict[str, Any], pipe: int) -> None:
    """Run the tests and end this process."""
    import pytest

    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    seconds = int(request["cpu_s"]) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (ROOM_BYTES, ROOM_BYTES))
    options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", f"--basetemp={request['basetemp']}"]
    # Some libraries are plugins of pytest too, and loaded already.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    status = int(pytest.main([*options, *request["tests"]]))
    os.write(pipe, b"%d\n" % status)
    os._exit(0)


if __name__ == "__main__":
    main()
