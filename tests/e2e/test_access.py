"""Every page, empty and with a patient, light and dark, under axe's eyes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.access import grave_findings
from tests.e2e.steps import open_page, titles, try_example

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_grave_finding(visitor: Callable[..., Page], scheme: str) -> None:
    page = visitor(color_scheme=scheme)
    found: dict[str, list[str]] = {}
    for state in ("empty", "full"):
        for title in titles(page):
            open_page(page, title)
            if findings := grave_findings(page):
                found[f"{title}, {state}"] = findings
        if state == "empty":
            open_page(page, "Home")
            try_example(page)
    assert found == {}


def test_dark_mode_follows_the_system(visitor: Callable[..., Page]) -> None:
    light, dark = visitor(color_scheme="light"), visitor(color_scheme="dark")
    expect(light.get_by_test_id("stApp")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(dark.get_by_test_id("stApp")).to_have_css("background-color", "rgb(17, 22, 28)")
