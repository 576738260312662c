"""Accessibility of every page by axe-core: empty and with a sample, light and dark."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.e2e.steps import open_page, try_example, views

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


def grave_findings(page: Page) -> list[str]:
    """Return the serious and critical findings on a page: rule, selector, element."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']} {' '.join(map(str, node['target']))}: {node['html'][:160]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_grave_finding(visitor: Callable[..., Page], scheme: str) -> None:
    page = visitor(color_scheme=scheme)
    found: dict[str, list[str]] = {}
    for state in ("empty", "full"):
        for view in views(page):
            if findings := grave_findings(page):
                found[f"{view}, {state}"] = findings
        if state == "empty":
            open_page(page, "Home")
            try_example(page)
    assert found == {}
