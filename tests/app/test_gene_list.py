"""Many genes at once: a pasted list or a gene set, the meaning of each name, and one action in one step."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cellstate.io import read_samples
from cellstate.report.narrative.prediction import names_sentence
from cellstate.ui.components import gene_sets
from cellstate.ui.runtime.resources import model
from cellstate.ui.state.history import MAX_PERTURBATIONS
from cellstate.ui.state.session import GeneSets, Loaded
from cellstate.ui.workbench import add_perturbations
from tests.app.conftest import check, words
from tests.app.workbench import a_table, perturb, session_of, specs


@pytest.fixture
def page(with_example: AppTest) -> AppTest:
    return perturb(with_example)


def choose(app: AppTest, way: str) -> None:
    app.segmented_control(key="way").set_value(way).run()
    check(app)


def paste(app: AppTest, text: str) -> None:
    choose(app, "list")
    app.text_area(key="gene-list").set_value(text).run()
    check(app)


def test_a_pasted_list_becomes_one_step(page: AppTest) -> None:
    paste(page, "p53, MYC;\tHER2\nnosuch p16 | 7157 XIST")
    table = page.dataframe[0].value.set_index("name")
    # Names that are left out come first, with the reason.
    assert list(table.index[:4]) == ["nosuch", "p16", "7157", "XIST"] and all(table["remark"].iloc[:4])
    assert table.loc["p53", ["gene", "matched_by"]].to_list() == ["TP53", "alias"]
    assert table.loc["HER2", "tpm"] > 0 and 0 <= table.loc["HER2", "percentile"] <= 100
    assert np.isnan(table.loc["nosuch", "tpm"])
    assert names_sentence(7, 7, 3) in words(page)
    page.segmented_control(key="list-kind").set_value("knock-down").run()
    page.select_slider(key="list-percent").set_value(75).run()
    page.button(key="list-add").click().run()
    check(page)
    assert specs(page) == ["TP53=kd75", "MYC=kd75", "ERBB2=kd75"]
    assert page.text_area(key="gene-list").value == ""
    page.button(key="undo").click().run()
    assert specs(page) == []


def test_some_genes_of_a_list_can_be_chosen(page: AppTest) -> None:
    paste(page, "TP53 MYC KRAS")
    page.multiselect[0].unselect(model().space.find("MYC")).run()
    assert page.button(key="list-add").label == "Add 2 perturbations"
    page.multiselect[0].set_value([]).run()
    check(page)
    assert page.button(key="list-add").disabled


def test_at_most_fifty_are_perturbed(page: AppTest) -> None:
    symbols = model().space.symbols[: MAX_PERTURBATIONS + 10]
    paste(page, " ".join(symbols))
    assert len(page.multiselect[0].value) == MAX_PERTURBATIONS
    page.button(key="list-add").click().run()
    check(page)
    assert specs(page) == [f"{symbol}=ko" for symbol in symbols[:MAX_PERTURBATIONS]]
    paste(page, "TP53 MYC")
    assert page.button(key="list-add").disabled
    paste(page, " ".join(symbols[:3]))
    assert not page.button(key="list-add").disabled


def test_a_long_list_is_cut_and_names_without_a_gene_add_nothing(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(add_perturbations, "MAX_NAMES", 2)
    paste(page, "<script> nosuch1 KRAS")
    assert not page.multiselect and names_sentence(3, 2, 0) in words(page)


def test_a_gene_set_is_perturbed(page: AppTest) -> None:
    choose(page, "set")
    line = "\t".join(["P53 TARGETS", "https://none", "CDKN1A", "MDM2", "NOSUCHGENE", "p53"])
    page.file_uploader[0].set_value(("mine.gmt", (line + "\n").encode(), "text/plain")).run()
    check(page)
    held = session_of(page).gene_sets
    assert held is not None and held.name == "mine.gmt"
    page.segmented_control(key="set-kind").set_value("quantile").run()
    page.button(key="set-add").click().run()
    check(page)
    assert specs(page) == ["CDKN1A==q90", "MDM2==q90", "TP53==q90"]
    session_of(page).load_gene_sets(GeneSets("a.gmt", {"ONE": ("TP53",), "TWO": ("MYC", "KRAS")}))
    page.run()
    page.selectbox(key="perturb-set-2").set_value("TWO").run()
    check(page)
    assert names_sentence(2, 2, 2) in words(page)


def test_many_gene_sets_are_searched(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gene_sets, "MAX_OFFERED", 2)
    sets = {f"SET {letter} {number}": ("TP53",) for letter in "AB" for number in range(3)}
    session_of(page).load_gene_sets(GeneSets("a.gmt", sets))
    choose(page, "set")
    assert len(page.selectbox(key="perturb-set-1").options) == 2
    page.text_input(key="perturb-search-1").set_value("b 2").run()
    check(page)
    assert page.selectbox(key="perturb-set-1").value == "SET B 2"
    page.text_input(key="perturb-search-1").set_value("nothing").run()
    check(page)
    assert all(box.key != "perturb-set-1" for box in page.selectbox)


def test_a_gene_that_the_sample_lacks_is_marked(app: AppTest) -> None:
    data = a_table(["S1"], 20_000).drop(index="CDX2").to_csv().encode()
    session_of(app).load(Loaded(read_samples(data, name="mine.csv"), data, "mine.csv"))
    paste(perturb(app), "CDX2 MYC")
    assert list(app.dataframe[0].value.set_index("name")["remark"].astype(bool)[["CDX2", "MYC"]]) == [True, False]
    choose(app, "one")
    app.text_input(key="gene-query").set_value("CDX2").run()
    app.button(key="add").click().run()
    check(app)
    assert specs(app) == ["CDX2=ko"]
