"""The app takes each sample to the model that fits it, and lets the user choose another."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cellstate.evaluation.model_choice import BASE
from cellstate.perturb.perturbations import Perturbation
from cellstate.ui.components.model_choice import AUTOMATIC, KEY
from cellstate.ui.runtime.resources import MODEL_VARIABLE
from tests.app.conftest import APP, check, session_of, words
from tests.app.test_privacy import visit_all
from tests.app.workbench import a_table, upload


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The app of a server that names no model."""
    monkeypatch.delenv(MODEL_VARIABLE)
    return AppTest.from_file(str(APP), default_timeout=120).run()


def model_of(app: AppTest) -> str:
    """Return the name of the model that the user's pages are drawn with."""
    return Path(app.session_state["model-folder"]).name if "model-folder" in app.session_state else "coadread"


def test_a_colorectal_tumour_goes_to_its_model_and_noise_to_the_base(app: AppTest):
    assert model_of(app) == "coadread"
    app.switch_page("pages/workbench.py").run()
    app.button(key="load-example").click().run()
    check(app)
    assert model_of(app) == "coadread" and session_of(app).model is None
    upload(app, "noise.csv", a_table(["noise"]).to_csv().encode())
    check(app)
    assert model_of(app) == BASE


def test_the_user_chooses_and_results_of_the_other_model_are_gone(app: AppTest):
    app.switch_page("pages/workbench.py").run()
    app.button(key="load-example").click().run()
    session_of(app).goal = "of the other model"
    app.radio(key=KEY).set_value(BASE).run()
    check(app)
    assert model_of(app) == BASE and session_of(app).goal is None
    app.radio(key=KEY).set_value(AUTOMATIC).run()
    check(app)
    assert model_of(app) == "coadread"


def test_every_page_is_drawn_with_the_base_model(app: AppTest):
    """It has no evidence of benchmarks: nothing that a page says may need it."""
    upload(app, "noise.csv", a_table(["noise"]).to_csv().encode())
    session_of(app).add(Perturbation("TP53", "knock-out"))
    visit_all(app)
    check(app)
    assert model_of(app) == BASE


def test_a_server_that_names_its_model_offers_no_choice(monkeypatch: pytest.MonkeyPatch):
    app = AppTest.from_file(str(APP), default_timeout=120).run()
    assert not [one for one in app.radio if one.key == KEY] and "coadread ·" in words(app)
