"""Files of every format dropped on the workbench: read, or refused with an error."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from benchmarks.fuzz_seeds import h5ad_seeds, text_seeds
from tests.e2e.steps import a_file, delete_data, drop_file, open_page, open_sample, settle, sound, strip

pytestmark = [pytest.mark.browser, pytest.mark.thorough]

#: Real files, and the sample that the strip then shows.
READ = {
    "ERR188021.salmon.quant.sf.gz": "ERR188021",
    "ERR188021.kallisto.abundance.tsv.gz": "ERR188021",
    "ERR188021.rsem.genes.results.gz": "ERR188021",
    "ERR458837.star.ReadsPerGene.out.tab.gz": "ERR458837.star",
    "SRP021193.raw_counts.tsv.gz": "CASE_1 (1 of 12)",
    "hapmap_lcl_counts.csv.gz": "NA20502 (1 of 85)",
    "rnaseqc.gene_tpm.gct.gz": "rnaseqc.gene_tpm",
}
#: Real files without expression values, and their errors.
REFUSED = {
    "SRP021193.colData.tsv": "The table holds text only, no expression values.",
    "hapmap_lcl_coldata.csv": "This is a sample sheet",
}
#: Those of too few reads; nearly all of the GCT file is zero.
SHALLOW = ("ERR188021.rsem", "ERR458837.star", "rnaseqc", "SRP021193.raw")


def small_files() -> dict[str, bytes]:
    """Return small files of three samples by name."""
    text, dense = text_seeds(), h5ad_seeds()[0]
    return {
        "counts.csv": text["csv"][0],
        "semicolons.csv": text["csv"][3],
        "three.gct": text["gct"][1],
        "featurecounts.txt": text["featurecounts"][0],
        "dense.h5ad": dense,
        "packed.csv.gz": gzip.compress(text["csv"][0]),
        "packed.h5ad.gz": gzip.compress(dense),
    }


def drop(page: Page, file: Path | FilePayload, sample: str) -> None:
    """Drop a file on the empty workbench, and see its sample in the strip."""
    expect(strip(page)).to_contain_text("No sample")
    drop_file(page, file)
    expect(strip(page)).to_contain_text(sample)
    settle(page)
    sound(page)


def test_real_files(page: Page, shared_data: Path) -> None:
    open_page(page, "Workbench")
    files = {path.name: path for path in (shared_data / "uploads").iterdir()}
    assert set(files) == set(READ) | set(REFUSED)
    for name, sample in READ.items():
        drop(page, files[name], sample)
        open_sample(page)
        shallow = page.get_by_text("very shallow").first
        if name.startswith(SHALLOW):
            expect(shallow).to_be_visible()
        else:
            expect(shallow).to_have_count(0)
        delete_data(page)
    for name, sentence in REFUSED.items():
        drop_file(page, files[name])
        expect(page.get_by_text(sentence).first).to_be_visible()
        expect(strip(page)).to_contain_text("No sample")


def test_small_files(page: Page) -> None:
    open_page(page, "Workbench")
    for name, data in small_files().items():
        first = "A (1 of 2)" if name == "featurecounts.txt" else "tumour A (1 of 3)"
        drop(page, a_file(name, data), first)
        delete_data(page)


def test_a_file_that_is_no_table_is_refused_and_the_sample_stays(page: Page) -> None:
    open_page(page, "Workbench")
    drop(page, a_file("one.csv", text_seeds()["csv"][0]), "tumour A")
    open_sample(page)
    for name, data, sentence in (
        ("bomb.csv.gz", gzip.compress(bytes(40_000_000), 1), "too large"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(2000), "a picture"),
        ("book.xlsx", b"PK\x03\x04" + b"xl/workbook.xml" * 30, "Excel workbook"),
        ("empty.csv", b"\n", "empty"),
        ("broken.h5ad", h5ad_seeds()[0][:3000], "damaged"),
        ("page.html", b"<!doctype html><script>alert(1)</script>", "web page"),
    ):
        # The details stay open where a file could not be read.
        drop_file(page, a_file(name, data))
        expect(page.get_by_text(sentence).first).to_be_visible()
        expect(strip(page)).to_contain_text("tumour A")
