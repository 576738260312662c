"""From the home page, and from a search for candidates, to a prediction, by keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.steps import open_page, prediction, settle, strip

pytestmark = [pytest.mark.browser, pytest.mark.thorough]

#: No page has more stops than this before the one that a step needs.
_STOPS = 80
_FOCUSED = """() => {
    const here = document.activeElement;
    const label = here.getAttribute("aria-label") || here.labels?.[0]?.innerText;
    return here.matches("a, button, input, textarea, [role]") ? label || here.innerText : "";
}"""
#: Whether the focus is visible: its element, or a frame around it, looks different without it.
_MARKED = """async () => {
    const here = document.activeElement;
    const frames = [here];
    while (frames.length < 7) frames.push(frames.at(-1).parentElement);
    const looks = async () => {
        // A change of colour is an animation.
        for (let i = 0; i < 6; i++) await new Promise(requestAnimationFrame);
        await Promise.allSettled(document.getAnimations().map((moving) => moving.finished));
        return frames.map((frame) => {
            const style = getComputedStyle(frame);
            return [style.outlineStyle, style.boxShadow, style.borderTopColor, style.backgroundColor].join();
        }).join("|");
    };
    const marked = await looks();
    here.blur();
    const plain = await looks();
    here.focus();
    return marked !== plain;
}"""


def tab_to(page: Page, name: str) -> None:
    """Press Tab until an element with this name has the focus, and check that the focus is visible."""
    for _ in range(_STOPS):
        page.keyboard.press("Tab")
        if name in (page.evaluate(_FOCUSED) or "").splitlines():
            assert page.evaluate(_MARKED)
            return
    raise AssertionError(f"Tab does not reach {name!r} within {_STOPS} stops")


def test_from_home_to_a_prediction(page: Page) -> None:
    settle(page)
    tab_to(page, "Try an example patient")
    page.keyboard.press("Enter")
    expect(strip(page)).to_contain_text("TCGA-AA-3502-01")
    settle(page)
    expect(prediction(page)).to_be_visible()
    tab_to(page, "Knock out a gene")
    for name, symbol in (("p53", "TP53"), ("MYC", "MYC")):
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        expect(page.locator(f".st-key-on-{symbol}")).to_be_visible()
        expect(page.get_by_role("textbox", name="Knock out a gene")).to_have_value("")
        # The focus is back in the empty box.
        settle(page)
        expect(page.get_by_role("textbox", name="Knock out a gene")).to_be_focused()


def test_from_candidates_to_the_workbench(page: Page) -> None:
    open_page(page, "Candidates")
    tab_to(page, "Try an example patient")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-run button:enabled")).to_be_visible()
    settle(page)
    tab_to(page, "Search")
    page.keyboard.press("Enter")
    rows = page.locator(".candidates tbody tr")
    expect(rows).to_have_count(10)
    settle(page)
    gene = rows.nth(0).get_attribute("data-gene")
    tab_to(page, f"Try {gene} in the Workbench")
    page.keyboard.press("Enter")
    expect(page.locator(f".st-key-on-{gene}")).to_be_visible()
    expect(prediction(page)).to_be_visible()
