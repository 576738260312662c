"""A search for regulators: its result, its progress, another page meanwhile, cancel and continue, and on to Perturb."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.steps import choose, open_page, pick, press, sound, strip, taken, try_example

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


@pytest.fixture
def goal(page: Page) -> Page:
    """The regulators page with a patient and a goal."""
    open_page(page, "Regulators")
    try_example(page)
    press(page.get_by_role("button", name="Try an example:"))
    expect(page.get_by_text("100 % means")).to_be_visible()
    return page


def search(page: Page) -> None:
    press(page.get_by_role("button", name="Search", exact=True))


def test_single_genes_are_ranked_and_opened(goal: Page) -> None:
    search(goal)
    expect(goal.get_by_role("heading", name="Every edit")).to_be_visible()
    expect(goal.get_by_text("Hypothesis").first).to_be_visible()
    expect(goal.get_by_test_id("stPlotlyChart")).to_have_count(1)
    file, data = taken(goal, "Download all edits as CSV")
    assert file.startswith("cellstate-hypothesis-screen-")
    table = pd.read_csv(io.BytesIO(data))
    assert table["score"].is_monotonic_decreasing
    # The first row of the table; what it draws is a canvas, so the row is clicked by its place.
    first = table["gene"].iloc[0]
    rows = goal.get_by_test_id("stDataFrame")
    rows.scroll_into_view_if_needed()
    rows.click(position={"x": 25, "y": 55})
    press(goal.get_by_role("button", name=f"Open {first} in Perturb"))
    expect(goal.get_by_role("heading", name="Predicted shift")).to_be_visible()
    expect(goal.get_by_text(f"{first} knocked out").first).to_be_visible()
    sound(goal)


def test_a_long_search_goes_on_elsewhere_and_can_be_stopped(goal: Page) -> None:
    # All pairs take minutes.
    choose(goal, "Pairs")
    pick(goal, "First gene", "All measured genes")
    expect(goal.get_by_text("go on later")).to_be_visible()
    search(goal)
    cancel = goal.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible()
    open_page(goal, "Help")
    expect(strip(goal)).to_contain_text("Searching:")
    open_page(goal, "Regulators")
    expect(goal.get_by_text("Rows of pairs")).to_be_visible()
    cancel.click()
    expect(goal.get_by_text("You stopped this search")).to_be_visible()
    expect(strip(goal)).not_to_contain_text("Searching:")
    goal.get_by_role("button", name="Continue").click()
    expect(goal.get_by_text("Rows of pairs")).to_be_visible()
    cancel.click()
    expect(goal.get_by_text("You stopped this search")).to_be_visible()
    sound(goal)


def test_a_combination_is_designed_and_taken_to_perturb(goal: Page) -> None:
    choose(goal, "Combination")
    expect(goal.get_by_role("button", name="Prediction method: Elastic net")).to_be_visible()
    search(goal)
    expect(goal.get_by_role("heading", name="Step by step")).to_be_visible()
    expect(goal.get_by_text("It is linear: edits add up")).to_be_visible()
    expect(goal.get_by_test_id("stPlotlyChart")).to_have_count(1)
    file, data = taken(goal, "Download the steps as CSV")
    assert file.startswith("cellstate-hypothesis-combination-")
    steps = pd.read_csv(io.BytesIO(data))
    assert 1 <= len(steps) <= 5 and (steps["gain"] > 0).all()
    press(goal.get_by_role("button", name="in Perturb"))
    expect(goal.get_by_role("heading", name="Predicted shift")).to_be_visible()
    for gene in steps["gene"]:
        expect(goal.get_by_text(f"{gene} knocked out").first).to_be_visible()
    sound(goal)
