"""How fast the app feels in a browser: the first page, another page, and a perturbation.

Each time is taken inside of Chromium, from the click to the first frame in which the new page is complete: its address
and title or its result are there, nothing of the previous page is left, and the server has finished.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.app_server import Server, serving, wait_for
from benchmarks.report import at_most, measured
from cellstate.evidence import Criterion

FIRST_S, CHANGE_S, PERTURBATION_S = 5.0, 0.5, 0.7
#: Address of the page on which genes are perturbed.
PERTURB = "/workbench"
GENES = ("TP53", "MYC", "KRAS", "EGFR", "CDX2", "APC", "SMAD4", "PIK3CA", "BRAF", "VEGFA", "STAT3", "HNF4A", "CTNNB1",
         "ERBB2", "GATA6", "SOX9")  # fmt: skip
_PATIENCE_MS = 120_000
_NAMES = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Clicks, then checks in every frame whether the page is complete; returns milliseconds.
_CLICK = """([button, path, text, patience]) => new Promise((done, fail) => {
  const start = performance.now();
  const look = () => {
    const app = document.querySelector('[data-testid="stApp"]');
    const main = document.querySelector('[data-testid="stMain"]');
    const complete = app.getAttribute('data-test-script-state') === 'notRunning'
      && !main.querySelector('[data-stale="true"]') && !main.querySelector('[data-testid="stSkeleton"]')
      && main.querySelector('h1') && (!path || location.pathname === path) && main.innerText.includes(text);
    if (complete) done(performance.now() - start);
    else if (performance.now() - start > patience) fail(new Error('not there: ' + path + text));
    else requestAnimationFrame(look);
  };
  button.click();
  requestAnimationFrame(() => requestAnimationFrame(look));
})"""


def measure(*, quick: bool) -> list[Criterion]:
    """Return the criteria of one browser at an idle server."""
    with chromium() as browser:
        starts = [_first_page(browser) for _ in range(1 if quick else 5)]
        with serving() as server:
            page = _open(browser, server)
            again = [_visit(browser, server) for _ in range(2 if quick else 7)]
            changes = _changes(page, rounds=1 if quick else 3)
            perturbations = _perturbations(page, GENES[:3] if quick else GENES)
    title, whole = (statistics.median(one) for one in zip(*starts, strict=True))
    by_page = {name: statistics.median(times) for name, times in changes.items()}
    slowest = max(by_page, key=by_page.__getitem__)
    print(f"Slowest page: {slowest}.")
    every = [seconds for times in changes.values() for seconds in times]
    return [
        measured("start_to_first_title", title, "s"),
        at_most("start_to_first_page", whole, "s", FIRST_S),
        measured("first_page_server_warm", statistics.median(again), "s"),
        at_most("page_change_median", statistics.median(every), "s", CHANGE_S),
        measured("page_change_slowest", by_page[slowest], "s"),
        at_most("perturbation_to_repaint_median", statistics.median(perturbations), "s", PERTURBATION_S),
        measured("perturbation_to_repaint_slowest", max(perturbations), "s"),
    ]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


def _first_page(browser: Browser) -> tuple[float, float]:
    """Start a server and open its first page; returns when its title is there, and when all of it is."""
    page = browser.new_context().new_page()
    with serving(wait=False) as server:
        wait_for(server)
        page.goto(server.address, wait_until="commit")
        page.get_by_role("heading", level=1).wait_for(timeout=_PATIENCE_MS)
        title = time.monotonic() - server.started
        _stands(page)
        whole = time.monotonic() - server.started
    page.context.close()
    return title, whole


def _visit(browser: Browser, server: Server) -> float:
    """Open the first page of a warm server in a browser that has nothing of it."""
    start = time.monotonic()
    page = _open(browser, server)
    seconds = time.monotonic() - start
    page.context.close()
    return seconds


def _open(browser: Browser, server: Server) -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(_PATIENCE_MS)
    page.goto(server.address, wait_until="commit")
    _stands(page)
    return page


def _stands(page: Page) -> None:
    """Wait until the status strip, which is drawn last, is there."""
    page.get_by_text("genes", exact=False).first.wait_for(timeout=_PATIENCE_MS)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=_PATIENCE_MS)


def _changes(page: Page, *, rounds: int) -> dict[str, list[float]]:
    """Visit every page with a sample and a perturbation; the first round fills the caches."""
    page.locator('[class*="-example"] button').first.click()
    page.wait_for_function("() => location.pathname !== '/'")
    links = page.get_by_test_id("stTopNavLink").all()
    paths = [page.evaluate("link => new URL(link.href).pathname", link.element_handle()) for link in links]
    _go(page, PERTURB)
    for path in paths:
        _go(page, path)
    times: dict[str, list[float]] = {path: [] for path in paths}
    for _ in range(rounds):
        for path in paths:
            times[path].append(_go(page, path))
    return times


def _go(page: Page, path: str) -> float:
    link = page.locator(f'[data-testid="stTopNavLink"][href$="{path}"]').first
    return page.evaluate(_CLICK, [link.element_handle(), path, "", _PATIENCE_MS]) / 1000


def _perturbations(page: Page, genes: tuple[str, ...]) -> list[float]:
    """Make perturbations one by one, each in place of the previous one."""
    _go(page, PERTURB)
    times = []
    for gene in genes:
        page.locator('[class*="st-key-remove-"] button').first.click()
        page.locator(".st-key-suggest button").wait_for()
        times.append(_knock_out(page, gene))
    return times


def _knock_out(page: Page, gene: str) -> float:
    """Knock out a gene by its name; returns the time from the click to the repainted charts."""
    page.locator(".st-key-knock-out-query input").fill(gene)
    button = page.locator(".st-key-knock-out-add button:enabled")
    button.wait_for()
    page.wait_for_function("() => document.querySelector('[data-test-script-state=notRunning]') !== null")
    return page.evaluate(_CLICK, [button.element_handle(), "", f"{gene} knock-out", _PATIENCE_MS]) / 1000
