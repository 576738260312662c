"""What a user does and sees, step by step, for every browser test."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import FilePayload, Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

REPOSITORY = Path(__file__).resolve().parents[2]
ARTIFACTS = REPOSITORY / "artifacts"
WIDTH, HEIGHT = 1440, 900
N_PAGES = 9
#: What stands over a page that is not headed by its title.
HEADING = {"Home": "What else would move?"}
#: A slow, busy machine is no failure.
PATIENCE_MS = 60_000
#: Pictures are not taken longer than this many pixels.
_LONGEST = 6_000
_WRONG = re.compile("omething went wrong|could not be read|mistake, not yours")


def settle(page: Page) -> None:
    """Wait until the app has drawn all that it is drawing."""
    expect(page.get_by_test_id("stMain")).to_be_visible()
    expect(page.locator('[data-testid="stApp"][data-test-script-state="running"]')).to_have_count(0)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    expect(page.locator('[data-stale="true"]')).to_have_count(0)


def shoot(page: Page, name: str, folder: Path = ARTIFACTS) -> Path:
    """Keep a picture of the whole page, once nothing on it is in motion; returns its path."""
    settle(page)
    folder.mkdir(parents=True, exist_ok=True)
    usual = page.viewport_size
    assert usual is not None
    # The page scrolls inside its frame, so the frame is made as tall as what it holds.
    height = page.evaluate("() => document.querySelector('[data-testid=\"stMain\"]').scrollHeight")
    page.set_viewport_size({"width": usual["width"], "height": max(usual["height"], min(height + 10, _LONGEST))})
    # Charts follow the new size in an animation.
    page.wait_for_timeout(500)
    path = folder / f"{name}.png"
    page.screenshot(path=path)
    page.set_viewport_size(usual)
    return path


def open_page(page: Page, title: str) -> None:
    """Go to another page by the navigation."""
    press(page.get_by_test_id("stTopNavLink").filter(has_text=title))
    # The page that is left may stand there, at rest and with buttons of the same names, until the server has answered.
    expect(page.get_by_role("heading", level=1)).to_have_text(HEADING.get(title, title))
    settle(page)


def titles(page: Page) -> list[str]:
    """Return the titles of all pages, as the navigation has them."""
    links = page.get_by_test_id("stTopNavLink")
    expect(links.nth(N_PAGES - 1)).to_be_visible()
    # An icon's name is the first line.
    return [text.splitlines()[-1] for text in links.all_inner_texts()]


def addresses(page: Page) -> list[str]:
    """Return the addresses of all pages, ``/sample`` and so on."""
    titles(page)
    return [link.get_attribute("href") or "" for link in page.get_by_test_id("stTopNavLink").all()]


def sound(page: Page) -> None:
    """Check that no sentence on the page tells of something that went wrong."""
    expect(page.get_by_text(_WRONG)).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def strip(page: Page) -> Locator:
    """Return the strip that every page begins with."""
    return page.locator(".st-key-status")


def try_example(page: Page) -> None:
    """Load the first example patient, from the home page or from one that needs a sample."""
    press(page.get_by_role("button", name="Try an example patient"))
    expect(strip(page)).to_contain_text("TCGA-AA-3502-01")
    settle(page)


def a_file(name: str, data: bytes) -> FilePayload:
    """Return a file to drop that is on no disk."""
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def drop_file(place: Page | Locator, file: Path | FilePayload) -> None:
    """Give the first box for files on a page, or in a part of it, a file."""
    place.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(file)


def press(what: Locator) -> None:
    """Click once the page is at rest: one that is drawn anew may show a thing twice, or take it from under the hand."""
    settle(what.page)
    what.click()


def choose(page: Page, name: str) -> None:
    """Choose one of several that exclude each other."""
    press(page.get_by_role("radio", name=name, exact=True))


def pick(page: Page, label: str, option: str) -> None:
    """Choose from a list that opens; a page that is drawn meanwhile closes it again."""
    wanted = page.get_by_role("option", name=option)
    settle(page)
    page.get_by_role("combobox", name=label).press("ArrowDown")
    try:
        wanted.click(timeout=PATIENCE_MS / 6)
    except PlaywrightTimeout:
        settle(page)
        page.get_by_role("combobox", name=label).press("ArrowDown")
        wanted.click()


def forget(page: Page) -> None:
    """Press "Delete my data"."""
    button = page.get_by_role("button", name="Delete my data")
    press(button)
    expect(strip(page)).to_contain_text("No sample")
    # The page is drawn twice then, and the button is gone after the second time.
    expect(button).to_have_count(0)
    settle(page)


def knock_out(page: Page, query: str, symbol: str) -> None:
    """Knock out the gene that a search finds."""
    page.get_by_role("textbox", name="Find a gene").fill(query)
    press(page.get_by_role("button", name="Add the edit"))
    expect(page.get_by_text(f"{symbol} knocked out").first).to_be_visible()


def taken(page: Page, name: str) -> tuple[str, bytes]:
    """Press a download button; returns the file's name and what it holds."""
    return saved(page, page.get_by_role("button", name=name, exact=True))


def saved(page: Page, button: Locator) -> tuple[str, bytes]:
    """Press whatever saves a file; returns the file's name and what it holds."""
    with page.expect_download() as download:
        button.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()
