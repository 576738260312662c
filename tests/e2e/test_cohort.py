"""A cohort in the browser: the heat map by keyboard, and the way from a cell to its sample."""

from __future__ import annotations

import io
import re

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.steps import (
    a_file,
    button,
    choose,
    drop_file,
    open_page,
    pick,
    prediction,
    press,
    saved,
    settle,
    sound,
    strip,
)
from tests.support.factories import as_csv, make_samples

pytestmark = pytest.mark.browser


def open_cohort(page: Page) -> None:
    """Load eight samples and show the heat map of all of them."""
    open_page(page, "Workbench")
    drop_file(page, a_file("cohort.csv", as_csv(make_samples(8, prefix="patient"))))
    expect(strip(page)).to_contain_text("1 of 8")
    settle(page)
    choose(page, "All 8 samples")
    expect(page.locator(".heatmap path.cells").first).to_be_visible()


def test_a_cell_opens_its_sample(page: Page) -> None:
    open_cohort(page)
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


def test_the_other_samples_of_the_file_are_a_reference(page: Page) -> None:
    open_cohort(page)
    expect(page.locator(".st-key-card-cohort")).to_be_visible()
    pick(page, "Compared with", "Other 7 samples")
    expect(page.locator(".heatmap svg")).to_contain_text("against the other 7 samples")
    # The same choice is there for one sample.
    open_page(page, "Candidates")
    choose(page, "What drives this sample?")
    expect(button(page, "find-drivers")).to_be_visible()
    pick(page, "Compared with", "Other 7 samples")
    press(button(page, "find-drivers"))
    expect(button(page, "try-driver")).to_be_visible()
    _, data = saved(page, button(page, "download-drivers"))
    assert set(pd.read_csv(io.BytesIO(data))["reference"]) == {"other 7 samples"}
    sound(page)
