"""A search for candidates: its result, its progress, another page meanwhile, cancel, continue, and the workbench."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.steps import button, choose, open_page, pick, prediction, press, saved, sound, strip, try_example

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


@pytest.fixture
def goal(page: Page) -> Page:
    """The candidates page with an example patient and a goal."""
    open_page(page, "Candidates")
    try_example(page)
    expect(page.get_by_text("Goal:")).to_be_visible()
    return page


def test_what_drives_a_patient_opens_in_the_workbench(page: Page) -> None:
    open_page(page, "Candidates")
    try_example(page)
    choose(page, "What drives this sample?")
    press(button(page, "find-drivers"))
    attempt = button(page, "try-driver")
    expect(attempt).to_be_visible()
    # The evidence comes before the figure, as for every other answer.
    expect(page.locator(".st-key-card-drivers")).to_be_visible()
    file, data = saved(page, button(page, "download-drivers"))
    assert file.startswith("cellstate-hypothesis-regulators-")
    table = pd.read_csv(io.BytesIO(data))
    assert table["z"].is_monotonic_decreasing and len(table) > 1000
    press(attempt)
    expect(prediction(page)).to_be_visible()
    expect(page.locator(f".st-key-on-{table['gene'].iloc[0]}")).to_be_visible()
    sound(page)


def search(page: Page) -> None:
    press(button(page, "run"))


def test_single_genes_are_ranked_and_opened(goal: Page) -> None:
    search(goal)
    rows = goal.locator(".candidates tbody tr")
    expect(rows).to_have_count(10)
    expect(goal.get_by_text("Hypothesis").first).to_be_visible()
    # The form is one line now.
    expect(button(goal, "run")).to_have_count(0)
    expect(button(goal, "change-search")).to_be_visible()
    file, data = saved(goal, button(goal, "download-screen"))
    assert file.startswith("cellstate-hypothesis-screen-")
    table = pd.read_csv(io.BytesIO(data))
    assert table["score"].is_monotonic_decreasing
    assert [row.get_attribute("data-gene") for row in rows.all()] == table["gene"].head(10).tolist()
    press(button(goal, "more-candidates"))
    expect(rows).to_have_count(20)
    wanted = table["gene"].iloc[3]
    for site in ("Ensembl", "Open Targets", "DepMap", "GeneCards"):
        expect(rows.nth(3).get_by_role("link", name=f"{wanted} in {site}")).to_be_visible()
    press(goal.get_by_role("button", name=f"Try {wanted} in the Workbench"))
    expect(prediction(goal)).to_be_visible()
    expect(goal.locator(f".st-key-on-{wanted}")).to_be_visible()
    sound(goal)


def test_a_long_search_goes_on_behind_other_pages_and_can_be_stopped(goal: Page) -> None:
    # All pairs take minutes.
    choose(goal, "Pairs")
    goal.get_by_text("More options").click()
    pick(goal, "First gene", "All measured genes")
    search(goal)
    cancel = button(goal, "cancel")
    expect(cancel).to_be_visible()
    open_page(goal, "Help")
    expect(strip(goal)).to_contain_text("Searching:")
    open_page(goal, "Candidates")
    expect(goal.get_by_text("Rows of pairs")).to_be_visible()
    cancel.click()
    expect(goal.get_by_text("You stopped this search")).to_be_visible()
    expect(strip(goal)).not_to_contain_text("Searching:")
    button(goal, "continue").click()
    expect(goal.get_by_text("Rows of pairs")).to_be_visible()
    cancel.click()
    expect(goal.get_by_text("You stopped this search")).to_be_visible()
    sound(goal)


def test_a_combination_opens_in_the_workbench(goal: Page) -> None:
    choose(goal, "Sets")
    # Until the form of sets stands there, a press of Search still starts the search for single genes.
    expect(goal.locator(".st-key-combination-action")).to_be_visible()
    search(goal)
    expect(button(goal, "open-in-perturb")).to_be_visible()
    expect(goal.get_by_test_id("stPlotlyChart")).to_have_count(1)
    file, data = saved(goal, button(goal, "download-combination"))
    assert file.startswith("cellstate-hypothesis-combination-")
    steps = pd.read_csv(io.BytesIO(data))
    assert 1 <= len(steps) <= 5 and (steps["gain"] > 0).all()
    press(button(goal, "open-in-perturb"))
    expect(prediction(goal)).to_be_visible()
    for gene in steps["gene"]:
        expect(goal.locator(f".st-key-on-{gene}")).to_be_visible()
    sound(goal)
