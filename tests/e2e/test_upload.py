"""Loading a sample: a pasted table, a failed upload with other settings, repaired names, QC of all samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from cellstate.genes import gene_axis
from tests.e2e.steps import a_file, button, delete_data, drop_file, open_page, open_sample, pick, press, sound, strip
from tests.support.factories import make_samples

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


def table(n_genes: int, names: tuple[str, ...] = ("A", "B")) -> pd.DataFrame:
    """Return TPM of some samples, genes in rows."""
    samples = make_samples(len(names))
    index = pd.Index(gene_axis().symbol[:n_genes], name="gene")
    tpm = pd.DataFrame(samples.tpm_SA[:, :n_genes].T, index=index, columns=list(names))
    return (tpm * 1e6 / tpm.sum()).round(3)


def test_a_pasted_table_is_read(page: Page) -> None:
    open_page(page, "Workbench")
    page.get_by_role("textbox", name="One row a gene").fill(table(2_000, ("Pasted",)).to_csv(sep="\t"))
    press(page.get_by_role("button", name="Read table"))
    expect(strip(page)).to_contain_text("Pasted")
    open_sample(page)
    expect(page.get_by_text("pasted table").first).to_be_visible()
    sound(page)


def test_a_failed_upload_is_read_with_other_settings(page: Page) -> None:
    # Logarithms without a zero that would give their offset away.
    odd = table(2_000)
    odd = np.log2(odd[(odd > 0.5).all(axis=1)] + 0.001).round(3)
    open_page(page, "Workbench")
    drop_file(page, a_file("odd.csv", odd.to_csv().encode()))
    expect(page.get_by_text("odd.csv could not be read")).to_be_visible()
    expect(strip(page)).to_contain_text("No sample")
    pick(page, "Unit", "log2(TPM+0.001)")
    press(page.get_by_role("button", name="Try again"))
    expect(strip(page)).to_contain_text("A (1 of 2)")
    sound(page)
    delete_data(page)
    drop_file(page, a_file("text.csv", b"gene,A\nTP53,many\n"))
    expect(page.get_by_text("text.csv could not be read")).to_be_visible()
    press(button(page, "discard-failed"))
    expect(page.get_by_text("text.csv could not be read")).to_have_count(0)


def test_names_are_repaired_and_samples_checked_and_selected(page: Page) -> None:
    spoilt = table(18_000).rename(index={"SEPTIN9": "9-Sep", "MARCHF1": "1-Mar", "MTARC1": "no such gene"})
    open_page(page, "Workbench")
    drop_file(page, a_file("spoilt.csv", spoilt.to_csv().encode()))
    open_sample(page)
    expect(page.get_by_text("2 names look like dates")).to_be_visible()
    expect(page.get_by_text("Not matched:")).to_be_visible()
    press(button(page, "repair-dates"))
    expect(page.get_by_text("Repaired: 9-Sep to SEPTIN9")).to_be_visible()
    press(button(page, "run-qc"))
    expect(button(page, "run-qc")).to_have_count(0)
    pick(page, "Sample, of 2 in the file", "B")
    expect(strip(page)).to_contain_text("B (2 of 2)")
    expect(page.get_by_role("heading", name="B", exact=True)).to_be_visible()
    sound(page)
