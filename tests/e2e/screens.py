"""Pictures of every page, empty and full, light and dark, wide and narrow.

Full is with a patient and an edit, with a search and with a comparison.

    python -m tests.e2e.screens [--out FOLDER] [--only PAGE]

They go into ``artifacts/screens`` (git-ignored) as PAGE-STATE-SCHEME-WIDTH.png, to be looked at.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
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
    knock_out,
    open_page,
    press,
    shoot,
    titles,
    try_example,
)
from tests.support.factories import as_csv, make_samples

DESKTOP: ViewportSize = {"width": WIDTH, "height": HEIGHT}
PHONE: ViewportSize = {"width": 390, "height": 844}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def fill(page: Page) -> None:
    """Load an example patient and edit a gene."""
    open_page(page, "Home")
    try_example(page)
    open_page(page, "Perturb")
    knock_out(page, "p53", "TP53")
    expect(page.get_by_role("heading", name="Predicted shift")).to_be_visible()


def search(page: Page) -> None:
    """Search single genes for the example's goal."""
    press(page.get_by_role("button", name="Try an example:"))
    press(page.get_by_role("button", name="Search", exact=True))
    expect(page.get_by_role("heading", name="Every edit")).to_be_visible()


def compare(page: Page) -> None:
    """Compare two groups of made-up samples."""
    boxes = page.get_by_test_id("stFileUploaderDropzoneInput")
    for place, group in enumerate(("control", "treated")):
        made = as_csv(make_samples(2, seed=place, prefix=group))
        boxes.nth(place).set_input_files(a_file(f"{group}.csv", made))
        expect(page.get_by_text(f"{group}.csv: 2 samples")).to_be_visible()
    edit = page.get_by_role("textbox", name="What was done to the treated samples")
    edit.fill("TP53=ko")
    edit.press("Enter")
    expect(page.get_by_role("heading", name="Predicted against measured")).to_be_visible()


#: What makes a page full beyond a patient and an edit.
FULL: dict[str, Callable[[Page], None]] = {"Regulators": search, "Experiment": compare}


def shoot_all(browser: Browser, address: str, out: Path, only: str = "") -> list[Path]:
    """Take every picture of the pages whose title holds ``only``; returns their paths."""
    taken = []
    for scheme in SCHEMES:
        page = browser.new_context(viewport=DESKTOP, color_scheme=scheme).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        for state in ("empty", "full"):
            if state == "full":
                fill(page)
            for title in titles(page):
                if only.lower() not in title.lower():
                    continue
                open_page(page, title)
                if state == "full" and title in FULL:
                    FULL[title](page)
                for size in (DESKTOP, PHONE):
                    page.set_viewport_size(size)
                    name = "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c == "-")
                    taken.append(shoot(page, f"{name}-{state}-{scheme}-{size['width']}", out))
                # The navigation of a narrow screen is folded away.
                page.set_viewport_size(DESKTOP)
        page.context.close()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ARTIFACTS / "screens")
    parser.add_argument("--only", default="", help="pages whose title holds this")
    options = parser.parse_args()
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory() as held, serve(Path(held)) as server, sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        taken = shoot_all(browser, server.address, options.out, options.only)
        browser.close()
    print(f"{len(taken)} pictures in {options.out}")


if __name__ == "__main__":
    main()
