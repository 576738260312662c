"""Several users of one real server: leaving the line, and what is left of a user who closed the tab."""

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


def anew(one: Client) -> str:
    """What the page says once it is drawn anew."""
    one.rerun()
    return one.words()


def test_a_user_waits_leaves_and_asks_again(port: int) -> None:
    with Client(port) as one, Client(port) as other:
        one.click("hold")
        other.click("compute", wait=False)
        # The button comes after the words.
        other.read(lambda: "you are next" in other.words() and other.has("leave-the-line"))
        other.click("leave-the-line")
        assert ["You left the line" in error for error in other.errors()] == [True]
        assert not other.has("leave-the-line") and "It was computed" not in other.words()
        one.rerun()
        assert "waiting 0" in one.words()
        # Asking again leads to the line again, and in the end to the answer.
        other.click("try-again", wait=False)
        other.read(lambda: "you are next" in other.words())
        one.click("release")
        other.settle()
        assert "It was computed" in other.words()
        assert not other.errors() and not other.has("leave-the-line")


def test_who_closes_the_tab_leaves_the_line(port: int) -> None:
    with Client(port) as one:
        one.click("hold")
        with Client(port) as other:
            other.click("compute", wait=False)
            other.read(lambda: "you are next" in other.words())
        until(lambda: "waiting 0" in anew(one))
        one.click("release")


def test_of_a_user_who_left_nothing_is_left(port: int) -> None:
    with Client(port) as one:
        until(lambda: "sessions 1," in anew(one))
        other = Client(port)
        other.click("bring")
        assert "sessions 2, searches 1" in other.words()
        other.close()
        until(lambda: "sessions 1, searches 0" in anew(one))


def test_the_last_user_is_forgotten_too(port: int) -> None:
    with Client(port) as alone:
        alone.click("bring")
    with Client(port) as next_one:
        # Nobody leaves meanwhile: Streamlit itself would keep what is there.
        until(lambda: "sessions 1, searches 0" in anew(next_one))
