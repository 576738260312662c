"""Pictures of every page, empty and full, and of every kind of result, light and dark, at three sizes of the window.

Full is with a sample and a perturbation, with a search and with a comparison.

    python -m tests.e2e.screens [--out FOLDER] [--only PAGE]

They go into ``artifacts/screens`` (git-ignored) as PAGE-STATE-SCHEME-WIDTH.png, to be looked at.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.conftest import find_chromium
from tests.e2e.serving import serve
from tests.e2e.steps import (
    ARTIFACTS,
    HEIGHT,
    PATIENCE_MS,
    WIDTH,
    a_file,
    button,
    choose,
    delete_data,
    drop_file,
    knock_out,
    open_page,
    pick,
    press,
    settle,
    shoot,
    strip,
    try_example,
    views,
)
from tests.support.factories import as_csv, make_samples

DESKTOP: ViewportSize = {"width": WIDTH, "height": HEIGHT}
TABLET: ViewportSize = {"width": 1024, "height": 768}
PHONE: ViewportSize = {"width": 390, "height": 844}
SIZES = (DESKTOP, TABLET, PHONE)
N_COHORT = 24
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def fill(page: Page) -> None:
    """Load an example patient and knock out a gene."""
    open_page(page, "Home")
    try_example(page)
    knock_out(page, "p53", "TP53")


def search(page: Page) -> None:
    """Search single genes for the goal that is chosen at first."""
    press(button(page, "run"))
    expect(page.locator(".candidates tbody tr").first).to_be_visible()


def compare(page: Page) -> None:
    """Compare two groups of made-up samples."""
    boxes = page.get_by_test_id("stFileUploaderDropzoneInput")
    for place, group in enumerate(("control", "treated")):
        data = as_csv(make_samples(2, seed=place, prefix=group))
        # A file that is dropped while the page is drawn anew may be lost.
        settle(page)
        boxes.nth(place).set_input_files(a_file(f"{group}.csv", data))
        expect(page.get_by_text(f"{group}.csv: 2 samples")).to_be_visible()
    # While the page is drawn anew, the box may be there twice.
    settle(page)
    box = page.get_by_role("textbox", name="Perturbation of the treated samples")
    box.fill("TP53=ko")
    box.press("Enter")
    expect(page.get_by_role("heading", name="All prediction methods")).to_be_visible()


def search_pairs(page: Page) -> None:
    """Search the partners of one gene among a few."""
    open_page(page, "Candidates")
    choose(page, "Pairs")
    expect(page.locator(".st-key-pairs-action")).to_be_visible()
    page.get_by_text("More options").click()
    pick(page, "First gene", "One gene")
    box = page.get_by_role("textbox", name="Gene", exact=True)
    box.fill("CDX2")
    box.press("Enter")
    pick(page, "Second gene", "Gene list")
    box = page.get_by_role("textbox", name="Genes", exact=True)
    box.fill("MYC, TP53, KLF4, HNF4A, ELF3, SOX9, ZEB1, SNAI2, FOXA2, STAT1, IRF1, E2F1, CDX1, TCF7L2, GATA6, HNF1A")
    box.press("Control+Enter")
    press(page.locator(".st-key-run button:enabled"))
    expect(page.locator(".st-key-pairs-figure svg").first).to_be_visible()


def search_sets(page: Page) -> None:
    """Search a set of perturbations that work together."""
    open_page(page, "Candidates")
    choose(page, "Sets")
    expect(page.locator(".st-key-combination-action")).to_be_visible()
    press(page.locator(".st-key-run button:enabled"))
    expect(page.locator(".st-key-combination-figure svg").first).to_be_visible()


def find_drivers(page: Page) -> None:
    """Rank what drives the sample."""
    open_page(page, "Candidates")
    choose(page, "What drives this sample?")
    press(button(page, "find-drivers"))
    expect(button(page, "try-driver")).to_be_visible()


def open_cohort(page: Page) -> None:
    """Bring a file of many samples, instead of all that is there, and look at all of them."""
    delete_data(page)
    open_page(page, "Workbench")
    drop_file(page, a_file("cohort.csv", as_csv(make_samples(N_COHORT, prefix="patient"))))
    expect(strip(page)).to_contain_text(f"1 of {N_COHORT}")
    settle(page)
    choose(page, f"All {N_COHORT} samples")
    expect(page.locator(".heatmap path.cells").first).to_be_visible()


#: What makes a page full beyond a sample and a perturbation.
FULL: dict[str, Callable[[Page], None]] = {"Candidates": search, "Validate": compare}
#: Results beyond those, in this order: the last one deletes what was there.
RESULTS: dict[str, Callable[[Page], None]] = {
    "Candidates pairs": search_pairs,
    "Candidates sets": search_sets,
    "Candidates drivers": find_drivers,
    "Workbench cohort": open_cohort,
}


def states(page: Page, only: str = "") -> Iterator[tuple[str, str]]:
    """Bring every page into every state in turn; yields the page's name and the state.

    Parameters
    ----------
    page : Page
        On the home page, without data.
    only : str
        Names of pages to stop at hold this.
    """
    for state in ("empty", "full"):
        if state == "full":
            fill(page)
        for view in views(page):
            if only.lower() not in view.lower():
                continue
            if state == "full" and view in FULL:
                FULL[view](page)
                settle(page)
            yield view, state
    for view, make in RESULTS.items():
        if only.lower() in view.lower():
            make(page)
            settle(page)
            yield view, "result"


def shoot_all(
    browser: Browser, address: str, out: Path, *, schemes: Sequence[Literal["light", "dark"]] = SCHEMES, only: str = ""
) -> list[Path]:
    """Take every picture of the pages whose name contains ``only``; returns their paths."""
    pictures = []
    for scheme in schemes:
        page = browser.new_context(viewport=DESKTOP, color_scheme=scheme).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        for view, state in states(page, only):
            for size in SIZES:
                page.set_viewport_size(size)
                name = view.lower().replace(" ", "-")
                pictures.append(shoot(page, f"{name}-{state}-{scheme}-{size['width']}", out))
            # The navigation of a narrow screen is folded.
            page.set_viewport_size(DESKTOP)
        page.context.close()
    return pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ARTIFACTS / "screens")
    parser.add_argument("--only", default="", help="pages whose title holds this")
    options = parser.parse_args()
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory() as held, serve(Path(held)) as server, sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        pictures = shoot_all(browser, server.address, options.out, only=options.only)
        browser.close()
    print(f"{len(pictures)} pictures in {options.out}")


if __name__ == "__main__":
    main()
