"""Scenarios: saved, laid side by side, loaded and deleted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.steps import knock_out, press, sound, strip

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


def test_a_scenario_is_kept_compared_and_loaded(visitor: Callable[..., Page]) -> None:
    page = visitor("/perturb?v=1&edits=TP53=ko")
    expect(page.get_by_role("heading", name="Predicted shift")).to_be_visible()
    press(page.get_by_text("Saved scenarios"))
    scenarios = page.locator(".st-key-scenarios")
    scenarios.get_by_role("textbox", name="Name for the edits in force").fill("No p53")
    press(scenarios.get_by_role("button", name="Save", exact=True))
    load = scenarios.get_by_role("button", name="Load", exact=True)
    # It is what is in force.
    expect(load).to_be_disabled()

    knock_out(page, "MYC", "MYC")
    expect(strip(page)).to_contain_text("2 edits")
    press(page.get_by_text("Two edit sets side by side"))
    sides = page.locator(".st-key-sides")
    expect(sides.get_by_text("A: TP53 knocked out, MYC knocked out. B: TP53 knocked out.")).to_be_visible()
    expect(sides.get_by_text("The largest shift is")).to_be_visible()
    expect(sides.locator(".main-svg").first).to_be_visible()

    press(load)
    expect(strip(page)).to_contain_text("1 edit")
    expect(strip(page)).not_to_contain_text("2 edits")
    press(scenarios.get_by_role("button", name="More"))
    press(page.get_by_role("button", name="Delete"))
    expect(load).to_have_count(0)
    sound(page)
