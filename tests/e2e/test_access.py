"""Accessibility of every page by axe-core: empty, with a sample and with every kind of result, light and dark."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.e2e.screens import SCHEMES, states

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


def grave_findings(page: Page) -> list[str]:
    """Return the serious and critical findings on a page, contrast among them: rule, selector, element."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']} {' '.join(map(str, node['target']))}: {node['html'][:160]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


# Minutes of work, and more on a busy machine.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_page_has_a_grave_finding(visitor: Callable[..., Page], scheme: str) -> None:
    page = visitor(color_scheme=scheme)
    found = {}
    for view, state in states(page):
        if findings := grave_findings(page):
            found[f"{view}, {state}"] = findings
    assert found == {}
