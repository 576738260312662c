"""Sign-in: nothing is asked where nobody set it up, and nothing is shown before it where somebody did."""

from __future__ import annotations

import pytest
from streamlit import user_info
from streamlit.errors import StreamlitAuthError
from streamlit.testing.v1 import AppTest

from cellstate.ui.components.shell import _MARK
from cellstate.ui.runtime.sign_in import VARIABLE, providers
from tests.app.conftest import APP, check, words

_ONE = {"client_id": "cellstate", "client_secret": "x", "server_metadata_url": "https://sso.example.org/.well-known"}


def opened(user: dict, auth: dict | None = None) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.user = user
    if auth is not None:
        app.secrets["auth"] = auth
    return app.run()


@pytest.fixture
def asked() -> AppTest:
    """The app where sign-in is set up, before it."""
    return opened({"is_logged_in": False}, {"cookie_secret": "x"} | _ONE)


def test_nothing_is_asked_where_it_is_not_set_up(app: AppTest) -> None:
    check(app)
    assert app.title[0].value == "What else would move?"
    assert not [button for button in app.button if button.key == "sign-out"]


def test_nothing_is_shown_before_sign_in(asked: AppTest) -> None:
    check(asked)
    assert [title.value for title in asked.title] == ["CellState"]
    assert [button.label for button in asked.button] == ["Sign in"]
    assert "cellstate" not in asked.session_state
    assert not asked.metric and not asked.warning


@pytest.mark.parametrize("page", ["sample", "perturb", "model", "help"])
def test_no_page_is_shown_before_sign_in(asked: AppTest, page: str) -> None:
    asked.switch_page(f"pages/{page}.py").run()
    assert [title.value for title in asked.title] == ["CellState"]


def test_nobody_is_marked_as_let_in_before_sign_in(asked: AppTest) -> None:
    """With the mark a page's file, run by its own address before st.navigation ever was, would draw its body."""
    assert _MARK not in asked.session_state


def test_button_asks_streamlit_to_sign_in(asked: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str | None] = []
    monkeypatch.setattr("streamlit.login", names.append)
    asked.button(key="sign-in-").click().run()
    check(asked)
    assert names == [None]


def test_each_provider_has_its_button(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str | None] = []
    monkeypatch.setattr("streamlit.login", names.append)
    app = opened({"is_logged_in": False}, {"cookie_secret": "x", "hospital": _ONE, "university": _ONE})
    assert [button.label for button in app.button] == ["Sign in with hospital", "Sign in with university"]
    app.button(key="sign-in-university").click().run()
    assert names == ["university"]


def test_what_is_set_up_wrongly_lets_nobody_in(
    asked: AppTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: object) -> None:
        raise StreamlitAuthError("client_id is missing")

    monkeypatch.setattr("streamlit.login", fails)
    asked.button(key="sign-in-").click().run()
    assert not asked.exception
    assert "not set up correctly" in asked.error[0].value
    assert "client_id is missing" not in words(asked) and "client_id is missing" in caplog.text


def test_required_sign_in_that_is_not_set_up_lets_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit takes a secrets file that it cannot read for none."""
    monkeypatch.setenv(VARIABLE, "required")
    app = opened({})
    assert [title.value for title in app.title] == ["CellState"]
    assert "nobody is let in" in app.error[0].value
    assert not app.button


def test_who_signed_in_is_named_and_can_sign_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "required")
    app = opened({"is_logged_in": True, "name": "A *bold* name"}, _ONE)
    check(app)
    assert app.title[0].value == "What else would move?"
    assert app.button(key="sign-out").label == r"Sign out A \*bold\* name"
    app.button(key="home-example").click().run()
    assert app.session_state["cellstate"].loaded is not None
    app.button(key="sign-out").click().run()
    assert [title.value for title in app.title] == ["CellState"]
    assert "cellstate" not in app.session_state or app.session_state["cellstate"].loaded is None


def test_providers_are_the_sections_that_can_sign_in() -> None:
    assert providers(_ONE | {"client_kwargs": {"prompt": "login"}}) == []
    assert providers({"a": _ONE, "b": _ONE, "c": {"prompt": "login"}}) == ["a", "b"]


def test_streamlit_says_nothing_of_sign_in_without_a_section() -> None:
    """What `is_let_in` rests on: the key is there only where [auth] is, or a user signed in."""
    assert "is_logged_in" not in user_info._get_user_info()
