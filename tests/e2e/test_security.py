"""What a page of another site, and another browser, cannot do with the app."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.serving import serve
from tests.e2e.steps import (
    PATIENCE_MS,
    a_file,
    button,
    delete_data,
    drop_file,
    knock_out,
    open_page,
    saved,
    settle,
    sound,
    try_example,
    views,
)

pytestmark = [pytest.mark.browser]
SENT_BYTES = 3_000_000


@contextmanager
def other_site(address: str) -> Iterator[str]:
    """Serve a page of another origin that frames the app; yields its address."""
    page = f'<!doctype html><title>other</title><iframe name="app" src="{address}/workbench"></iframe>'.encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_page_of_another_site_cannot_frame_the_app(start_chromium: Callable[..., Browser], tmp_path: Path) -> None:
    with serve(tmp_path) as server, other_site(server.address) as other:
        browser = start_chromium()
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        refusals: list[str] = []
        page.on("console", lambda message: refusals.append(message.text))
        page.goto(other)
        frame = page.frame("app")
        assert frame is not None
        frame.wait_for_load_state()
        # What the browser shows in place of a page that it refuses.
        assert frame.url.startswith("chrome-error:")
        assert any(re.search("frame-ancestors|X-Frame-Options", text) for text in refusals)
        assert frame.get_by_test_id("stApp").count() == 0
        browser.close()


def test_no_other_page_may_send_the_app_messages(page: Page, server: str) -> None:
    told = page.request.get(f"{server}/_stcore/host-config").json()
    assert told["allowedOrigins"] == [] and told["enableCustomParentMessages"] is False


def test_every_answer_has_the_headers(page: Page, server: str) -> None:
    for path in ("/", "/workbench", "/_stcore/health", "/media/none.csv", "/_stcore/upload_file/a/b", "/no/such"):
        headers = page.request.get(server + path).headers
        assert headers["x-frame-options"] == "DENY" and headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path


def test_every_page_works_within_the_policy(page: Page) -> None:
    """What the policy refuses fails the test in `visitor`; fonts are there, and nothing of the server's is refused."""
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    page.reload()
    try_example(page)
    knock_out(page, "p53", "TP53")
    for _ in views(page):
        sound(page)
    assert refused == []
    assert page.evaluate("document.fonts.check('16px \"Material Symbols Rounded\"')")


def test_a_link_to_a_file_serves_the_browser_whose_page_offers_it(page: Page, visitor: Callable[..., Page]) -> None:
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url) if "/media/" in request.url else None)
    try_example(page)
    knock_out(page, "p53", "TP53")
    _, data = saved(page, button(page, "download-shift"))
    address = addresses[-1]
    assert page.request.get(address).body() == data
    other = visitor("/workbench")
    settle(other)
    assert other.request.get(address).status == 403
    # It is of no use to whoever has neither.
    bare = other.context.browser.new_context()  # type: ignore[union-attr]
    assert bare.request.get(address).status == 403
    bare.close()


def test_an_upload_that_no_page_of_the_browser_asked_for_is_refused(page: Page, server: str) -> None:
    settle(page)
    token = next(one["value"] for one in page.context.cookies() if one["name"] == "_streamlit_xsrf")
    for tab in ("none", "00000000-0000-4000-8000-000000000000"):
        answer = page.request.put(
            f"{server}/_stcore/upload_file/{tab}/1",
            headers={"X-Xsrftoken": token},
            multipart={"file": {"name": "a.csv", "mimeType": "text/csv", "buffer": b"gene,A\nTP53,1\n"}},
        )
        assert answer.status == 403
    assert "No page" in answer.text() and json.dumps(token) not in answer.text()
    expect(page.get_by_test_id("stApp")).to_be_visible()


def test_deleted_data_takes_files_that_no_page_has_asked_for(page: Page, server: str) -> None:
    places: list[str] = []
    page.on("request", lambda request: places.append(request.url) if "/upload_file/" in request.url else None)
    open_page(page, "Workbench")
    drop_file(page, a_file("text.csv", b"gene,A\nTP53,many\n"))
    expect(page.get_by_text("text.csv could not be read")).to_be_visible()
    token = next(one["value"] for one in page.context.cookies() if one["name"] == "_streamlit_xsrf")
    sent = page.request.put(
        f"{places[0].rpartition('/')[0]}/more",
        headers={"X-Xsrftoken": token},
        multipart={"file": {"name": "a.csv", "mimeType": "text/csv", "buffer": b"1" * SENT_BYTES}},
    )
    assert sent.status == 204
    wait_until(page, lambda: stored_bytes(page, server) >= SENT_BYTES)
    delete_data(page)
    wait_until(page, lambda: stored_bytes(page, server) < SENT_BYTES)


def stored_bytes(page: Page, server: str) -> int:
    """Return how much the server keeps of uploads, by its own account, which it renews every few seconds."""
    text = page.request.get(f"{server}/_stcore/metrics").text()
    return sum(map(int, re.findall(r'cache_memory_bytes\{cache_type="UploadedFileManager".*\} (\d+)', text)))


def wait_until(page: Page, is_so: Callable[[], bool]) -> None:
    for _ in range(PATIENCE_MS // 500):
        if is_so():
            return
        page.wait_for_timeout(500)
    raise AssertionError("it does not come")
