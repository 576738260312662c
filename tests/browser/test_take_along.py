"""What a user takes along in a real browser: a report that opens offline, a bundle, and a link that is opened again."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_way_through import ARTIFACTS, knock_out, page, server, shot  # noqa: F401

pytestmark = pytest.mark.browser


def taken(page: Page, name: str) -> tuple[str, bytes]:  # noqa: F811
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=True).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_report_bundle_and_link(page: Page, server: str, chromium: Browser, tmp_path: Path) -> None:  # noqa: F811
    page.get_by_role("button", name="Try an example patient").click()
    page.get_by_role("button", name="Edit genes of this sample").click()
    knock_out(page, "p53", "TP53")
    page.get_by_role("button", name="Take it along").click()
    expect(page.get_by_text("Name the sample and its file inside")).to_be_visible()
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "take-along-1-open.png")

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
    other = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
    other.goto(link)
    expect(other.get_by_text("This link carried settings, and no data")).to_be_visible(timeout=30_000)
    expect(other.get_by_role("heading", name="Predicted shift")).to_be_visible(timeout=30_000)
    expect(other.get_by_text("TP53 knocked out").first).to_be_visible()
    shot(other, "take-along-2-link")
    assert "?" not in other.url
    other.context.close()


def shot_of_report(report: Page) -> None:
    """Keep a picture of the whole report."""
    ARTIFACTS.mkdir(exist_ok=True)
    report.screenshot(path=ARTIFACTS / "take-along-3-report.png", full_page=True)
