"""What a visitor sees without scrolling: where the first chart or table begins, how many words there are, what jumps.

    python -m benchmarks.first_screen [--quick]

Chromium opens a fresh server at three sizes of the window, takes the example patient from the home page, knocks out one
more gene with the Enter key, and searches for candidates with the goal that is chosen at first. A word is a text with a
letter between blanks that is visible outside of figures and tables; above the fold are those that begin within the
window. Layout shift is the browser's own sum (Layout Instability API) from that key to the repainted charts.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

from playwright.sync_api import Browser, Page

from benchmarks.app_browser import chromium
from benchmarks.app_server import Server, serving
from benchmarks.report import at_most, measured, show
from cellstate.evidence import Benchmark, Criterion

MOST_WORDS_ABOVE, MOST_WORDS, MOST_WORDS_HOME, MOST_SHIFT = 110, 400, 90, 0.1
GENE = "TP53"
_PATIENCE_MS = 600_000


class Window(NamedTuple):
    """A size of the browser's window, and where the first chart must begin at the latest, in pixels."""

    width: int
    height: int
    latest_top: int


WINDOWS = (Window(1440, 900, 330), Window(1024, 768, 330), Window(390, 844, 700))
#: Pages whose words are counted; the help page is text by its nature.
PAGES = ("", "workbench", "candidates", "validate", "evidence")
#: Figures, tables, icons (whose text is a name in a font), and the link that only the keyboard shows.
_SKIPPED = 'svg, canvas, table, style, script, [role="img"], [data-testid="stIconMaterial"], a[href^="#"]'
_WORDS = """() => {
  let above = 0, all = 0
  const walk = document.createTreeWalker(document.querySelector('[data-testid="stApp"]'), NodeFilter.SHOW_TEXT)
  for (let node; (node = walk.nextNode()); ) {
    const element = node.parentElement
    if (element.closest(SKIPPED)) continue
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue
    const words = node.textContent.split(/\\s+/).filter((word) => /\\p{L}/u.test(word)).length
    const range = document.createRange()
    range.selectNodeContents(node)
    const box = range.getBoundingClientRect()
    if (!words || !box.width || !box.height) continue
    all += words
    if (box.top < innerHeight && box.bottom > 0) above += words
  }
  return [above, all]
}""".replace("SKIPPED", repr(_SKIPPED))
_WATCH_SHIFT = """() => {
  window.layoutShift = 0
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.layoutShift += entry.value
  }).observe({ type: 'layout-shift' })
}"""


def measure(*, quick: bool) -> list[Criterion]:
    """Return the criteria of every window, and of every page."""
    criteria = []
    with chromium() as browser, serving() as server:
        for window in WINDOWS[:1] if quick else WINDOWS:
            page, words = _example(browser, server, window)
            shift = _knock_out(page)
            top = page.locator(".linked").bounding_box()
            above, _ = page.evaluate(_WORDS)
            size = f"{window.width}x{window.height}"
            criteria += [
                at_most(f"{size}.first_chart_top", None if top is None else top["y"], "px", window.latest_top),
                at_most(f"{size}.words_above_the_fold", above, "", MOST_WORDS_ABOVE),
                at_most(f"{size}.layout_shift", shift, "", MOST_SHIFT),
            ]
            criteria += _search(page, window)
            if window is WINDOWS[0]:
                criteria += [at_most("home_at_first.words", words, "", MOST_WORDS_HOME), *_pages(page)]
            page.context.close()
    return criteria


def _example(browser: Browser, server: Server, window: Window) -> tuple[Page, int]:
    """Open the home page, count its words, and take the example patient, which lands on an answer."""
    page = browser.new_context(viewport={"width": window.width, "height": window.height}).new_page()
    page.set_default_timeout(_PATIENCE_MS)
    page.goto(server.address)
    page.locator(".linked rect.bar").first.wait_for()
    _at_rest(page)
    _, words = page.evaluate(_WORDS)
    page.locator(".st-key-home-example button").click()
    page.locator(".st-key-undo button:enabled").wait_for()
    page.locator(".linked rect.bar").first.wait_for()
    _at_rest(page)
    return page, words


def _knock_out(page: Page) -> float:
    """Knock out a gene by its name and the Enter key; returns the layout shift."""
    page.evaluate(_WATCH_SHIFT)
    box = page.locator(".st-key-knock-out-query input")
    box.fill(GENE)
    box.press("Enter")
    page.locator(f".st-key-on-{GENE}").wait_for()
    page.wait_for_function(f"() => document.querySelector('h2')?.innerText.includes('{GENE}')")
    _at_rest(page)
    return page.evaluate("window.layoutShift")


def _search(page: Page, window: Window) -> list[Criterion]:
    """Search for candidates; returns where their table begins, and the words of the page."""
    # The menu of a narrow window is folded.
    page.set_viewport_size({"width": WINDOWS[0].width, "height": WINDOWS[0].height})
    _open(page, "candidates")
    page.locator(".st-key-run button:enabled").click()
    page.locator(".candidates tbody tr").first.wait_for()
    page.set_viewport_size({"width": window.width, "height": window.height})
    _at_rest(page)
    top = page.locator(".candidates").bounding_box()
    above, whole = page.evaluate(_WORDS)
    name = f"{window.width}x{window.height}.candidates"
    return [
        at_most(f"{name}.table_top", None if top is None else top["y"], "px", window.latest_top),
        at_most(f"{name}.words_above_the_fold", above, "", MOST_WORDS_ABOVE),
        at_most(f"{name}.words", whole, "", MOST_WORDS),
    ]


def _open(page: Page, path: str) -> None:
    """Go to a page by the menu."""
    page.locator(f'[data-testid="stTopNavLink"][href$="/{path}"]').first.click()
    page.wait_for_function("path => location.pathname === '/' + path", arg=path)
    _at_rest(page)


def _pages(page: Page) -> list[Criterion]:
    """Count the words of each page, with the sample and its perturbations."""
    criteria = []
    for path in PAGES:
        _open(page, path)
        above, whole = page.evaluate(_WORDS)
        name = path or "home"
        criteria += [measured(f"{name}.words_above_the_fold", above), at_most(f"{name}.words", whole, "", MOST_WORDS)]
    return criteria


def _at_rest(page: Page) -> None:
    """Wait until the server has finished and nothing of an earlier page is left."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
    page.wait_for_function("() => !document.querySelector('[data-stale=true], [data-testid=stSkeleton]')")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one window; claims nothing")
    options = parser.parse_args()
    show(Benchmark.FIRST_SCREEN, criteria=measure(quick=options.quick), quick=options.quick)


if __name__ == "__main__":
    main()
