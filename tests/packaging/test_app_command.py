"""`cellstate app`, started for real: it ends with its process, and reports a port that is in use."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from benchmarks.app_client import Client

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_S = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def started(port: int, folder: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Start a server outside of the checkout, and wait until it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=PATIENCE_S).close()
                break
            except URLError:
                continue
        yield process
    finally:
        process.kill()
        process.communicate()


def app(port: int | str, *more: str) -> tuple[str, ...]:
    return "cellstate.cli", "app", "--port", str(port), *more


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_with_its_connections(stop: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    with started(port, tmp_path, *app(port, "--json")) as process:
        assert process.poll() is None and process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"url": f"http://127.0.0.1:{port}"}
        address = f"127.0.0.1:{port}"
        with connect(f"ws://{address}/_stcore/stream", origin=Origin(f"http://{address}")):
            process.send_signal(stop)
            process.wait(PATIENCE_S)
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
            probe.connect(("127.0.0.1", port))


def test_a_port_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for port in (taken.getsockname()[1], 99_999, "many"):
            done = subprocess.run(
                [sys.executable, "-m", *app(port)],
                cwd=tmp_path,
                env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
            )
            assert done.returncode == 2 and done.stdout == "" and str(port) in done.stderr
            assert "Traceback" not in done.stderr


@pytest.mark.parametrize("by", ["cellstate", "streamlit"])
def test_the_first_visitor_of_a_server_may_open_any_page(by: str, tmp_path: Path) -> None:
    port = free_port()
    by_streamlit = ("streamlit", "run", str(REPOSITORY / "app.py"), f"--server.port={port}", "--server.headless=true")
    with started(port, tmp_path, *(app(port) if by == "cellstate" else by_streamlit)):
        with Client(port, page="workbench") as client:
            assert client.titles() == ["Workbench"] and client.has("load-example")
            # The strip is there, so the page was drawn by app.py.
            assert "No sample" in client.words()
        with Client(port, page="perturb", query="v=1&edits=TP53=ko") as client:
            assert client.titles() == ["Workbench"]
            assert "TP53 knocked out" in client.words() and not client.errors()
        for old, title in (("home", "Predict"), ("model", "Evidence"), ("regulators", "Candidates")):
            with Client(port, page=old) as client:
                assert client.titles()[0].startswith(title) and not client.errors()
