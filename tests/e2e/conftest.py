"""One recorded server and one recorded Chromium for every browser test."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect

from tests.e2e.netlog import requested_hosts
from tests.e2e.serving import Server, serve
from tests.e2e.steps import ARTIFACTS, HEIGHT, PAGES, PATIENCE_MS, WIDTH

_FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app's server; in the whole run it does only what `serving` allows."""
    with serve(tmp_path_factory.mktemp("server")) as server:
        yield server
        assert server.wrong() == []


@pytest.fixture(scope="session")
def server(serving: Server) -> str:
    """The address of the app."""
    return serving.address


@pytest.fixture(scope="session")
def chromium(
    start_chromium: Callable[..., Browser], serving: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """One headless Chromium; by its network log, its pages request nothing but the app's server in the whole run."""
    log = tmp_path_factory.mktemp("chromium") / "net.json"
    browser = start_chromium(f"--log-net-log={log}")
    expect.set_options(timeout=PATIENCE_MS)
    yield browser
    browser.close()
    assert requested_hosts(log) == {serving.address.removeprefix("http://")}


@pytest.fixture(scope="session")
def first_heading(server: str, chromium: Browser) -> str:
    """The heading that the server's very first visitor sees, at an address other than the home page's."""
    page = chromium.new_page()
    page.goto(f"{server}/workbench")
    expect(page.get_by_test_id("stTopNavLink")).to_have_count(len(PAGES))
    heading = page.get_by_role("heading", level=1).inner_text()
    page.close()
    return heading


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Record for fixtures that their test has failed."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture
def visitor(
    request: pytest.FixtureRequest, server: str, chromium: Browser, first_heading: str
) -> Iterator[Callable[..., Page]]:
    """Open a page as a new visitor, at an address; options are those of a browser context.

    A dialog, a request to another server, or anything that the app's own policy refuses, fails the test. What the
    server sends is put into ``received``. Of a test that failed, a picture and the text of each page are kept.
    """
    contexts: list[BrowserContext] = []
    outside: list[str] = []

    def visit(address: str = "", received: list[bytes] | None = None, **options) -> Page:
        context = chromium.new_context(**{"viewport": {"width": WIDTH, "height": HEIGHT}} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        known = (server, "ws" + server.removeprefix("http"), "data:", "blob:")
        context.on("request", lambda r: None if r.url.startswith(known) else outside.append(r.url))
        page.on("websocket", lambda w: None if w.url.startswith(known) else outside.append(w.url))
        if received is not None:
            receive = partial(_receive, received)
            page.on("websocket", lambda w: w.on("framereceived", receive))
        context.on("serviceworker", lambda worker: outside.append(f"service worker {worker.url}"))
        page.on("dialog", partial(_dismiss, outside))
        page.on("console", lambda m: outside.append(m.text) if "Content Security Policy" in m.text else None)
        page.goto(server + address)
        return page

    yield visit
    if request.node.stash.get(_FAILED, False):
        for number, page in enumerate(page for context in contexts for page in context.pages):
            ARTIFACTS.mkdir(exist_ok=True)
            page.screenshot(path=ARTIFACTS / f"failed-{request.node.name}-{number}.png")
            print(f"{page.url} shows:\n{page.inner_text('body')}")
    for context in contexts:
        context.close()
    assert outside == []


def _dismiss(outside: list[str], dialog: Dialog) -> None:
    outside.append(f"dialog {dialog.message}")
    dialog.dismiss()


def _receive(received: list[bytes], data: str | bytes) -> None:
    received.append(data.encode() if isinstance(data, str) else data)


@pytest.fixture
def page(visitor: Callable[..., Page]) -> Page:
    """A browser page on the home page."""
    return visitor()
