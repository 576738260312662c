"""The app as a user starts it, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from cellstate.files import resource_path
from cellstate.ui.runtime.resources import MODEL_VARIABLE
from cellstate.ui.state.session import SAMPLE

APP = Path(__file__).resolve().parents[2] / "app.py"


@pytest.fixture(scope="session", autouse=True)
def drop_cached_model() -> Iterator[None]:
    """Leave no model behind for other tests."""
    yield
    st.cache_resource.clear()


@pytest.fixture(scope="session", autouse=True)
def one_model() -> Iterator[None]:
    """Every sample is taken to the colorectal model, made-up ones too, but where a test chooses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MODEL_VARIABLE, str(resource_path("models", "coadread")))
        yield


@pytest.fixture(scope="session", autouse=True)
def like_the_server() -> Iterator[None]:
    """Do for each AppTest what the app's server does once: scan for components, and turn the discovery of pages off."""
    usual = PagesManager.__init__

    def init(*given: Any, **named: Any) -> None:
        usual(*given, **named)
        PagesManager.uses_pages_directory = False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        patch.setattr(PagesManager, "__init__", init)
        yield


@pytest.fixture
def app() -> AppTest:
    """The app on its first page, with nothing loaded."""
    return AppTest.from_file(str(APP), default_timeout=60).run()


@pytest.fixture
def with_example(app: AppTest) -> AppTest:
    """The workbench with the first example patient."""
    app.switch_page("pages/workbench.py").run()
    app.button(key="load-example").click().run()
    check(app)
    return app


def session_of(app: AppTest) -> Any:
    """Return the session of the app's user."""
    return app.session_state["cellstate"]


def open_sample(app: AppTest) -> AppTest:
    """Open what the workbench shows of the loaded sample."""
    app.switch_page("pages/workbench.py")
    app.session_state[f"sample-details-{session_of(app).turns[SAMPLE]}"] = True
    return app.run()


def open_evidence(app: AppTest, tab: str = "Five questions") -> AppTest:
    """Open a tab of the evidence page."""
    app.switch_page("pages/evidence.py")
    app.session_state["tab"] = tab
    return app.run()


def check(app: AppTest) -> None:
    """Nothing went wrong: no exception, and no error on the page."""
    assert [e.message for e in app.exception] == []
    assert [e.value for e in app.error] == []


def words(app: AppTest) -> str:
    """Return every text of the page."""
    parts = [*app.title, *app.header, *app.subheader, *app.markdown, *app.caption, *app.error, *app.warning]
    return "\n".join(str(part.value) for part in (*parts, *app.info, *app.success))
