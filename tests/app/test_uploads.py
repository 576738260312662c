"""Uploads are refused before they are taken: of strangers, beyond the limits, too many at once, too slow."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.app_client import Client
from cellstate.ui.runtime import limits, uploads
from cellstate.ui.runtime.uploads import GRACE_S, LEAST_RATE, MOST_OPEN, UploadLimits
from cellstate.ui.streamlit_compat import Visitor
from tests.e2e.serving import Server, serve
from tests.support.loops import run

TAB, FILE = "tab", "file"
ENOUGH = 10_000
MB = 1_000_000


class Browser:
    """A browser as the middleware sees it; stands for Streamlit, and for the app behind the middleware."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.user: dict = {}
        self.connected = {TAB}
        self.is_own = True
        self.stored: dict[str, list[int]] = {}
        self.dropped: list[tuple[str, str]] = []
        self.received = 0
        self.clock = 0.0
        monkeypatch.setattr(uploads, "visitor", self.visitor)
        monkeypatch.setattr(uploads, "stored_uploads", lambda: self.stored)
        monkeypatch.setattr(uploads, "drop_upload", lambda *file: self.dropped.append(file))
        monkeypatch.setattr(Visitor, "sent", lambda *_: self.is_own)

    def visitor(self, tab: str) -> Visitor | None:
        return Visitor(self.user, b"token") if tab in self.connected else None

    async def app(self, scope: dict, receive: Callable, send: Callable) -> None:
        while True:
            message = await receive()
            self.received += len(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def put(
        self, parts: list[bytes], *, size: int | None = None, between: Callable = lambda: None, **changes: object
    ) -> int:
        """Send a file in parts; returns the status of the answer."""
        size = sum(map(len, parts)) if size is None else size
        scope = {
            "type": "http", "method": "PUT", "path": f"/_stcore/upload_file/{TAB}/{FILE}",
            "headers": [(b"content-length", str(size).encode())],
        } | changes  # fmt: skip
        waiting, answers = list(parts), []

        async def receive() -> dict:
            between()
            await asyncio.sleep(0)
            part = waiting.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(waiting)}

        async def send(message: dict) -> None:
            answers.append(message)

        await UploadLimits(self.app, clock=lambda: self.clock)(scope, receive, send)
        return answers[0]["status"]


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    monkeypatch.setenv(limits.SESSION_VARIABLE, "1")
    monkeypatch.setenv(limits.SERVER_VARIABLE, "2")
    yield Browser(monkeypatch)
    assert not uploads._under_way


def test_an_upload_of_a_page_is_passed_on(browser: Browser) -> None:
    assert run(browser.put([b"a" * ENOUGH, b"b" * ENOUGH])) == 204
    assert browser.received == 2 * ENOUGH and browser.dropped == []


@pytest.mark.parametrize("why", ["unknown tab", "another browser", "not signed in"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_strangers_are_refused_before_anything_is_read(browser: Browser, why: str, method: str) -> None:
    if why == "unknown tab":
        browser.connected.clear()
    elif why == "another browser":
        browser.is_own = False
    else:
        browser.user = {"is_logged_in": False}
    assert run(browser.put([b"a"], method=method)) == 403
    assert browser.received == 0


def test_who_signed_in_may_send(browser: Browser) -> None:
    browser.user = {"is_logged_in": True}
    assert run(browser.put([b"a"])) == 204


@pytest.mark.parametrize("size, status", [(333_333, 204), (333_334, 413)])
def test_a_body_counts_three_times_while_it_arrives(browser: Browser, size: int, status: int) -> None:
    """The session may take a megabyte."""
    assert run(browser.put([b"a"], size=size)) == status


def test_what_is_stored_counts_for_a_session_and_for_all(browser: Browser) -> None:
    browser.stored = {TAB: [900_000]}
    assert run(browser.put([b"a"], size=33_333)) == 204
    assert run(browser.put([b"a"], size=33_334)) == 413
    # What others store counts for the server's two megabytes.
    browser.stored = {TAB: [500_000], "other": [1_000_000]}
    assert run(browser.put([b"a"], size=166_666)) == 204
    browser.stored["other"] += [1]
    assert run(browser.put([b"a"], size=166_666)) == 503


def test_many_tiny_files_are_not_free(browser: Browser) -> None:
    browser.stored = {TAB: [1] * 244}
    assert run(browser.put([b"a"])) == 413


@pytest.mark.parametrize("length", [b"", b"-1", b"1e3", b"9" * 30])
def test_a_body_without_a_size_is_refused(browser: Browser, length: bytes) -> None:
    assert run(browser.put([b"a"], headers=[(b"content-length", length)])) == 411
    assert run(browser.put([b"a"], headers=[(b"transfer-encoding", b"chunked")])) == 411


def test_so_many_are_under_way_at_once(browser: Browser) -> None:
    async def together() -> list[int]:
        return await asyncio.gather(*(browser.put([b"a", b"b"]) for _ in range(MOST_OPEN + 3)))

    assert sorted(run(together())) == [204] * MOST_OPEN + [429] * 3
    assert run(browser.put([b"a"])) == 204


def test_a_slow_body_is_ended(browser: Browser) -> None:
    def wait() -> None:
        browser.clock += GRACE_S / 4

    assert run(browser.put([b"a"] * 9, between=wait)) == 408
    assert browser.received <= 5
    # At the least rate it may take as long as it likes.
    part = b"a" * int(LEAST_RATE * GRACE_S / 4)
    os.environ[limits.SESSION_VARIABLE] = os.environ[limits.SERVER_VARIABLE] = "100"
    assert run(browser.put([part] * 9, between=wait)) == 204


def test_a_body_that_never_comes_is_ended(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "GRACE_S", 0.05)
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "PUT", "path": f"/_stcore/upload_file/{TAB}/{FILE}",
        "headers": [(b"content-length", b"9")],
    }  # fmt: skip
    run(UploadLimits(browser.app)(scope, asyncio.Event().wait, send))
    assert sent[0]["status"] == 408


def test_data_that_is_deleted_takes_uploads_that_arrive_with_it(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[str] = []
    monkeypatch.setattr(uploads, "browser_tab", lambda: TAB)
    monkeypatch.setattr(uploads, "drop_uploads_of", gone.append)
    assert run(browser.put([b"a", b"b"], between=uploads.drop_uploads)) == 409
    assert browser.received == 0 and browser.dropped == [(TAB, FILE)] and gone == [TAB]


def test_an_upload_of_a_session_that_ended_meanwhile_is_dropped(browser: Browser) -> None:
    assert run(browser.put([b"a", b"b"], between=browser.connected.clear)) == 204
    assert browser.dropped == [(TAB, FILE)]


def test_other_requests_pass(browser: Browser) -> None:
    browser.connected.clear()
    assert run(browser.put([b"a"], path="/_stcore/upload_file/a/b/c")) == 204
    assert run(browser.put([b"a"], method="OPTIONS")) == 204


def put(client: Client, name: str, data: bytes, tab: str = "") -> int:
    """Return the status of an upload to a tab, 0 where the server closed the connection on it."""
    head = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f.csv"\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x", "X-Xsrftoken": client._xsrf}
    place = f"/_stcore/upload_file/{tab or client.session_id}/{name}"
    with closing(http.client.HTTPConnection("127.0.0.1", client.port, timeout=60)) as connection:
        try:
            cookie = {"Cookie": f"_streamlit_xsrf={client._xsrf}"}
            connection.request("PUT", place, head + data + b"\r\n--x--\r\n", headers | cookie)
            return connection.getresponse().status
        except OSError:
            return 0


def port_of(server: Server) -> int:
    return int(server.address.rpartition(":")[2])


def resident_mb(server: Server, what: str = "VmRSS") -> float:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1000


@pytest.mark.slow
def test_a_flood_is_refused_beyond_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """400 MB are sent by ten at once, 100 are allowed; the most memory the server ever takes is bounded."""
    monkeypatch.setenv(limits.SESSION_VARIABLE, "100")
    # As in the image: what is free goes back, and does not count.
    for variable in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"):
        monkeypatch.setenv(variable, str(2**20))
    piece = b"1" * (10 * MB)
    with serve(tmp_path) as server, Client(port_of(server)) as client, Client(port_of(server)) as other:
        for page in ("workbench", "candidates", "validate"):
            client.go(page)
        assert put(client, "first", b"gene,A\n") == 204
        before = resident_mb(server)
        Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")
        answers: list[int] = []

        def flood(worker: int) -> None:
            answers.extend(put(client, f"{worker}-{number}", piece) for number in range(4))

        threads = [threading.Thread(target=flood, args=(worker,)) for worker in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(json.dumps({"before": before, "most": resident_mb(server, "VmHWM"), "answers": sorted(answers)}))
        assert 1 <= answers.count(204) <= 9 and set(answers) <= {204, 413, 429, 0}
        assert resident_mb(server, "VmHWM") <= before + 150
        # Another user's upload is not touched by it; one to another's tab is refused.
        assert put(other, "mine", b"gene,A\n") == 204
        assert put(other, "mine", b"gene,A\n", tab=client.session_id) == 403
        assert server.wrong() == []


@pytest.mark.slow
def test_nothing_is_taken_before_sign_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLSTATE_SIGN_IN", "required")
    with serve(tmp_path) as server, Client(port_of(server)) as client:
        assert put(client, "a", b"gene,A\n") == 403
