"""Sign-in: not needed where it is not set up, and before everything else where it is."""

from __future__ import annotations

import pytest
from streamlit import user_info
from streamlit.errors import StreamlitAuthError
from streamlit.testing.v1 import AppTest

from cellstate.ui.runtime.sign_in import VARIABLE, providers
from tests.app.conftest import APP, check, session_of, words
from tests.app.test_pages import PAGES

_ONE = {"client_id": "cellstate", "client_secret": "x", "server_metadata_url": "https://sso.example.org/.well-known"}


def opened(user: dict, auth: dict | None = None) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.user = user
    if auth is not None:
        app.secrets["auth"] = auth
    return app.run()


def is_sign_in(app: AppTest) -> bool:
    return [title.value for title in app.title] == ["CellState"]


@pytest.fixture
def signed_out() -> AppTest:
    """The app where sign-in is set up, before it."""
    return opened({"is_logged_in": False}, {"cookie_secret": "x"} | _ONE)


def test_no_sign_in_where_it_is_not_set_up(app: AppTest) -> None:
    check(app)
    assert not is_sign_in(app)
    assert not [button for button in app.button if button.key == "sign-out"]


def test_nothing_is_shown_before_sign_in(signed_out: AppTest) -> None:
    check(signed_out)
    assert [button.key for button in signed_out.button] == ["sign-in-"]
    assert "cellstate" not in signed_out.session_state
    for page in PAGES:
        assert is_sign_in(signed_out.switch_page(f"pages/{page}.py").run())
        assert not signed_out.metric and not signed_out.warning


@pytest.mark.parametrize(
    "auth, key, expected", [(_ONE, "", None), ({"hospital": _ONE, "university": _ONE}, "university", "university")]
)
def test_each_provider_has_its_button(auth: dict, key: str, expected, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str | None] = []
    monkeypatch.setattr("streamlit.login", names.append)
    app = opened({"is_logged_in": False}, {"cookie_secret": "x"} | auth)
    assert len(app.button) == max(1, len(providers(auth)))
    app.button(key=f"sign-in-{key}").click().run()
    check(app)
    assert names == [expected]


def test_wrong_settings_let_nobody_in(
    signed_out: AppTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: object) -> None:
        raise StreamlitAuthError("client_id is missing")

    monkeypatch.setattr("streamlit.login", fails)
    signed_out.button(key="sign-in-").click().run()
    assert not signed_out.exception and len(signed_out.error) == 1
    assert "client_id is missing" not in words(signed_out) and "client_id is missing" in caplog.text


def test_required_sign_in_that_is_not_set_up_lets_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit treats a secrets file that it cannot read like a missing one."""
    monkeypatch.setenv(VARIABLE, "required")
    app = opened({})
    assert is_sign_in(app) and len(app.error) == 1 and not app.button


def test_user_is_named_and_can_sign_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "required")
    app = opened({"is_logged_in": True, "name": "A *bold* name"}, _ONE)
    check(app)
    assert app.button(key="sign-out").label == r"Sign out A \*bold\* name"
    app.button(key="home-example").click().run()
    assert session_of(app).loaded is not None
    app.button(key="sign-out").click().run()
    assert is_sign_in(app)
    assert "cellstate" not in app.session_state or session_of(app).loaded is None


def test_providers_are_the_sections_with_a_client() -> None:
    assert providers(_ONE | {"client_kwargs": {"prompt": "login"}}) == []
    assert providers({"a": _ONE, "b": _ONE, "c": {"prompt": "login"}}) == ["a", "b"]


def test_streamlit_has_no_sign_in_state_without_a_section() -> None:
    """`is_let_in` relies on it: the key is there only with a section [auth], or for a user who signed in."""
    assert "is_logged_in" not in user_info._get_user_info()
