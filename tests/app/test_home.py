"""The home page: the model's figures, the state of a returning user, and what to do next."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from cellstate.model import create_model, load_model
from cellstate.perturb.perturbations import Perturbation
from cellstate.ui.home import example_answer, next_steps, where_you_are
from cellstate.ui.runtime.jobs import DONE, RUNNING, Job
from cellstate.ui.runtime.queue import Queue
from cellstate.ui.runtime.resources import MODEL_VARIABLE
from cellstate.ui.state.session import Loaded, Session
from tests.app.conftest import APP, check, session_of, words
from tests.support.factories import make_samples


@pytest.fixture
def state() -> Session:
    """A session with three samples of which the second is selected."""
    return Session(loaded=Loaded(make_samples(3), b"", "three *samples*.csv"), selected=1)


def job(state: str) -> Job:
    """A search in some state, without running."""
    search = Job("screen", (), "a search", lambda _: None, Queue(1))
    search.state = state
    return search


def test_home_shows_a_real_answer_in_few_words(app: AppTest) -> None:
    check(app)
    assert [button.key for button in app.button[:2]] == ["home-example", "home-upload"]
    found = example_answer(load_model())
    assert found is not None and app.header[0].value.startswith(found.headline)
    assert len(words(app).split()) <= 90 and "hypothesis" in words(app)


def test_the_example_lands_on_an_answer(app: AppTest) -> None:
    app.button(key="home-example").click().run()
    check(app)
    found = example_answer(load_model())
    assert found is not None and app.title[0].value == "Workbench" and app.header[0].value.startswith(found.headline)
    # One knock-out, which can be undone.
    assert len(session_of(app).perturbations) == 1
    app.button(key="undo").click().run()
    assert not session_of(app).perturbations


@pytest.mark.parametrize("exists", [True, False])
def test_home_without_a_trained_model(exists: bool, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    if exists:
        create_model(tmp_path / "model", "demo")
    monkeypatch.setenv(MODEL_VARIABLE, str(tmp_path / "model"))
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not app.exception and not app.header and app.button(key="home-upload")
    assert (len(app.info), bool(app.error)) == ((1, False) if exists else (0, True))


def test_returning_user_goes_on(with_example: AppTest) -> None:
    session_of(with_example).add(Perturbation("TP53", "knock-out"))
    with_example.switch_page("pages/home.py").run()
    check(with_example)
    assert "TP53 knocked out" in words(with_example)
    for page in ("candidates", "workbench"):
        with_example.switch_page("pages/home.py").run()
        with_example.button(key=f"home-{page}").click().run()
        assert with_example.title[0].value == page.title()


def test_present_state_escapes_names_and_counts(state: Session) -> None:
    assert r"three \*samples\*" in where_you_are(state) and "3 samples" in where_you_are(state)
    state.put(Perturbation(gene, "knock-out") for gene in ("TP53", "MYC", "KRAS", "CDX2", "KLF4", "SOX9"))
    text = where_you_are(state)
    assert "6 perturbations" in text and "CDX2" in text and "KLF4" not in text and "2 more" in text


def test_what_is_next_follows_what_was_done(state: Session) -> None:
    assert [step.page for step in next_steps(state)] == ["workbench", "candidates", "evidence"]
    before = where_you_are(state)
    state.job = job(RUNNING)
    running = where_you_are(state)
    assert next_steps(state)[0].page == "candidates"
    state.job = state.runs["screen"] = job(DONE)
    assert next_steps(state)[0].page == "candidates"
    assert len({before, running, where_you_are(state)}) == 3
    state.add(Perturbation("TP53", "knock-out"))
    assert next_steps(state)[0].page == "workbench"
