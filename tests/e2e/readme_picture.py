"""The pictures of README and of the first page of the documentation: an example patient with one knock-out.

    python -m tests.e2e.readme_picture [--out FOLDER]

Light and dark, as a screen of 1440 by 900 shows the workbench, in 256 colours so that a file stays small. To be made
anew when the workbench looks different.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

from tests.conftest import find_chromium
from tests.e2e.screens import DESKTOP, SCHEMES
from tests.e2e.serving import serve
from tests.e2e.steps import PATIENCE_MS, REPOSITORY, open_page, prediction, shoot, sound, try_example

FOLDER = REPOSITORY / "docs" / "_static"


def take(browser: Browser, address: str, out: Path) -> list[Path]:
    """Take one picture a colour scheme; returns their paths."""
    paths = []
    for scheme in SCHEMES:
        page = browser.new_context(viewport=DESKTOP, color_scheme=scheme).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        open_page(page, "Home")
        try_example(page)
        open_page(page, "Workbench")
        expect(prediction(page)).to_be_visible()
        sound(page)
        path = shoot(page, f"workbench-{scheme}", out, whole=False)
        Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
        paths.append(path)
        page.context.close()
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory() as held, serve(Path(held)) as server, sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        for path in take(browser, server.address, options.out):
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
        browser.close()


if __name__ == "__main__":
    main()
