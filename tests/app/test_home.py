"""The home page: what this is and what it is not, in real figures; where a returning user is, and what is next."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from cellstate.formatting import percent
from cellstate.model import ModelRecord, create_model, load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.report.narrative.session import measured
from cellstate.ui.home import next_steps, whereabouts
from cellstate.ui.runtime.jobs import DONE, RUNNING, Job
from cellstate.ui.runtime.queue import Queue
from cellstate.ui.runtime.resources import MODEL_VARIABLE
from cellstate.ui.state.session import Loaded, Session
from tests.app.conftest import APP, check, words
from tests.support.factories import make_samples


@pytest.fixture
def state() -> Session:
    """A session with three samples of which the second is selected."""
    found = Session(loaded=Loaded(make_samples(3), b"", "three *samples*.csv"))
    found.selected = 1
    return found


def job(state: str) -> Job:
    """A search that stands somewhere, without running."""
    found = Job("screen", (), "a search", lambda _: None, Queue(1))
    found.state = state
    return found


def pages(state: Session) -> list[str]:
    return [step.key for step in next_steps(state)]


def test_home_says_what_it_is_for_whom_and_what_it_is_not(app: AppTest) -> None:
    check(app)
    shown = words(app)
    assert "researchers in gene regulation and cancer biology" in shown
    assert "research only" in app.warning[0].value and "hypotheses" in shown
    assert [button.label for button in app.button[:2]] == ["Try an example patient", "Use my own file"]


def test_home_shows_the_models_own_figures(app: AppTest) -> None:
    test = load_model().record.evaluation["test"]
    mean = test.baselines["gene_mean"].r2_pooled
    tiles = {metric.label: metric.value for metric in app.metric}
    assert tiles["Autoencoder removes"] == percent(1 - (1 - test.r2_pooled) / (1 - mean))
    assert set(tiles) == {"Autoencoder removes", "PCA removes", "Target specificity"}
    assert tiles["Target specificity"] == "0.058"


def test_random_weights_have_no_figures(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_model(tmp_path / "random", "demo")
    monkeypatch.setenv(MODEL_VARIABLE, str(tmp_path / "random"))
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    check(app)
    assert not app.metric
    assert "not trained on anything" in words(app)
    assert measured(ModelRecord()) == []


def test_home_stands_when_the_model_cannot_be_opened(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, str(tmp_path / "nowhere"))
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not app.exception
    assert app.error and "What else would move?" in words(app)
    assert app.button(key="home-upload")


def test_returning_user_sees_where_they_are(with_example: AppTest) -> None:
    with_example.session_state["cellstate"].add(Perturbation("TP53", "knock-out"))
    with_example.switch_page("pages/home.py").run()
    check(with_example)
    shown = words(with_example).replace("\\", "")
    assert "TCGA-AA-3502-01** is open, with 1 edit in force: TP53 knocked out." in shown
    with_example.button(key="home-perturb").click().run()
    assert with_example.title[0].value == "Perturb"


def test_names_of_a_file_are_shown_as_they_stand(state: Session) -> None:
    text = whereabouts(state)
    assert r"three \*samples\*" in text and "one of 3 samples" in text
    assert "nothing is edited" in text


def test_many_edits_are_counted(state: Session) -> None:
    state.put(Perturbation(gene, "knock-out") for gene in ("TP53", "MYC", "KRAS", "CDX2", "KLF4", "SOX9"))
    assert "6 edits in force" in whereabouts(state) and "and 2 more" in whereabouts(state)


def test_what_is_next_follows_what_was_done(state: Session) -> None:
    assert pages(state) == ["perturb", "regulators", "accuracy", "sample"]
    state.job = job(RUNNING)
    assert pages(state)[0] == "regulators" and "is running" in whereabouts(state)
    state.job = state.runs["screen"] = job(DONE)
    assert next_steps(state)[0].label == "See what was found" and "has ended" in whereabouts(state)
    state.add(Perturbation("TP53", "knock-out"))
    assert next_steps(state)[0].label == "See what would move"
