"""The parts of a predicted shift: linked figure and table, saved figures, and every tab; in the dark."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Locator, Page, expect

from cellstate.genes import gene_axis
from tests.browser.steps import a_file, drop_file, press, saved, sound

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


@pytest.fixture
def shift(visitor: Callable[..., Page]) -> Page:
    """A shift by two edits, that a link brought."""
    page = visitor("/perturb?v=1&edits=TP53=ko,MYC=x3", color_scheme="dark")
    expect(page.get_by_role("heading", name="Predicted shift")).to_be_visible()
    expect(figure(page, "shift-scatter").locator(".main-svg").first).to_be_visible()
    return page


def figure(page: Page, key: str) -> Locator:
    """Return a figure with its sentence and buttons."""
    return page.locator(f'[class*="st-key-figure-{key}"]')


def open_tab(page: Page, name: str) -> Locator:
    """Open a part of the shift; returns what it shows."""
    press(page.get_by_role("tab", name=name))
    return page.get_by_role("tabpanel", name=name)


def test_points_choose_rows_and_rows_name_points(shift: Page) -> None:
    drawn = figure(shift, "shift-scatter")
    drawn.scroll_into_view_if_needed()
    drawn.locator('[data-title="Box Select"]').click()
    area = drawn.locator(".nsewdrag").first.bounding_box()
    assert area is not None
    shift.mouse.move(area["x"] + 5, area["y"] + 5)
    shift.mouse.down()
    shift.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] - 5, steps=5)
    shift.mouse.up()
    chosen = shift.get_by_text("selected in the figure")
    expect(chosen).to_be_visible()
    press(shift.get_by_role("button", name="Clear selection", exact=True))
    expect(chosen).to_have_count(0)

    # What the table draws is a canvas: its first box is ticked by its place.
    rows = shift.get_by_role("tabpanel", name="Genes").get_by_test_id("stDataFrame")
    rows.scroll_into_view_if_needed()
    rows.click(position={"x": 20, "y": 55})
    expect(shift.get_by_text("1 ticked gene is named in the figure")).to_be_visible()
    sound(shift)


def test_a_figure_is_saved_in_two_forms(shift: Page) -> None:
    drawn = figure(shift, "top-genes")
    name, data = saved(shift, drawn.get_by_role("button", name=re.compile("^SVG: save the figure")))
    assert name == "cellstate-hypothesis-top-genes.svg"
    assert ElementTree.fromstring(data).tag == "{http://www.w3.org/2000/svg}svg"
    name, data = saved(shift, drawn.get_by_role("button", name=re.compile("^PNG: save the figure")))
    assert name == "cellstate-hypothesis-top-genes.png"
    area = drawn.locator(".main-svg").first.bounding_box()
    assert area is not None and data.startswith(b"\x89PNG\r\n\x1a\n")
    # Sharp enough for print.
    assert struct.unpack(">I", data[16:20])[0] == pytest.approx(3 * area["width"], rel=0.02)


def test_every_part_shows_its_figures(shift: Page) -> None:
    symbols = gene_axis().symbol
    sets = "\n".join("\t".join([f"SET {i}", "", *symbols[i::400]]) for i in range(3))
    pathways = open_tab(shift, "Pathways")
    drop_file(pathways, a_file("sets.gmt", sets.encode()))
    expect(pathways.get_by_text("NES as a ranking")).to_be_visible()
    expect(figure(shift, "pathway-bars").locator(".main-svg").first).to_be_visible()
    for part, said, keys in (
        ("Cohort map", "of the cohort's spread", ("cohort-map", "cohort-arrow")),
        ("Several edits", "moves genes most", ("edit-heat",)),
        ("Doses", "alone is set to", ("dose-lines",)),
    ):
        expect(open_tab(shift, part).get_by_text(said).first).to_be_visible()
        for key in keys:
            expect(figure(shift, key).locator(".main-svg").first).to_be_visible()
    text = figure(shift, "dose-lines").locator(".xtick text").first
    # The app is dark, so its figures write in a light colour.
    expect(shift.get_by_test_id("stApp")).to_have_css("background-color", "rgb(17, 22, 28)")
    assert min(map(int, re.findall(r"\d+", text.evaluate("e => getComputedStyle(e).fill"))[:3])) > 128
    sound(shift)
