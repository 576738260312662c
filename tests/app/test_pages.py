"""Every page, empty and with an example patient."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from cellstate.evaluation.reconstruction import evaluate
from cellstate.io import read_samples
from cellstate.model import load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.sample import prepare_samples
from cellstate.ui.components.examples import examples
from cellstate.ui.components.status import holds_data
from cellstate.ui.evidence.reconstruction import figures_table
from cellstate.ui.state.session import GeneSets, Loaded, Session
from tests.app.conftest import check, words
from tests.support.factories import make_samples

PAGES = ("home", "sample", "perturb", "regulators", "accuracy", "experiment", "quality", "model", "help")


@pytest.mark.parametrize("page", PAGES)
def test_page_is_useful_when_nothing_is_loaded(app: AppTest, page: str) -> None:
    app.switch_page(f"pages/{page}.py").run()
    check(app)
    assert len(app.title) == 1
    assert len(words(app)) > 200
    assert app.session_state["cellstate"].loaded is None


@pytest.mark.parametrize("page", ["perturb", "regulators", "accuracy"])
def test_empty_page_leads_on(app: AppTest, page: str) -> None:
    app.switch_page(f"pages/{page}.py").run()
    app.button(key="empty-example").click().run()
    check(app)
    assert app.session_state["cellstate"].loaded is not None


@pytest.mark.parametrize("page", PAGES)
def test_page_with_an_example(with_example: AppTest, page: str) -> None:
    with_example.switch_page(f"pages/{page}.py").run()
    check(with_example)
    assert "treatment" not in words(with_example).lower()


def test_home_says_what_it_is_not(app: AppTest) -> None:
    assert "research only" in app.warning[0].value
    assert "hypotheses" in words(app)


def test_home_leads_to_an_example(app: AppTest) -> None:
    app.button(key="home-example").click().run()
    check(app)
    assert app.title[0].value == "Sample"


def test_home_leads_to_the_search_for_regulators(with_example: AppTest) -> None:
    with_example.switch_page("pages/home.py").run()
    with_example.button(key="home-regulators").click().run()
    check(with_example)
    assert with_example.title[0].value == "Regulators"


def test_six_examples_tell_their_sequencer() -> None:
    labels = [example.label for example in examples()]
    assert len(labels) == 6
    assert sum("same sequencer" in label for label in labels) == 3
    assert sum("older sequencer" in label for label in labels) == 3


def test_accuracy_shows_the_figures_of_the_command(with_example: AppTest) -> None:
    with_example.switch_page("pages/evidence.py").run()
    check(with_example)
    samples = read_samples(examples()[0].path)
    expected = evaluate(prepare_samples(load_model(), samples)).record()
    assert next(m.value for m in with_example.metric if m.label == "Autoencoder R²") == f"{expected.r2_pooled:.4f}"
    assert with_example.session_state["cellstate"]._cache["evaluation"][1].record() == expected
    table = with_example.dataframe[0].value
    assert table.equals(figures_table(expected))


def test_accuracy_takes_other_bins(with_example: AppTest) -> None:
    with_example.switch_page("pages/evidence.py").run()
    with_example.text_input(key="edges").set_value("0, 1, 50").run()
    check(with_example)
    assert "Accuracy, 1–50 TPM" in list(with_example.dataframe[0].value["Figure"])
    with_example.text_input(key="edges").set_value("5, 1").run()
    assert "ascend" in with_example.error[0].value
    assert not with_example.exception
    # The model's own figures stay.
    assert "Held-out patients" in words(with_example)


def test_accuracy_draws_each_predictor(with_example: AppTest) -> None:
    with_example.switch_page("pages/evidence.py").run()
    for predictor in ("pca", "gene_mean"):
        with_example.segmented_control(key="accuracy-predictor").set_value(predictor).run()
        check(with_example)


def test_model_page_finds_genes_by_any_name(app: AppTest) -> None:
    app.switch_page("pages/evidence.py").run()
    app.text_input(key="coverage").set_value("her2").run()
    check(app)
    assert app.dataframe[0].value["Gene"].iloc[0] == "ERBB2"
    app.text_input(key="coverage").set_value("XIST").run()
    assert "XIST is a gene" in app.error[0].value


def test_status_strip_is_on_every_page(with_example: AppTest) -> None:
    for page in PAGES:
        with_example.switch_page(f"pages/{page}.py").run()
        strip = "\n".join(str(m.value) for m in with_example.markdown)
        assert "3502" in strip
        assert f"{len(load_model().space):,} genes" in strip.replace("\\", "")


def test_whatever_a_user_brought_can_be_forgotten() -> None:
    state = Session()
    assert not holds_data(state)
    state.load_gene_sets(GeneSets("sets.gmt", {"A": ("TP53",)}))
    assert holds_data(state)
    edited = Session()
    edited.add(Perturbation("TP53", "knock-out"))
    edited.switch("TP53", on=False)
    assert holds_data(edited)


def test_strip_tells_which_of_several_samples_and_escapes_its_name(app: AppTest) -> None:
    app.session_state["cellstate"].load(Loaded(make_samples(3), b"", "a *file*.csv"))
    app.session_state["cellstate"].selected = 2
    app.run()
    check(app)
    shown = words(app)
    assert "(3 of 3)" in shown and "*file*" not in shown.replace(r"\*", "")


def test_forget_drops_everything(with_example: AppTest) -> None:
    with_example.button(key="delete-data").click().run()
    check(with_example)
    state = with_example.session_state["cellstate"]
    assert state.loaded is None
    assert state._cache == {}
    assert state.perturbations == ()
    assert "No sample" in words(with_example)
