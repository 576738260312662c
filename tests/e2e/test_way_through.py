"""A user's way through the app in a real browser: sample, edits, table, download, accuracy."""

from __future__ import annotations

import io
from collections.abc import Callable

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.steps import (
    REPOSITORY,
    a_file,
    drop_file,
    forget,
    knock_out,
    open_page,
    press,
    sound,
    strip,
    taken,
    try_example,
)
from tests.support.factories import as_csv, make_samples

pytestmark = pytest.mark.browser

SALMON = REPOSITORY.parent / "shared" / "data" / "uploads" / "ERR188021.salmon.quant.sf.gz"


def knock_out_two_and_download(page: Page) -> pd.DataFrame:
    """Knock two genes out, see the answer, and return the table that can be downloaded."""
    press(page.get_by_role("button", name="Edit genes of this sample"))
    knock_out(page, "p53", "TP53")
    knock_out(page, "MYC", "MYC")
    expect(strip(page)).to_contain_text("2 edits")
    expect(page.get_by_role("heading", name="Predicted shift")).to_be_visible()
    expect(page.get_by_text("Hypothesis").first).to_be_visible()
    expect(page.locator('[class*="st-key-figure-"] :is(.main-svg, svg.marks)').first).to_be_visible()
    file, data = taken(page, "Download all genes as CSV")
    assert file.startswith("cellstate-hypothesis-")
    return pd.read_csv(io.BytesIO(data))


def check_download(table: pd.DataFrame) -> None:
    assert len(table) > 10_000
    edited = table[table["is_perturbed"]].set_index("gene")
    assert set(edited.index) == {"TP53", "MYC"}
    assert (edited["tpm_after"] == 0).all()
    assert not edited["is_reliable"].any()
    rest = table[~table["is_perturbed"]]
    assert rest["log2_fold_change"].abs().is_monotonic_decreasing
    assert rest["log2_fold_change"].abs().max() > 0
    assert {
        "log2_fold_change_no_change",
        "log2_fold_change_network",
        "log2_fold_change_pca",
        "predictor",
        "reason",
    } <= set(table)
    assert set(table["edits"]) == {"TP53 knocked out, MYC knocked out"}


def test_example_patient(page: Page) -> None:
    try_example(page)
    expect(page.get_by_role("heading", name="What was read")).to_be_visible()
    table = knock_out_two_and_download(page)
    check_download(table)
    assert set(table["sample"]) == {"TCGA-AA-3502-01"}
    open_page(page, "Accuracy")
    expect(page.get_by_text("Gene mean R²").first).to_be_visible()
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(3)
    sound(page)


def test_own_file(page: Page) -> None:
    upload = SALMON if SALMON.exists() else a_file("synthetic.csv", as_csv(make_samples(1)))
    press(page.get_by_role("button", name="Use my own file"))
    drop_file(page, upload)
    expect(page.get_by_role("heading", name="What was read")).to_be_visible()
    expect(page.get_by_text(SALMON.name if SALMON.exists() else "synthetic.csv").first).to_be_visible()
    check_download(knock_out_two_and_download(page))
    forget(page)
    expect(page.get_by_text("No sample yet")).to_be_visible()
    sound(page)


def test_the_first_visitor_may_come_in_by_any_address(first_heading: str, visitor: Callable[..., Page]) -> None:
    assert first_heading == "Model"
    # And any later one.
    expect(visitor("/model").get_by_role("heading", name="Limits").first).to_be_visible()
