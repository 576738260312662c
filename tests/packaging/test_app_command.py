"""`cellstate app`, started for real: it ends with its process, finds a free port, opens
the browser, and reports a port that is in use."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from benchmarks.app_client import Client
from cellstate.errors import CellStateError
from cellstate.ui.runtime import server
from cellstate.ui.runtime.server import FIRST_PORT, PORTS_TRIED, _is_free
from cellstate.ui.runtime.server import free_port as free_port_of_app
from tests.e2e.serving import REPOSITORY, wait_for

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
        wait_for(f"http://127.0.0.1:{port}", process)
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(is_true: Callable[[], bool], patience_s: float) -> bool:
    end = time.monotonic() + patience_s
    while not is_true() and time.monotonic() < end:
        time.sleep(0.05)
    return is_true()


def app(port: int | str, *more: str) -> tuple[str, ...]:
    return "cellstate.cli", "app", "--no-browser", "--port", str(port), *more


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


def test_without_a_port_the_first_free_one_is_served_and_opened_in_the_browser(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:  # whoever has it, it is in use
            taken.bind(("127.0.0.1", FIRST_PORT))
            taken.listen()
        except OSError:
            assert not _is_free(FIRST_PORT)
        browser, opened = tmp_path / "browser", tmp_path / "opened"
        browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
        browser.chmod(0o755)
        environment = {name: value for name, value in os.environ.items() if name != "PORT"}
        with subprocess.Popen(
            [sys.executable, "-m", "cellstate.cli", "app"],
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(REPOSITORY), "BROWSER": f"{browser} %s"},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                url = process.stdout.readline().split()[1]
                assert FIRST_PORT < int(url.rpartition(":")[2]) < FIRST_PORT + PORTS_TRIED
                wait_for(url, process)
                assert wait_until(lambda: opened.is_file() and opened.read_text() == f"{url}\n", PATIENCE_S)
            finally:
                process.kill()


def test_ports_that_are_all_in_use_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_is_free", lambda _port: False)
    with pytest.raises(CellStateError, match=str(FIRST_PORT)):
        free_port_of_app()


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
