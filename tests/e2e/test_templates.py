"""Templates of the help page, downloaded and uploaded: samples, their groups compared, and gene sets."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from cellstate.ui.help.templates import TEMPLATES
from tests.e2e.steps import (
    a_file,
    button,
    choose,
    delete_data,
    drop_file,
    open_page,
    open_sample,
    press,
    saved,
    sound,
    strip,
)

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


def test_templates_are_read_as_samples_groups_and_sets(page: Page) -> None:
    open_page(page, "Help")
    buttons = page.get_by_test_id("stDownloadButton").get_by_role("button", name="Download")
    expect(buttons).to_have_count(len(TEMPLATES))
    files = dict(saved(page, button) for button in buttons.all())
    assert set(files) == {template.file_name for template in TEMPLATES}

    open_page(page, "Workbench")
    samples = [template.file_name for template in TEMPLATES if template.is_samples]
    for name in samples:
        drop_file(page, a_file(name, files[name]))
        expect(strip(page)).to_contain_text("made-up-control-1 (1 of 4)")
        sound(page)
        if name != samples[-1]:
            delete_data(page)

    groups, sets = (template.file_name for template in TEMPLATES if not template.is_samples)
    open_sample(page)
    press(page.get_by_role("button", name="Sample sheet"))
    drop_file(page.get_by_test_id("stPopoverBody"), a_file(groups, files[groups]))
    expect(button(page, "to-experiment")).to_be_visible()
    page.keyboard.press("Escape")
    press(button(page, "to-experiment"))
    # What is left of the workbench takes no clicks.
    expect(page.get_by_role("heading", level=1)).to_have_text("Validate")
    press(button(page, "use-loaded"))
    expect(page.get_by_role("combobox", name="Control group")).to_be_visible()
    box = page.get_by_role("textbox", name="Perturbation of the treated samples")
    box.fill(f"{gene(files[sets])}=kd50")
    box.press("Enter")
    expect(page.get_by_role("heading", name="All prediction methods")).to_be_visible()
    expect(page.get_by_text("2 control samples")).to_be_visible()
    expect(page.locator(".main-svg").first).to_be_visible()
    press(button(page, "swap-groups"))
    expect(page.get_by_role("combobox", name="Control group")).to_have_value("treated (2)")
    sound(page)

    open_page(page, "Workbench")
    press(page.get_by_role("button", name="More"))
    choose(page, "Gene set")
    press(page.get_by_role("button", name="Use my own sets"))
    drop_file(page.get_by_test_id("stPopoverBody").last, a_file(sets, files[sets]))
    expect(page.get_by_text("12 names:")).to_be_visible()
    sound(page)


def gene(gmt: bytes) -> str:
    """Return a gene of the first set."""
    return gmt.decode().splitlines()[0].split("\t")[3]
