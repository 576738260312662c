"""Every page, empty and with an example patient."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from cellstate.evaluation.reconstruction import evaluate
from cellstate.io import GeneTable, read_samples
from cellstate.model import load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.sample import prepare_samples
from cellstate.ui.components.load_samples import examples
from cellstate.ui.evidence.reconstruction import figures_table
from cellstate.ui.state.session import GeneSets, Loaded, Session
from tests.app.conftest import check, open_evidence, open_sample, session_of, words
from tests.support.factories import make_samples

PAGES = ("home", "workbench", "candidates", "validate", "evidence", "help")


@pytest.mark.parametrize("page", PAGES)
def test_page_without_and_with_a_sample(app: AppTest, page: str) -> None:
    app.switch_page(f"pages/{page}.py").run()
    check(app)
    assert len(app.title) == 1 and len(words(app)) > 200
    assert session_of(app).loaded is None
    app.switch_page("pages/home.py").run()
    app.button(key="home-example").click().run()
    check(app)
    assert app.title[0].value == "Workbench"
    app.switch_page(f"pages/{page}.py").run()
    check(app)
    assert len(app.title) == 1
    strip = "\n".join(str(badge.value) for badge in app.markdown[:4])
    assert "3502" in strip and f"{len(load_model().space):,} genes" in strip


@pytest.mark.parametrize("page", ["candidates", "evidence"])
def test_page_that_needs_a_sample_loads_an_example(app: AppTest, page: str) -> None:
    if page == "evidence":
        open_evidence(app, "Reconstruction")
    app.switch_page(f"pages/{page}.py").run()
    app.button(key="empty-example").click().run()
    check(app)
    assert session_of(app).loaded is not None and app.title[0].value == page.title()


def test_sample_details_open_and_close_with_the_next_file(with_example: AppTest) -> None:
    assert not [button for button in with_example.button if button.key == "to-evidence"]
    assert re.search(r"QC [✓▲✗] (good|fair|poor)", words(with_example))
    open_sample(with_example)
    check(with_example)
    with_example.button(key="to-evidence").click().run()
    assert with_example.title[0].value == "Evidence"
    open_sample(with_example)
    with_example.button(key="load-example").click().run()
    assert not [button for button in with_example.button if button.key == "to-evidence"]


def test_six_examples_name_their_platform() -> None:
    labels = [example.label for example in examples()]
    assert ["HiSeq" in label for label in labels] == [True] * 3 + [False] * 3
    assert all("Illumina GA" in label for label in labels[3:])


def test_reconstruction_shows_the_figures_of_the_command(with_example: AppTest) -> None:
    check(open_evidence(with_example, "Reconstruction"))
    expected = evaluate(prepare_samples(load_model(), read_samples(examples()[0].path))).record()
    assert f"{expected.r2_pooled:.3f}" in [metric.value for metric in with_example.metric]
    assert session_of(with_example)._cache["evaluation"][1].record() == expected
    assert with_example.dataframe[0].value.equals(figures_table(expected))


def test_reconstruction_takes_other_bins_and_draws_each_method(with_example: AppTest) -> None:
    open_evidence(with_example, "Reconstruction")
    for predictor in ("pca", "gene_mean"):
        with_example.segmented_control(key="accuracy-predictor").set_value(predictor).run()
        check(with_example)
    with_example.text_input(key="edges").set_value("0, 1, 50").run()
    check(with_example)
    assert "Accuracy, 1–50 TPM" in list(with_example.dataframe[0].value["Figure"])
    n_headers = len(with_example.header)
    with_example.text_input(key="edges").set_value("5, 1").run()
    assert len(with_example.error) == 1 and not with_example.exception
    # The model's own figures stay.
    assert len(with_example.header) == n_headers


def test_model_tab_finds_genes_by_any_name(app: AppTest) -> None:
    open_evidence(app, "About this model")
    app.text_input(key="coverage").set_value("her2").run()
    check(app)
    assert app.dataframe[0].value["Gene"].iloc[0] == "ERBB2"
    app.text_input(key="coverage").set_value("XIST").run()
    assert "XIST" in app.error[0].value


def test_everything_of_a_user_can_be_deleted() -> None:
    assert not Session().has_data
    with_sets, switched_off = Session(), Session()
    with_sets.load_gene_sets(GeneSets("sets.gmt", {"A": ("TP53",)}))
    switched_off.add(Perturbation("TP53", "knock-out"))
    switched_off.switch("TP53", on=False)
    with_table = Session()
    with_table.load_gene_table(GeneTable("mine.csv", ("note",), {}, ()))
    assert with_sets.has_data and switched_off.has_data and with_table.has_data


def test_strip_counts_samples_and_escapes_names(app: AppTest) -> None:
    session_of(app).load(Loaded(make_samples(3), b"", "a *file*.csv"))
    session_of(app).selected = 2
    app.run()
    check(app)
    assert "(3 of 3)" in words(app) and "*file*" not in words(app).replace(r"\*", "")


def test_delete_my_data_drops_everything(with_example: AppTest) -> None:
    with_example.button(key="delete-data").click().run()
    check(with_example)
    state = session_of(with_example)
    assert (state.loaded, state._cache, state.perturbations) == (None, {}, ())
    assert not state.has_data
