"""Several users of one real server: cancelled waits, and the data of a user who closed the tab."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.app_client import Client

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_S = 60


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server of `tests.app.many_page`, which keeps a closed tab for two seconds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "tests/app/many_page.py", f"--server.port={port}"]
    command += ["--server.headless=true", "--server.address=127.0.0.1", "--server.disconnectedSessionTTL=100"]
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: answers(port))
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
            return True
    except OSError:
        return False


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        # To look at the page costs its server a whole collection of garbage.
        time.sleep(0.2)


def redrawn(client: Client) -> str:
    """Return every text of the page once it is drawn again."""
    client.rerun()
    return client.words()


def test_a_user_waits_cancels_and_tries_again(port: int) -> None:
    with Client(port) as one, Client(port) as other:
        one.click("hold")
        other.click("compute", wait=False)
        # The button comes after the words.
        other.read(lambda: "you are next" in other.words() and other.has("cancel-waiting"))
        other.click("cancel-waiting")
        assert len(other.errors()) == 1
        assert not other.has("cancel-waiting") and "It was computed" not in other.words()
        one.rerun()
        assert "waiting 0" in one.words()
        other.click("try-again", wait=False)
        other.read(lambda: "you are next" in other.words())
        one.click("release")
        other.settle()
        assert "It was computed" in other.words()
        assert not other.errors() and not other.has("cancel-waiting")


def test_a_closed_tab_leaves_the_queue(port: int) -> None:
    with Client(port) as one:
        one.click("hold")
        with Client(port) as other:
            other.click("compute", wait=False)
            other.read(lambda: "you are next" in other.words())
        until(lambda: "waiting 0" in redrawn(one))
        one.click("release")


def test_the_data_of_a_closed_tab_is_deleted(port: int) -> None:
    with Client(port) as one:
        until(lambda: "sessions 1," in redrawn(one))
        other = Client(port)
        other.click("load")
        assert "sessions 2, searches 1" in other.words()
        other.close()
        until(lambda: "sessions 1, searches 0" in redrawn(one))


def test_the_last_users_data_is_deleted_too(port: int) -> None:
    with Client(port) as alone:
        alone.click("load")
    with Client(port) as next_one:
        # Nobody leaves meanwhile: Streamlit itself would keep what is there.
        until(lambda: "sessions 1, searches 0" in redrawn(next_one))
