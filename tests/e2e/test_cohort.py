"""A cohort in the browser: the heat map by keyboard, and the way from a cell to its sample."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.steps import a_file, choose, drop_file, open_page, prediction, settle, sound, strip
from tests.support.factories import as_csv, make_samples

pytestmark = pytest.mark.browser


def test_a_cell_opens_its_sample(page: Page) -> None:
    open_page(page, "Workbench")
    drop_file(page, a_file("cohort.csv", as_csv(make_samples(4, prefix="patient"))))
    expect(strip(page)).to_contain_text("1 of 4")
    settle(page)
    choose(page, "All 4 samples")
    expect(page.locator(".heatmap path.cells").first).to_be_visible()
    settle(page)
    heatmap = page.locator(".heatmap")
    heatmap.press("ArrowDown")
    heatmap.press("ArrowRight")
    said = heatmap.locator(".said").inner_text()
    gene, sample = re.match(r"(\S+) in ([^,]+),", said).groups()  # type: ignore[union-attr]
    heatmap.press("Enter")
    expect(prediction(page)).to_be_visible()
    expect(strip(page)).to_contain_text(sample)
    expect(page.locator(f".st-key-on-{gene}")).to_be_visible()
    sound(page)
