"""Many genes at once: a pasted list and a gene set, what each name means, and one edit for all in one step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.ui.components.share_link import MAX_PERTURBATIONS
from cellstate.ui.runtime.resources import model
from cellstate.ui.state.session import GeneSets, Session
from cellstate.ui.workbench import gene_list as many_genes
from tests.app.conftest import check, words


@pytest.fixture
def page(with_example: AppTest) -> AppTest:
    with_example.switch_page("pages/workbench.py").run()
    return with_example


def choose(app: AppTest, way: str) -> None:
    app.segmented_control(key="way").set_value(way).run()
    check(app)


def paste(app: AppTest, text: str) -> None:
    choose(app, "list")
    app.text_area(key="gene-list").set_value(text).run()
    check(app)


def state(app: AppTest) -> Session:
    return app.session_state["cellstate"]


def test_a_pasted_list_becomes_one_step(page: AppTest) -> None:
    paste(page, "p53, MYC;\tHER2\nnosuch p16 | 7157 XIST")
    table = page.dataframe[0].value.set_index("name")
    assert list(table.index[:4]) == ["nosuch", "p16", "7157", "XIST"]
    assert table.loc["p53", ["gene", "matched_by"]].to_list() == ["TP53", "alias"]
    assert table.loc["7157", "remark"] == "The same gene as p53."
    assert table.loc["HER2", "tpm"] > 0 and 0 <= table.loc["HER2", "percentile"] <= 100
    assert np.isnan(table.loc["nosuch", "tpm"]) and "CDKN2A" in table.loc["p16", "remark"]
    assert "**7 names: 3 genes of this model**; 4 left out, as the table says." in words(page)
    page.segmented_control(key="list-kind").set_value("knock-down").run()
    page.select_slider(key="list-percent").set_value(75).run()
    page.button(key="list-add").click().run()
    check(page)
    assert [edit.spec for edit in state(page).perturbations] == ["TP53=kd75", "MYC=kd75", "ERBB2=kd75"]
    assert page.text_area(key="gene-list").value == ""
    page.button(key="undo").click().run()
    assert state(page).perturbations == ()


def test_some_of_a_list_can_be_chosen(page: AppTest) -> None:
    paste(page, "TP53 MYC KRAS")
    chosen = page.multiselect[0]
    chosen.unselect(model().space.find("MYC")).run()
    assert page.button(key="list-add").label == "Add 2 edits"
    page.multiselect[0].set_value([]).run()
    check(page)
    assert page.button(key="list-add").disabled


def test_at_most_fifty_are_edited(page: AppTest) -> None:
    symbols = model().space.symbols[: MAX_PERTURBATIONS + 10]
    paste(page, " ".join(symbols))
    assert len(page.multiselect[0].value) == MAX_PERTURBATIONS
    assert f"the first {MAX_PERTURBATIONS} are chosen" in words(page)
    page.button(key="list-add").click().run()
    check(page)
    assert [edit.gene for edit in state(page).perturbations] == list(symbols[:MAX_PERTURBATIONS])
    paste(page, "TP53 MYC")
    assert page.button(key="list-add").disabled and "would be 52 edits" in words(page)
    paste(page, " ".join(symbols[:3]))
    assert not page.button(key="list-add").disabled


def test_a_long_list_is_cut_and_said(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_genes, "MOST_NAMES", 2)
    paste(page, "TP53 MYC KRAS")
    assert "Only the first 2 of 3 names are looked at" in words(page)


def test_a_list_without_a_gene_offers_no_edit(page: AppTest) -> None:
    paste(page, "<script> nosuch1 nosuch2")
    assert not page.multiselect and "3 names: 0 genes" in words(page)


def test_a_gene_set_is_edited(page: AppTest) -> None:
    choose(page, "set")
    assert "GMT" in page.file_uploader[0].label
    line = "\t".join(["P53 TARGETS", "https://none", "CDKN1A", "MDM2", "NOSUCHGENE", "p53"])
    page.file_uploader[0].set_value(("mine.gmt", (line + "\n").encode(), "text/plain")).run()
    check(page)
    held = state(page).gene_sets
    assert held is not None and held.name == "mine.gmt" and "4 names: 3 genes" in words(page)
    page.segmented_control(key="set-kind").set_value("quantile").run()
    page.button(key="set-add").click().run()
    check(page)
    assert [edit.spec for edit in state(page).perturbations] == ["CDKN1A==q90", "MDM2==q90", "TP53==q90"]


def test_sets_of_another_page_are_here_too(page: AppTest) -> None:
    state(page).load_gene_sets(GeneSets("a.gmt", {"ONE": ("TP53",), "TWO": ("MYC", "KRAS")}))
    choose(page, "set")
    page.selectbox(key="edit-set-1").set_value("TWO").run()
    check(page)
    assert "2 names: 2 genes" in words(page)


def test_genes_that_the_sample_lacks_say_so(app: AppTest, tmp_path: Path) -> None:
    from cellstate.genes import gene_axis
    from cellstate.io import read_samples
    from cellstate.ui.state.session import Loaded
    from tests.support.factories import make_samples

    axis, samples = gene_axis(), make_samples(1)
    lines = [f"{axis.symbol[i]},{samples.tpm_SA[0, i]}" for i in range(len(axis)) if axis.symbol[i] != "CDX2"]
    data = ("gene,S1\n" + "\n".join(lines)).encode()
    app.session_state["cellstate"].load(Loaded(read_samples(data, name="mine.csv"), data, "mine.csv"))
    app.switch_page("pages/workbench.py").run()
    paste(app, "CDX2 MYC")
    assert "Not measured" in app.dataframe[0].value.set_index("name").loc["CDX2", "remark"]
    choose(app, "one")
    app.text_input(key="gene-query").set_value("CDX2").run()
    check(app)
    assert "not measured in this sample" in words(app)
    app.button(key="add").click().run()
    check(app)
    assert [edit.spec for edit in state(app).perturbations] == ["CDX2=ko"]
