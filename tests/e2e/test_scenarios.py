"""Scenarios: saved, compared, loaded and deleted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.steps import knock_out, pick, prediction, press, sound, strip

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


def test_a_scenario_is_kept_compared_and_loaded(visitor: Callable[..., Page]) -> None:
    page = visitor("/workbench?v=1&perturb=TP53=ko")
    expect(prediction(page)).to_be_visible()
    press(page.get_by_role("button", name="Scenarios"))
    scenarios = page.get_by_test_id("stPopoverBody").filter(has_text="scenario")
    scenarios.get_by_role("textbox", name="Name of the scenario").fill("No p53")
    press(scenarios.get_by_role("button", name="Save", exact=True))
    load = scenarios.get_by_role("button", name="Load", exact=True)
    expect(load).to_be_disabled()

    page.keyboard.press("Escape")
    knock_out(page, "MYC", "MYC")
    expect(strip(page)).to_contain_text("2 perturbations")
    press(page.get_by_role("button", name="Compare"))
    compared = page.get_by_role("tabpanel", name="Compare")
    pick(page, "Scenario B", "No p53")
    expect(compared.get_by_text("A: TP53 knocked out, MYC knocked out. B: TP53 knocked out.")).to_be_visible()
    expect(compared.locator(".main-svg").first).to_be_visible()

    press(page.get_by_role("button", name="Scenarios"))
    press(load)
    expect(strip(page)).to_contain_text("1 perturbation")
    expect(strip(page)).not_to_contain_text("2 perturbations")
    press(scenarios.get_by_role("button", name="Edit"))
    press(page.get_by_role("button", name="Delete", exact=True))
    expect(load).to_have_count(0)
    sound(page)
