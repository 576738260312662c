"""The app's server as a process of its own, and what it costs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cellstate.resources import resource_path

_START_S = 120
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A server that runs; ``started`` is when its process was, on the monotonic clock."""

    port: int
    pid: int
    started: float

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.port}"

    def resident_bytes(self) -> int:
        """Resident memory of the process."""
        with open(f"/proc/{self.pid}/status") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))

    def processor_s(self) -> float:
        """Processor time that all of its threads took so far."""
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def serving(*, kept_s: int | None = None, wait: bool = True) -> Iterator[Server]:
    """Serve the app on a free port, as `cellstate app` does, until the block ends.

    Parameters
    ----------
    kept_s : int, optional
        Seconds for which the session of a closed tab is kept; default: as the app has it.
    wait : bool
        Until it answers.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "cellstate.cli", "app", "--no-browser", "--port", str(port)]
    environment = dict(os.environ)
    if kept_s is not None:
        environment["STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL"] = str(kept_s)
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=resource_path(), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    server = Server(port, process.pid, started)
    try:
        if wait:
            wait_for(server)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(server: Server) -> None:
    """Wait until a server answers."""
    while time.monotonic() - server.started < _START_S:
        try:
            with urllib.request.urlopen(f"{server.address}/_stcore/health", timeout=2):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.02)
    raise TimeoutError(f"The server did not answer within {_START_S} s.")


class Health:
    """Asks a server for its health until it is stopped: the longest wait, and how often no answer came."""

    def __init__(self, server: Server) -> None:
        self.longest_s, self.n_unanswered = 0.0, 0
        self._url, self._stop = f"{server.address}/_stcore/health", threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Health:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._stop.wait(0.1):
            start = time.monotonic()
            try:
                urllib.request.urlopen(self._url, timeout=60).close()
            except OSError:
                self.n_unanswered += 1
            self.longest_s = max(self.longest_s, time.monotonic() - start)
