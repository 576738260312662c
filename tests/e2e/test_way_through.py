"""A user's way through the app: sample, perturbations, table, download, evidence."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.steps import (
    REPOSITORY,
    a_file,
    button,
    delete_data,
    drop_file,
    knock_out,
    open_page,
    press,
    saved,
    sound,
    strip,
    try_example_alone,
)
from tests.support.factories import as_csv, make_samples

pytestmark = pytest.mark.browser

SALMON = REPOSITORY.parent / "shared" / "data" / "uploads" / "ERR188021.salmon.quant.sf.gz"


def knock_out_two_and_download(page: Page) -> pd.DataFrame:
    """Knock two genes out, see the prediction, and return the downloaded table."""
    knock_out(page, "p53", "TP53")
    knock_out(page, "MYC", "MYC")
    expect(strip(page)).to_contain_text("2 perturbations")
    expect(page.get_by_text("Hypothesis").first).to_be_visible()
    expect(page.locator('[class*="st-key-figure-"] :is(.main-svg, svg.marks)').first).to_be_visible()
    file, data = saved(page, button(page, "download-shift"))
    assert file.startswith("cellstate-hypothesis-")
    return pd.read_csv(io.BytesIO(data))


def check_download(table: pd.DataFrame) -> None:
    assert len(table) > 10_000
    perturbed = table[table["is_perturbed"]].set_index("gene")
    assert set(perturbed.index) == {"TP53", "MYC"}
    assert (perturbed["tpm_after"] == 0).all()
    assert not perturbed["is_reliable"].any()
    rest = table[~table["is_perturbed"]]
    assert rest["log2_fold_change"].abs().is_monotonic_decreasing
    assert rest["log2_fold_change"].abs().max() > 0
    assert {
        "log2_fold_change_no_change",
        "log2_fold_change_autoencoder",
        "log2_fold_change_pca",
        "predictor",
        "reason",
    } <= set(table)
    assert set(table["perturbations"]) == {"TP53 knocked out, MYC knocked out"}


def test_example_patient(page: Page) -> None:
    try_example_alone(page)
    table = knock_out_two_and_download(page)
    check_download(table)
    assert set(table["sample"]) == {"TCGA-AA-3502-01"}
    open_page(page, "Evidence")
    # Each of the five questions has a chart.
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(5)
    press(page.get_by_role("tab", name="Reconstruction"))
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(3)
    sound(page)


def test_own_file(page: Page) -> None:
    upload = SALMON if SALMON.exists() else a_file("synthetic.csv", as_csv(make_samples(1)))
    press(button(page, "home-upload"))
    drop_file(page, upload)
    expect(page.locator(".st-key-rail")).to_be_visible()
    check_download(knock_out_two_and_download(page))
    delete_data(page)
    sound(page)
