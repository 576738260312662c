"""Templates of the help page, downloaded and brought again: samples, their groups compared, and gene sets."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from cellstate.ui.help.templates import TEMPLATES
from tests.e2e.steps import a_file, drop_file, forget, open_page, press, saved, sound, strip

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


def test_templates_come_back_as_samples_groups_and_sets(page: Page) -> None:
    open_page(page, "Help")
    buttons = page.get_by_test_id("stDownloadButton").get_by_role("button", name="Download")
    expect(buttons).to_have_count(len(TEMPLATES))
    files = dict(saved(page, button) for button in buttons.all())
    assert set(files) == {template.file_name for template in TEMPLATES}

    open_page(page, "Sample")
    samples = [template.file_name for template in TEMPLATES if template.is_samples]
    for name in samples:
        drop_file(page, a_file(name, files[name]))
        expect(strip(page)).to_contain_text("made-up-control-1 (1 of 4)")
        sound(page)
        if name != samples[-1]:
            forget(page)

    groups, sets = (template.file_name for template in TEMPLATES if not template.is_samples)
    press(page.get_by_role("button", name="Sample sheet"))
    drop_file(page.get_by_test_id("stPopoverBody"), a_file(groups, files[groups]))
    expect(page.get_by_text("4 samples of 4 got a group")).to_be_visible()
    page.keyboard.press("Escape")
    press(page.get_by_role("button", name="Compare them"))
    press(page.locator(".st-key-use-loaded button"))
    edit = page.get_by_role("textbox", name="What was done to the treated samples")
    edit.fill(f"{gene(files[sets])}=kd50")
    edit.press("Enter")
    expect(page.get_by_role("heading", name="Predicted against measured")).to_be_visible()
    expect(page.get_by_text("2 control samples against 2 treated")).to_be_visible()
    expect(page.locator(".main-svg").first).to_be_visible()
    press(page.locator(".st-key-swap-groups button"))
    expect(page.get_by_role("combobox", name="Control group")).to_have_value("treated (2)")
    sound(page)

    open_page(page, "Perturb")
    press(page.get_by_role("radio", name="A gene set"))
    drop_file(page, a_file(sets, files[sets]))
    expect(page.get_by_text("12 names:")).to_be_visible()
    sound(page)


def gene(gmt: bytes) -> str:
    """Return a gene of the first set."""
    return gmt.decode().splitlines()[0].split("\t")[3]
