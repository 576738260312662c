"""The app takes each sample to the model that fits it, and lets the user choose another."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from cellstate.evaluation.model_choice import BASE
from cellstate.ui.components.model_choice import AUTOMATIC, KEY
from cellstate.ui.runtime.resources import MODEL_VARIABLE
from tests.app.conftest import APP, check, session_of, words
from tests.app.workbench import a_table, upload


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The app of a server that names no model."""
    monkeypatch.delenv(MODEL_VARIABLE)
    return AppTest.from_file(str(APP), default_timeout=120).run()


def strip(app: AppTest) -> str:
    return words(app)


def test_a_colorectal_tumour_goes_to_its_model_and_noise_to_the_base(app: AppTest):
    assert "coadread ·" in strip(app)
    app.switch_page("pages/workbench.py").run()
    app.button(key="load-example").click().run()
    check(app)
    assert "coadread ·" in strip(app) and session_of(app).model is None
    upload(app, "noise.csv", a_table(["noise"]).to_csv().encode())
    check(app)
    assert f"{BASE} ·" in strip(app)


def test_the_user_chooses_and_results_of_the_other_model_are_gone(app: AppTest):
    app.switch_page("pages/workbench.py").run()
    app.button(key="load-example").click().run()
    session_of(app).goal = "of the other model"
    app.radio(key=KEY).set_value(BASE).run()
    check(app)
    assert f"{BASE} ·" in strip(app) and session_of(app).goal is None
    app.radio(key=KEY).set_value(AUTOMATIC).run()
    check(app)
    assert "coadread ·" in strip(app)


def test_a_server_that_names_its_model_offers_no_choice(monkeypatch: pytest.MonkeyPatch):
    app = AppTest.from_file(str(APP), default_timeout=120).run()
    assert not [one for one in app.radio if one.key == KEY] and "coadread ·" in strip(app)
