"""The menu of pages in a narrow window: it lies over the page, and closes after a choice."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.screens import DESKTOP, PHONE
from tests.e2e.steps import PAGES, press, settle, sound

pytestmark = pytest.mark.browser

_PHONE: dict[str, Any] = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
#: What a phone's browser calls itself.
_AGENT = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"


@pytest.mark.parametrize("how", ["phone", "touch", "narrow", "narrowed"])
def test_it_closes_after_a_choice(visitor: Callable[..., Page], how: str) -> None:
    options: dict[str, dict[str, Any]] = {
        "phone": _PHONE | {"user_agent": _AGENT},
        "touch": _PHONE,
        "narrow": {"viewport": PHONE},
        "narrowed": {"viewport": DESKTOP},
    }
    page = visitor(**options[how])
    settle(page)
    page.set_viewport_size(PHONE)
    menu = page.get_by_test_id("stSidebar")
    # The page that is open is a choice, too.
    for title in ("Candidates", "Help", "Help", "Home"):
        expect(menu).to_have_attribute("data-collapsed", "true")
        press(page.get_by_test_id("stExpandSidebarButton"))
        expect(menu).to_have_attribute("data-collapsed", "false")
        press(menu.get_by_test_id("stSidebarNavLink").filter(has_text=title))
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(f"^{PAGES[title]}"))
        expect(menu).to_have_attribute("data-collapsed", "true")
        sound(page)
