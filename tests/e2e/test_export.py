"""Exports in a real browser: a report that opens offline, a bundle, and a link that is opened again."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.steps import ARTIFACTS, button, download, knock_out, prediction, press, try_example_alone

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


def test_report_bundle_and_link(
    page: Page, server: str, chromium: Browser, visitor: Callable[..., Page], tmp_path: Path
) -> None:
    try_example_alone(page)
    knock_out(page, "p53", "TP53")
    press(button(page, "export-prediction"))
    expect(page.get_by_text("Name the sample and its file inside")).to_be_visible()
    name, data = download(page, "HTML report")
    assert name == "cellstate-hypothesis-prediction.html" and b"TCGA-AA-3502" not in data
    (tmp_path / name).write_bytes(data)
    reader = chromium.new_context(offline=True, viewport={"width": 1440, "height": 900})
    report, requests = reader.new_page(), []
    report.on("request", lambda request: requests.append(request.url))
    report.goto((tmp_path / name).as_uri())
    expect(report.get_by_role("heading", level=1)).to_contain_text("TP53 knocked out")
    expect(report.locator("figure .main-svg").first).to_be_visible()
    ARTIFACTS.mkdir(exist_ok=True)
    report.screenshot(path=ARTIFACTS / "export-report.png", full_page=True)
    reader.close()
    assert requests == [(tmp_path / name).as_uri()]

    _, data = download(page, "Run bundle")
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        assert json.loads(bundle.read("settings.json"))["perturbations"] == ["TP53=ko"]

    link = page.get_by_test_id("stCode").inner_text().strip()
    assert link.startswith(f"{server}/workbench?v=1&perturb=TP53=ko")
    other = visitor(link.removeprefix(server))
    expect(other.get_by_text("This link carried settings, and no data")).to_be_visible()
    expect(prediction(other)).to_be_visible()
    expect(other.locator(".st-key-on-TP53")).to_be_visible()
    assert "?" not in other.url
