"""Steps of a user, for every browser test. A step waits for what it needs to see, never for a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import FilePayload, Locator, Page, TimeoutError, expect

REPOSITORY = Path(__file__).resolve().parents[2]
ARTIFACTS = REPOSITORY / "artifacts"
WIDTH, HEIGHT = 1440, 900
#: Pages in the order of the menu, with the beginning of their headings.
PAGES = {title: title for title in ("Home", "Workbench", "Candidates", "Validate", "Evidence", "Help")}
PAGES["Home"] = "Predict what"
#: Tabs of the evidence page.
TABS = ("Five questions", "Reconstruction", "Training", "All figures", "About this model")
#: No test fails because the machine is busy.
PATIENCE_MS = 60_000
#: Pictures are not taken longer than this many pixels.
_LONGEST = 6_000
#: Two frames are drawn, and every animation has ended.
_DRAWN = """async () => {
    for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
    await Promise.allSettled(document.getAnimations().map((moving) => moving.finished));
}"""
_MAX_PICTURES = 10
_MAX_OPENINGS = 6
_WRONG = re.compile("omething went wrong|could not be read|mistake, not yours")


def settle(page: Page) -> None:
    """Wait until the app has drawn all that it is drawing."""
    expect(page.get_by_test_id("stMain")).to_be_visible()
    expect(page.locator('[data-testid="stApp"][data-test-script-state="running"]')).to_have_count(0)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    expect(page.locator('[data-stale="true"]')).to_have_count(0)


def shoot(page: Page, name: str, folder: Path = ARTIFACTS, *, whole: bool = True) -> Path:
    """Keep a picture of the whole page, or of what a screen shows, once two in a row are equal; returns its path."""
    settle(page)
    folder.mkdir(parents=True, exist_ok=True)
    usual = page.viewport_size
    assert usual is not None
    if whole:
        # The page scrolls inside its frame, so the frame is made as tall as what it holds.
        height = page.evaluate("() => document.querySelector('[data-testid=\"stMain\"]').scrollHeight")
        page.set_viewport_size({"width": usual["width"], "height": max(usual["height"], min(height + 10, _LONGEST))})
    path, picture = folder / f"{name}.png", b""
    # Charts follow the new size in steps.
    for _ in range(_MAX_PICTURES):
        page.evaluate(_DRAWN)
        before, picture = picture, page.screenshot(path=path)
        if picture == before:
            break
    page.set_viewport_size(usual)
    return path


def open_page(page: Page, title: str) -> None:
    """Go to a page by the navigation, unless it is open: drawn anew, it would lose what a test types meanwhile."""
    heading = page.get_by_role("heading", level=1)
    settle(page)
    if heading.count() != 1 or not heading.inner_text().startswith(PAGES[title]):
        press(page.get_by_test_id("stTopNavLink").filter(has_text=title))
    # The page that is left may stand there, at rest and with buttons of the same names, until the server has answered.
    expect(heading).to_have_text(re.compile(f"^{PAGES[title]}"))
    settle(page)


def views(page: Page) -> Iterator[str]:
    """Open every page and every tab of the evidence page in turn; yields what it is called."""
    for title in PAGES:
        if title == "Evidence":
            # The tab that was open last is open again.
            open_evidence(page, TABS[0])
        else:
            open_page(page, title)
        yield title
    for tab in TABS[1:]:
        open_evidence(page, tab)
        yield f"Evidence {tab}"


def open_evidence(page: Page, tab: str) -> None:
    """Open a tab of the evidence page."""
    open_page(page, "Evidence")
    press(page.get_by_role("tab", name=tab))
    expect(page.get_by_role("tabpanel", name=tab).get_by_role("heading").first).to_be_visible()
    settle(page)


def open_sample(page: Page) -> None:
    """Open what the workbench shows of the loaded sample."""
    open_page(page, "Workbench")
    settle(page)
    details = page.get_by_role("heading", name="File and detected settings")
    # A file that needs a look has them open, once it is read.
    expect(button(page, "sample-details")).to_be_visible()
    settle(page)
    if not details.count():
        press(button(page, "sample-details"))
    expect(details).to_be_visible()
    settle(page)


def sound(page: Page) -> None:
    """Check that no error is on the page."""
    expect(page.get_by_text(_WRONG)).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def button(page: Page, key: str) -> Locator:
    """Return the button of a key."""
    return page.locator(f'[class~="st-key-{key}"]').get_by_role("button")


def strip(page: Page) -> Locator:
    """Return the status strip."""
    return page.locator(".st-key-status")


def try_example(page: Page) -> None:
    """Load the first example patient, from the home page or from one that needs a sample."""
    press(page.get_by_role("button", name="Try an example patient"))
    expect(strip(page)).to_contain_text("TCGA-AA-3502-01")
    settle(page)


def try_example_alone(page: Page) -> None:
    """Load the first example patient from the home page, and undo the knock-out that it begins with."""
    try_example(page)
    expect(prediction(page)).to_be_visible()
    press(button(page, "undo"))
    expect(strip(page)).to_contain_text("No perturbations")
    settle(page)


def a_file(name: str, data: bytes) -> FilePayload:
    """Return a file that is on no disk."""
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def drop_file(place: Page | Locator, file: Path | FilePayload) -> None:
    """Drop a file into the first upload box of a page, or of a part of it, once the page is drawn."""
    settle(place if isinstance(place, Page) else place.page)
    place.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(file)


def press(what: Locator) -> None:
    """Click once the page is drawn: while it is drawn again, an element may be there twice, or be replaced."""
    settle(what.page)
    what.click()


def choose(page: Page, name: str) -> None:
    """Choose one of several options."""
    press(page.get_by_role("radio", name=name, exact=True))


def pick(page: Page, label: str, option: str) -> None:
    """Choose from a list that opens; one that a page drawn anew has closed is opened again."""
    wanted = page.get_by_role("option", name=option)
    for _ in range(_MAX_OPENINGS):
        settle(page)
        page.get_by_role("combobox", name=label).press("ArrowDown")
        try:
            wanted.click(timeout=PATIENCE_MS / _MAX_OPENINGS)
        except TimeoutError:
            continue
        return
    raise AssertionError(f"The list {label} has no {option}, or does not stay open.")


def prediction(page: Page) -> Locator:
    """Return the charts of a prediction, once they are drawn."""
    return page.locator(".linked rect.bar").first


def delete_data(page: Page) -> None:
    """Press "Delete my data"."""
    press(button(page, "delete-data"))
    expect(strip(page)).to_contain_text("No sample")
    # The page is drawn twice then, and the button is gone after the second time.
    expect(button(page, "delete-data")).to_have_count(0)
    settle(page)


def knock_out(page: Page, query: str, symbol: str) -> None:
    """Knock out the gene that a search finds."""
    settle(page)
    box = page.get_by_role("textbox", name="Knock out a gene")
    box.fill(query)
    box.press("Enter")
    expect(page.locator(f".st-key-on-{symbol}")).to_be_visible()
    expect(prediction(page)).to_be_visible()
    settle(page)


def download(page: Page, name: str) -> tuple[str, bytes]:
    """Press a download button; returns the file's name and bytes."""
    return saved(page, page.get_by_role("button", name=name, exact=True).first)


def saved(page: Page, what: Locator) -> tuple[str, bytes]:
    """Press a button that saves a file; returns the file's name and bytes."""
    with page.expect_download() as started:
        what.click()
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()
