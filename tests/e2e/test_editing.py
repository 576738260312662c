"""The list of perturbations: find, set, change, switch, undo; one gene or many."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.screens import PHONE
from tests.e2e.steps import button, choose, knock_out, prediction, press, sound, strip, try_example, try_example_alone

pytestmark = [pytest.mark.browser, pytest.mark.thorough]

#: Keeps every height that an element has from now on.
_WATCH = """(element) => {
    window.heights = []
    new ResizeObserver(() => window.heights.push(element.clientHeight)).observe(element)
}"""


@pytest.fixture
def patient(page: Page) -> Page:
    """The workbench with an example patient."""
    try_example_alone(page)
    press(page.get_by_role("button", name="More"))
    return page


def entry(page: Page, label: str) -> Locator:
    """Return a perturbation in the list by the label of its switch."""
    return page.locator('[class*="st-key-on-"] label').filter(has_text=re.compile(f"^{label}"))


def test_perturbations_are_added_changed_and_undone(patient: Page) -> None:
    patient.get_by_role("textbox", name="Find a gene").fill("p53")
    expect(patient.get_by_text("p53 → TP53")).to_be_visible()
    press(button(patient, "add"))
    expect(entry(patient, "TP53 KO")).to_be_visible()
    expect(strip(patient)).to_contain_text("1 perturbation")

    # A level by the slider; the figure follows it.
    patient.get_by_role("textbox", name="Find a gene").fill("c-myc")
    expect(patient.get_by_text("c-myc → MYC")).to_be_visible()
    choose(patient, "Set to")
    slider = patient.get_by_role("slider", name="Level, from none to beyond the cohort")
    number = patient.get_by_role("spinbutton", name="Level (TPM)")
    here = number.input_value()
    expect(patient.get_by_text("so nothing would change")).to_be_visible()
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    expect(number).not_to_have_value(here)
    expect(patient.get_by_text("so nothing would change")).to_have_count(0)
    press(button(patient, "add"))
    myc = entry(patient, "MYC = ")
    expect(myc).to_be_visible()
    expect(strip(patient)).to_contain_text("2 perturbations")

    patient.keyboard.press("Escape")
    # Every step is undone and repeated, by buttons and by keys.
    press(button(patient, "undo"))
    expect(myc).to_have_count(0)
    press(button(patient, "redo"))
    expect(myc).to_be_visible()
    patient.keyboard.press("Alt+z")
    expect(myc).to_have_count(0)
    patient.keyboard.press("Alt+y")
    expect(myc).to_be_visible()

    headline = patient.get_by_role("heading", level=2).first
    press(entry(patient, "TP53 KO"))
    expect(strip(patient)).to_contain_text("1 perturbation")
    expect(headline).to_have_text(re.compile("^MYC = "))
    press(entry(patient, "TP53 KO"))
    expect(headline).to_have_text(re.compile("^TP53 KO and MYC = "))

    press(button(patient, "change-TP53"))
    dialog = patient.get_by_role("dialog")
    press(dialog.get_by_role("radio", name="Knock down"))
    expect(dialog.get_by_role("slider", name="Reduce by")).to_be_visible()
    press(dialog.get_by_role("button", name="Apply"))
    expect(dialog).to_have_count(0)
    expect(entry(patient, "TP53 KD 50%")).to_be_visible()
    expect(entry(patient, "TP53 KO")).to_have_count(0)

    press(patient.get_by_role("button", name="Remove").last)
    expect(myc).to_have_count(0)
    press(button(patient, "remove-TP53"))
    expect(patient.get_by_text("No perturbations yet.")).to_be_visible()
    press(button(patient, "undo"))
    expect(entry(patient, "TP53 KD 50%")).to_be_visible()
    sound(patient)


def test_a_pasted_gene_list_is_one_step(patient: Page) -> None:
    choose(patient, "Gene list")
    names = patient.get_by_role("textbox", name="Gene names")
    names.fill("p53, HER2; ENSG00000133703\nnonsense")
    names.press("Control+Enter")
    expect(patient.get_by_text("4 names: 3 genes of this model")).to_be_visible()
    press(patient.get_by_role("button", name="Add 3 perturbations"))
    for symbol in ("TP53", "ERBB2", "KRAS"):
        expect(entry(patient, f"{symbol} KO")).to_be_visible()
    expect(strip(patient)).to_contain_text("3 perturbations")
    patient.keyboard.press("Escape")
    press(button(patient, "undo"))
    expect(strip(patient)).to_contain_text("No perturbations")
    expect(patient.locator('[class*="st-key-on-"]')).to_have_count(0)
    sound(patient)


def test_an_alias_makes_the_answer_move_once(page: Page) -> None:
    try_example(page)
    page.set_viewport_size(PHONE)
    expect(prediction(page)).to_be_visible()
    page.locator(".st-key-rail").evaluate(_WATCH)
    knock_out(page, "p53", "TP53")
    # By one row; the note on the alias is not shown on a phone.
    heights = page.evaluate("window.heights")
    assert heights == sorted(heights) and 0 < heights[-1] - heights[0] < 60
