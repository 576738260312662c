"""One watched server and one watched Chromium for every browser test, pages in it, and pictures of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from functools import partial

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect

from tests.e2e.netlog import places_asked
from tests.e2e.serving import Server, serve
from tests.e2e.steps import ARTIFACTS, HEIGHT, N_PAGES, PATIENCE_MS, WIDTH

_FAILED = pytest.StashKey[bool]()
#: So late each answer of the server comes: a test that takes the page before it for the one after fails every time.
_SLOW_LINE_MS = int(os.environ.get("CELLSTATE_SLOW_LINE_MS", "0"))
_SLOW_LINE = f"""{{
  const listen = WebSocket.prototype.addEventListener;
  WebSocket.prototype.addEventListener = function (type, heard, ...rest) {{
    const late = (event) => setTimeout(() => heard(event), {_SLOW_LINE_MS});
    return listen.call(this, type, type === "message" ? late : heard, ...rest);
  }};
}}"""


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app's server, which in the whole run asks nobody and writes nothing but what is named in `serving`."""
    with serve(tmp_path_factory.mktemp("server")) as server:
        yield server
        # Not of one test alone, but of all that were run.
        assert server.wrong() == []


@pytest.fixture(scope="session")
def server(serving: Server) -> str:
    """The address of the app."""
    return serving.address


@pytest.fixture(scope="session")
def chromium(
    start_chromium: Callable[..., Browser], serving: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """One headless Chromium; by its own network log, its pages ask nobody but the app's server in the whole run."""
    log = tmp_path_factory.mktemp("chromium") / "net.json"
    browser = start_chromium(f"--log-net-log={log}")
    expect.set_options(timeout=PATIENCE_MS)
    yield browser
    browser.close()
    assert places_asked(log) == {serving.address.removeprefix("http://")}


@pytest.fixture(scope="session")
def first_heading(server: str, chromium: Browser) -> str:
    """What the server's very first visitor found, who came in by another address than that of the home page."""
    page = chromium.new_page()
    page.goto(f"{server}/model")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_be_visible()
    expect(page.get_by_test_id("stTopNavLink")).to_have_count(N_PAGES)
    said = heading.inner_text()
    page.close()
    return said


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know that their test has failed."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture
def visitor(
    request: pytest.FixtureRequest, server: str, chromium: Browser, first_heading: str
) -> Iterator[Callable[..., Page]]:
    """Open a page as a new visitor, on the home page or at another address; options are those of a browser context.

    A dialog, or a request to anyone but the server, fails the test. What the server sends is put into ``heard``. Of a
    test that failed, a picture and the text of each page are kept.
    """
    contexts: list[BrowserContext] = []
    outside: list[str] = []

    def come(address: str = "", heard: list[bytes] | None = None, **options) -> Page:
        context = chromium.new_context(**{"viewport": {"width": WIDTH, "height": HEIGHT}} | options)
        contexts.append(context)
        if _SLOW_LINE_MS:
            context.add_init_script(_SLOW_LINE)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        known = (server, "ws" + server.removeprefix("http"), "data:", "blob:")
        context.on("request", lambda r: None if r.url.startswith(known) else outside.append(r.url))
        page.on("websocket", lambda w: None if w.url.startswith(known) else outside.append(w.url))
        if heard is not None:
            hear = partial(_hear, heard)
            page.on("websocket", lambda w: w.on("framereceived", hear))
        context.on("serviceworker", lambda worker: outside.append(f"service worker {worker.url}"))
        page.on("dialog", partial(_refuse, outside))
        page.goto(server + address)
        return page

    yield come
    if request.node.stash.get(_FAILED, False):
        for number, page in enumerate(page for context in contexts for page in context.pages):
            ARTIFACTS.mkdir(exist_ok=True)
            page.screenshot(path=ARTIFACTS / f"failed-{request.node.name}-{number}.png")
            print(f"{page.url} says:\n{page.inner_text('body')}")
    for context in contexts:
        context.close()
    assert outside == []


def _refuse(outside: list[str], dialog: Dialog) -> None:
    outside.append(f"dialog {dialog.message}")
    dialog.dismiss()


def _hear(heard: list[bytes], data: str | bytes) -> None:
    heard.append(data.encode() if isinstance(data, str) else data)


@pytest.fixture
def page(visitor: Callable[..., Page]) -> Page:
    """A browser page on the home page."""
    return visitor()
