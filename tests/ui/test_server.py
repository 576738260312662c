"""What the server does before its first visitor: it asks nobody, hands memory back, and imports ahead."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from cellstate.ui import server
from tests.browser.serving import serve

#: Threads that take and free memory as pages do. First something large, which teaches the C library to keep more; then
#: 12 MB in each thread, all at once so that each has a heap of its own. Prints how many MB of these are left when they
#: are freed, while the threads still live: the heap of a thread that ended may serve the next one, or not.
_KEPT = """
import sys, threading
import numpy as np
from cellstate.ui.server import keep_little
def resident():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000
if sys.argv[1] == "little":
    keep_little()
np.ones(20_000_000, np.uint8)
together = threading.Barrier(9)
def work():
    together.wait()
    piece = np.ones(12_000_000, np.uint8)
    together.wait()
    del piece
    together.wait()
    together.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
before = resident()
for _ in range(3):
    together.wait()
print(resident() - before)
together.wait()
"""


def test_a_page_elsewhere_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    with serve(tmp_path) as served:
        address = f"ws://{urlsplit(served.address).netloc}/_stcore/stream"
        with pytest.raises(InvalidStatus, match="403"), connect(address, origin=Origin("http://elsewhere.example")):
            pass
        assert served.wrong() == []
        assert {*served.told("socket.getaddrinfo", "socket.gethostbyname")} <= {urlsplit(served.address).hostname}
        with connect(address, origin=Origin(served.address)):
            pass


def kept_mb(how: str) -> float:
    command = [sys.executable, "-c", _KEPT, how]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is about the C library of Linux")
def test_memory_of_threads_goes_back() -> None:
    assert kept_mb("little") < 6
    assert kept_mb("as it is") > 60, "the C library keeps nothing by itself: keep_little is not needed any more"


def test_imports_ahead_and_leaves_the_collector_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_NOBODY_S", 0)
    frozen = gc.get_freeze_count()
    try:
        server._import_ahead()
        assert gc.get_freeze_count() > frozen and gc.isenabled()
    finally:
        gc.unfreeze()


def test_the_first_page_waits_for_nothing_that_only_others_need() -> None:
    first = ", ".join(server._FIRST_PAGE)
    command = f"import sys, {first}; print(*({{'sklearn', 'scipy.stats', 'gseapy', 'anndata'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_rest_is_imported_once_the_first_page_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = threading.Event()
    imported: list[str] = []
    monkeypatch.setattr(server, "first_drawn", drawn)
    monkeypatch.setattr(server, "import_module", imported.append)
    ahead = threading.Thread(target=server._import_ahead)
    ahead.start()
    ahead.join(0.3)
    try:
        assert imported == [*server._FIRST_PAGE] and gc.isenabled()
    finally:
        drawn.set()
        ahead.join()
        gc.unfreeze()
    assert imported == [*server._FIRST_PAGE, *server._OTHER_PAGES]


def test_a_module_that_cannot_be_imported_leaves_the_collector_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_FIRST_PAGE", ("cellstate.ui.nowhere",))
    with pytest.raises(ModuleNotFoundError):
        server._import_ahead()
    assert gc.isenabled()
