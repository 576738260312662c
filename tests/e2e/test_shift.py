"""The sections of a prediction: linked chart and table, saved figures, and every tab; with the dark theme."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Locator, Page, expect

from cellstate.genes import gene_axis
from tests.e2e.steps import a_file, button, drop_file, prediction, press, saved, sound

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


@pytest.fixture
def predicted(visitor: Callable[..., Page]) -> Page:
    """A prediction of two perturbations from a link."""
    page = visitor("/workbench?v=1&perturb=TP53=ko,MYC=x3", color_scheme="dark")
    expect(prediction(page)).to_be_visible()
    return page


def figure(page: Page, key: str) -> Locator:
    """Return a figure with its sentence and buttons."""
    return page.locator(f'[class*="st-key-figure-{key}"]')


def open_tab(page: Page, name: str) -> Locator:
    """Open a section of the prediction; returns its panel."""
    press(page.get_by_role("tab", name=name))
    return page.get_by_role("tabpanel", name=name)


def test_a_box_selects_rows_and_rows_name_points(predicted: Page) -> None:
    drawn = figure(predicted, "linked-chart").locator("svg.marks")
    area = drawn.bounding_box()
    assert area is not None
    bars = drawn.locator("rect.bar")
    before = bars.count()
    # The scatter plot is the right half.
    predicted.mouse.move(area["x"] + 0.7 * area["width"], area["y"] + 40)
    predicted.mouse.down()
    predicted.mouse.move(area["x"] + 0.8 * area["width"], area["y"] + 340, steps=5)
    predicted.mouse.up()
    chosen = predicted.get_by_text("selected in the chart")
    expect(chosen).to_be_visible()
    expect(drawn.get_by_text("Most changed genes in the box")).to_be_visible()

    # A zoom stays while rows are ticked; the table is drawn on a canvas: its first box is ticked by its place.
    predicted.mouse.move(area["x"] + 0.75 * area["width"], area["y"] + 100)
    predicted.keyboard.down("Shift")
    predicted.mouse.wheel(0, -400)
    predicted.keyboard.up("Shift")
    ticks = drawn.locator("text").all_inner_texts()
    rows = predicted.get_by_role("tabpanel", name="Table").get_by_test_id("stDataFrame")
    rows.scroll_into_view_if_needed()
    rows.click(position={"x": 20, "y": 55})
    expect(predicted.get_by_text("1 ticked gene is named")).to_be_visible()
    expect(drawn.locator("circle")).to_have_count(1)
    assert [text for text in ticks if text not in drawn.locator("text").all_inner_texts()] == []
    press(button(predicted, "clear-selection"))
    expect(chosen).to_have_count(0)
    expect(bars).to_have_count(before)
    sound(predicted)


def test_a_figure_is_saved_in_two_forms(predicted: Page) -> None:
    check_saved(predicted, "linked-chart", "svg.marks", "cellstate-hypothesis-genes")
    open_tab(predicted, "Titration")
    check_saved(predicted, "titration-lines", ".main-svg", "cellstate-hypothesis-titration-lines")


def check_saved(page: Page, key: str, drawing: str, stem: str) -> None:
    drawn = figure(page, key)
    area = drawn.locator(drawing).first.bounding_box()
    assert area is not None
    name, data = saved(page, drawn.get_by_role("button", name=re.compile("^SVG: save the figure")))
    assert name == f"{stem}.svg"
    assert ElementTree.fromstring(data).tag == "{http://www.w3.org/2000/svg}svg"
    name, data = saved(page, drawn.get_by_role("button", name=re.compile("^PNG: save the figure")))
    assert name == f"{stem}.png"
    # Sharp enough for print.
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">I", data[16:20])[0] == pytest.approx(3 * area["width"], rel=0.02)


def test_every_section_shows_its_figures(predicted: Page) -> None:
    symbols = gene_axis().symbol
    sets = "\n".join("\t".join([f"SET {i}", "", *symbols[i::400]]) for i in range(3))
    pathways = open_tab(predicted, "Pathways")
    expect(pathways.get_by_text("MSigDB Hallmark")).to_be_visible()
    expect(figure(predicted, "pathway-bars").locator(".main-svg").first).to_be_visible()
    press(pathways.get_by_role("button", name="Use my own sets"))
    drop_file(predicted.get_by_test_id("stPopoverBody").last, a_file("sets.gmt", sets.encode()))
    expect(pathways.get_by_text("sets.gmt")).to_be_visible()
    expect(figure(predicted, "pathway-bars").locator(".main-svg").first).to_be_visible()
    for section, keys in (
        ("Cohort", ("cohort-map", "cohort-arrow")),
        ("Perturbations", ("combined-heatmap",)),
        ("Titration", ("titration-lines",)),
    ):
        open_tab(predicted, section)
        for key in keys:
            expect(figure(predicted, key).locator(".main-svg").first).to_be_visible()
    text = figure(predicted, "titration-lines").locator(".xtick text").first
    # The app is dark, so its figures write in a light colour.
    expect(predicted.get_by_test_id("stApp")).to_have_css("background-color", "rgb(17, 22, 28)")
    assert min(map(int, re.findall(r"\d+", text.evaluate("e => getComputedStyle(e).fill"))[:3])) > 128
    sound(predicted)
