"""The page for a lab meeting, printed by Chromium: one sheet of A4, whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Browser

from cellstate.report.one_page import CANDIDATES, GENES, MAX_PERTURBATIONS, OnePage, render_page

_PAGE = re.compile(rb"/Type\s*/Page\b")


def longest() -> OnePage:
    """Return a page whose every part is as long as it can be."""
    sentence = (
        "In the largest changes, 100% of the signs of 6 other methods are the same; at least 80% is needed, 50% is. "
    )
    candidate = {"gene": "HNRNPCL1-AS", "z": "\u22125.84", "fdr": "0.13", "action": "over-expression"}
    change = {
        "gene": "HNRNPCL1",
        "log2": "\u22121.12",
        "percent": "\u221254%",
        "start": -48,
        "width": 48,
        "falls": True,
    }
    return OnePage(
        title=("ABCDEFG knocked out, " * 9)[:100],
        facts=[
            ("Sample", "TCGA-AA-3502-01." * 5),
            ("Tissue", "salivary gland, cell line"),
            ("Perturbations", ("ABCDEFG knocked out, " * 9)[:MAX_PERTURBATIONS]),
            ("Model", "coadread, 17,691 genes, trained on TCGA colon and rectum adenocarcinoma"),
        ],
        warnings=[sentence * 3],
        candidates_title="What drives this sample",
        candidates_text=sentence * 3,
        candidates=[candidate | {"essential": "common essential", "drugs": ("Dabrafenib mesylate; " * 3)[:40]}]
        * CANDIDATES,
        change_title="Largest predicted changes",
        changes=[change] * GENES,
        change_note=sentence,
        level="Moderate evidence",
        checks=[{"passed": False, "title": "Not confirmed on real knock-outs", "sentence": sentence + sentence[:60]}]
        * 4,
        methods=sentence * 8,
        limits=sentence * 4,
        footer=sentence,
    )


def test_it_prints_on_one_sheet_of_a4(start_chromium: Callable[..., Browser]) -> None:
    browser = start_chromium()
    page = browser.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.set_content(render_page(longest()).decode())
    pdf = page.pdf(format="A4", prefer_css_page_size=True)
    browser.close()
    assert len(_PAGE.findall(pdf)) == 1
    assert refused == []
