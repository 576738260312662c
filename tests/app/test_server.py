"""What the server does before its first visitor: it asks nobody, and imports ahead."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from cellstate.ui.runtime import server
from tests.e2e.serving import serve


def test_a_page_elsewhere_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    with serve(tmp_path) as served:
        address = f"ws://{urlsplit(served.address).netloc}/_stcore/stream"
        with pytest.raises(InvalidStatus, match="403"), connect(address, origin=Origin("http://elsewhere.example")):
            pass
        assert served.wrong() == []
        assert {*served.told("socket.getaddrinfo", "socket.gethostbyname")} <= {urlsplit(served.address).hostname}
        with connect(address, origin=Origin(served.address)):
            pass


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
        assert imported == [*server._FIRST_PAGE]
    finally:
        drawn.set()
        ahead.join()
    assert imported == [*server._FIRST_PAGE, *server._OTHER_PAGES]
