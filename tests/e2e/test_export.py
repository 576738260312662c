"""What a user takes along in a real browser: a report that opens offline, a bundle, and a link that is opened again."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.steps import ARTIFACTS, knock_out, open_page, press, taken, try_example

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


def test_report_bundle_and_link(
    page: Page, server: str, chromium: Browser, visitor: Callable[..., Page], tmp_path: Path
) -> None:
    open_page(page, "Perturb")
    try_example(page)
    knock_out(page, "p53", "TP53")
    press(page.get_by_role("button", name="Export"))
    expect(page.get_by_text("Name the sample and its file inside")).to_be_visible()
    name, data = taken(page, "HTML report")
    assert name == "cellstate-hypothesis-shift.html" and b"TCGA-AA-3502" not in data
    (tmp_path / name).write_bytes(data)
    reader = chromium.new_context(offline=True, viewport={"width": 1440, "height": 900})
    report, asked = reader.new_page(), []
    report.on("request", lambda request: asked.append(request.url))
    report.goto((tmp_path / name).as_uri())
    expect(report.get_by_role("heading", name="Predicted shift: TP53 knocked out")).to_be_visible()
    expect(report.locator("figure .main-svg").first).to_be_visible()
    shot_of_report(report)
    reader.close()
    assert asked == [(tmp_path / name).as_uri()]

    _, data = taken(page, "Run bundle")
    with zipfile.ZipFile(io.BytesIO(data)) as held:
        assert json.loads(held.read("settings.json"))["edits"] == ["TP53=ko"]

    link = page.get_by_test_id("stCode").inner_text().strip()
    assert link.startswith(f"{server}/perturb?v=1&edits=TP53=ko")
    other = visitor(link.removeprefix(server))
    expect(other.get_by_text("This link carried settings, and no data")).to_be_visible()
    expect(other.get_by_role("heading", name="Predicted shift")).to_be_visible()
    expect(other.get_by_text("TP53 knocked out").first).to_be_visible()
    assert "?" not in other.url


def shot_of_report(report: Page) -> None:
    """Keep a picture of the whole report."""
    ARTIFACTS.mkdir(exist_ok=True)
    report.screenshot(path=ARTIFACTS / "export-along-report.png", full_page=True)
