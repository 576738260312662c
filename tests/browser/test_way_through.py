"""A user's way through the app in a real browser: sample, edits, table, download, accuracy."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from cellstate.genes import gene_axis
from tests.factories import make_samples

pytestmark = pytest.mark.browser

REPOSITORY = Path(__file__).resolve().parents[2]
ARTIFACTS = REPOSITORY / "artifacts"
SALMON = REPOSITORY.parent / "shared" / "data" / "uploads" / "ERR188021.salmon.quant.sf.gz"
START_S = 60
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The app, served as a user serves it; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    command += ["--server.headless", "true", "--server.address", "127.0.0.1"]
    paths = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": paths}
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address + "/_stcore/health", process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(url: str, process: subprocess.Popen) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        assert process.poll() is None, "the server ended at its start"
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the server did not answer within {START_S} s")


@pytest.fixture
def page(server: str, chromium: Browser) -> Iterator[Page]:
    """A browser page on the home page; fails the test if the page asks anyone but the server."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    page, outside = context.new_page(), []
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page.on("request", lambda r: None if r.url.startswith((server, "data:", "blob:")) else outside.append(r.url))
    page.goto(server)
    yield page
    context.close()
    assert outside == []


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real salmon file, or a synthetic one where there is none."""
    if SALMON.exists():
        return SALMON
    path = tmp_path_factory.mktemp("upload") / "synthetic.csv"
    samples = make_samples(1)
    pd.DataFrame({"gene": gene_axis().symbol, "S1": samples.tpm_SA[0]}).to_csv(path, index=False)
    return path


def shot(page: Page, name: str) -> None:
    """Keep a picture of a step, once nothing on the page is in motion."""
    expect(page.locator('[data-testid="stStatusWidget"]')).to_have_count(0, timeout=PATIENCE_MS)
    ARTIFACTS.mkdir(exist_ok=True)
    usual = page.viewport_size
    assert usual is not None
    # The page scrolls inside its frame, so the frame is made as tall as what it holds.
    height = page.evaluate("() => document.querySelector('[data-testid=\"stMain\"]').scrollHeight")
    page.set_viewport_size({"width": usual["width"], "height": max(usual["height"], min(height + 10, 5000))})
    page.wait_for_timeout(500)
    page.screenshot(path=ARTIFACTS / f"{name}.png")
    page.set_viewport_size(usual)


def knock_out(page: Page, query: str, symbol: str) -> None:
    page.get_by_role("textbox", name="Find a gene").fill(query)
    page.get_by_role("button", name="Add the edit").click()
    expect(page.get_by_text(f"{symbol} knocked out").first).to_be_visible()


def knock_out_two_and_download(page: Page, name: str) -> pd.DataFrame:
    page.get_by_role("button", name="Edit genes of this sample").click()
    expect(page.get_by_role("heading", name="Perturb")).to_be_visible()
    knock_out(page, "p53", "TP53")
    knock_out(page, "MYC", "MYC")
    expect(page.get_by_role("heading", name="Predicted shift")).to_be_visible()
    expect(page.get_by_text("Hypothesis").first).to_be_visible()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(2)
    shot(page, f"{name}-3-perturb")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all genes as CSV").click()
    assert download.value.suggested_filename.startswith("cellstate-hypothesis-")
    return pd.read_csv(io.BytesIO(Path(download.value.path()).read_bytes()))


def check_download(table: pd.DataFrame) -> None:
    assert len(table) > 10_000
    edited = table[table["edited"]].set_index("gene")
    assert set(edited.index) == {"TP53", "MYC"}
    assert (edited["tpm_after"] == 0).all()
    assert not edited["trusted"].any()
    rest = table[~table["edited"]]
    assert rest["delta_log2"].abs().is_monotonic_decreasing
    assert rest["delta_log2"].abs().max() > 0
    assert {"delta_log2_no_change", "delta_log2_network", "delta_log2_pca", "predictor", "reason"} <= set(table)
    assert set(table["edits"]) == {"TP53 knocked out, MYC knocked out"}


def open_accuracy(page: Page, name: str) -> None:
    page.get_by_test_id("stTopNavLink").filter(has_text="Accuracy").click()
    expect(page.get_by_role("heading", name="Accuracy")).to_be_visible()
    expect(page.get_by_text("Gene mean R²").first).to_be_visible()
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(3)
    expect(page.get_by_text("Something went wrong")).to_have_count(0)
    shot(page, f"{name}-4-accuracy")


def test_example_patient(page: Page) -> None:
    shot(page, "example-1-home")
    page.get_by_role("button", name="Try an example patient").click()
    expect(page.get_by_role("heading", name="What was read")).to_be_visible()
    shot(page, "example-2-sample")
    table = knock_out_two_and_download(page, "example")
    check_download(table)
    assert set(table["sample"]) == {"TCGA-AA-3502-01"}
    open_accuracy(page, "example")


def test_own_file(page: Page, upload: Path) -> None:
    page.get_by_role("button", name="Use my own file").click()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(upload)
    expect(page.get_by_role("heading", name="What was read")).to_be_visible()
    expect(page.get_by_text(upload.name).first).to_be_visible()
    shot(page, "own-2-sample")
    check_download(knock_out_two_and_download(page, "own"))
    open_accuracy(page, "own")
    page.get_by_role("button", name="Forget my data").click()
    expect(page.get_by_text("No sample yet")).to_be_visible()


def test_regulators(page: Page) -> None:
    page.get_by_role("button", name="Try an example patient").click()
    expect(page.get_by_role("heading", name="What was read")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_test_id("stTopNavLink").filter(has_text="Regulators").click()
    page.get_by_role("button", name="Try an example:").click()
    expect(page.get_by_text("100 % means")).to_be_visible(timeout=PATIENCE_MS)
    search = page.get_by_role("button", name="Search", exact=True)
    search.click()
    expect(page.get_by_role("heading", name="Every edit")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Hypothesis").first).to_be_visible()
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(1)
    shot(page, "regulators-1-single")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all edits as CSV").click()
    assert download.value.suggested_filename.startswith("cellstate-hypothesis-screen-")
    table = pd.read_csv(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert table["score"].is_monotonic_decreasing
    # All pairs take long enough to be stopped, and to go on on another page.
    page.get_by_role("radio", name="Pairs").click()
    page.get_by_role("combobox", name="First gene").press("ArrowDown")
    page.get_by_role("option", name="All measured genes").click()
    expect(page.get_by_text("go on later")).to_be_visible(timeout=PATIENCE_MS)
    search.click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_test_id("stTopNavLink").filter(has_text="Home").click()
    expect(page.get_by_role("heading", name="What else would move?")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_test_id("stTopNavLink").filter(has_text="Regulators").click()
    expect(page.get_by_text("Rows of pairs")).to_be_visible(timeout=PATIENCE_MS)
    shot(page, "regulators-2-running")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("You stopped this search")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("You stopped this search")).to_be_visible(timeout=PATIENCE_MS)
    shot(page, "regulators-3-stopped")
    # The result before is still there; its first row opens in Perturb.
    page.get_by_role("radio", name="Single genes").click()
    frame = page.get_by_test_id("stDataFrame")
    frame.scroll_into_view_if_needed()
    frame.click(position={"x": 25, "y": 55})
    page.get_by_role("button", name=f"Open {table['gene'].iloc[0]} in Perturb").click()
    expect(page.get_by_role("heading", name="Predicted shift")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text(f"{table['gene'].iloc[0]} knocked out").first).to_be_visible()


def test_first_visitor_may_come_in_by_any_address(server: str, chromium: Browser) -> None:
    page = chromium.new_page()
    page.goto(server + "/model")
    expect(page.get_by_role("heading", name="What not to conclude").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("stTopNavLink")).to_have_count(8)
    page.close()
