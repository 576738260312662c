"""Every page by its own address and by the navigation, on a wide and on a narrow screen."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.screens import PHONE
from tests.e2e.steps import addresses, settle, sound

pytestmark = pytest.mark.browser


def test_every_address_opens_its_page(visitor: Callable[..., Page], server: str) -> None:
    page = visitor()
    settle(page)
    shown = {}
    for address in addresses(page):
        page.goto(urljoin(server, address))
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_be_visible()
        sound(page)
        shown[address] = heading.inner_text()
    assert len(set(shown.values())) == len(shown) >= 8


@pytest.mark.thorough
def test_nothing_is_wider_than_a_phone(visitor: Callable[..., Page], server: str) -> None:
    page = visitor()
    settle(page)
    wide = {}
    for address in addresses(page):
        page.set_viewport_size(PHONE)
        page.goto(urljoin(server, address))
        settle(page)
        over = page.evaluate("() => document.querySelector('[data-testid=\"stMain\"]').scrollWidth - innerWidth")
        if over > 0:
            wide[address] = over
    assert wide == {}
