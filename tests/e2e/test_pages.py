"""Every page by its own address and by its old ones, on a wide and on a narrow screen."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.screens import PHONE
from tests.e2e.steps import PAGES, open_page, settle, sound, strip

pytestmark = pytest.mark.browser

#: Addresses of earlier versions, with the page and the tab that they open.
OLD = {
    "home": ("Home", ""),
    "sample": ("Workbench", ""),
    "perturb": ("Workbench", ""),
    "regulators": ("Candidates", ""),
    "experiment": ("Validate", ""),
    "accuracy": ("Evidence", "Reconstruction"),
    "quality": ("Evidence", "All figures"),
    "model": ("Evidence", "About this model"),
}


def test_the_first_visitor_may_open_any_page(first_heading: str) -> None:
    assert first_heading == "Workbench"


def test_every_address_opens_its_page(visitor: Callable[..., Page], server: str) -> None:
    page = visitor()
    for title, address in {title: "" if title == "Home" else title.lower() for title in PAGES}.items():
        page.goto(f"{server}/{address}")
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(f"^{PAGES[title]}"))
        expect(strip(page)).to_contain_text("No sample")
        sound(page)
    for address, (title, tab) in OLD.items():
        page.goto(f"{server}/{address}")
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(f"^{PAGES[title]}"))
        if tab:
            expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        sound(page)


@pytest.mark.thorough
def test_nothing_is_wider_than_a_phone(page: Page) -> None:
    wide = {}
    for title in PAGES:
        open_page(page, title)
        page.set_viewport_size(PHONE)
        settle(page)
        over = page.evaluate("() => document.querySelector('[data-testid=\"stMain\"]').scrollWidth - innerWidth")
        if over > 0:
            wide[title] = over
        # The navigation of a narrow screen is folded.
        page.set_viewport_size({"width": 1440, "height": 900})
    assert wide == {}
