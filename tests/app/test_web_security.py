"""Headers of every answer, and links to files that only one browser may follow."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import streamlit as st

from cellstate.ui import streamlit_compat
from cellstate.ui.runtime import web_security
from cellstate.ui.runtime.web_security import MediaLinks, SecurityHeaders
from cellstate.ui.streamlit_compat import Visitor
from tests.support.loops import run


def answer(middleware: Callable, path: str, **changes: object) -> tuple[int, dict[bytes, bytes]]:
    """Return status and headers of an answer, 200 where the request reached the app."""
    sent: list[dict] = []

    async def app(scope: dict, receive: Callable, send: Callable) -> None:
        headers = [(b"X-Frame-Options", b"SAMEORIGIN"), (b"content-type", b"text/csv")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": []} | changes
    run(middleware(app)(scope, None, send))
    names = [name.lower() for name, _ in sent[0]["headers"]]
    assert len(set(names)) == len(names), "no header stands there twice"
    return sent[0]["status"], dict(sent[0]["headers"])


def test_headers_replace_those_of_the_app() -> None:
    status, headers = answer(SecurityHeaders, "/")
    assert status == 200 and headers[b"content-type"] == b"text/csv"
    assert headers[b"x-frame-options"] == b"DENY" and headers[b"x-content-type-options"] == b"nosniff"
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]


def test_a_websocket_is_left_alone() -> None:
    assert b"x-frame-options" not in answer(SecurityHeaders, "/_stcore/stream", type="websocket")[1]
    assert answer(MediaLinks, "/media/a.csv", type="websocket")[0] == 200


@pytest.mark.parametrize("base", ["", "cellstate", "/cellstate/"])
def test_a_file_is_served_to_its_own_browser(monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    place = "/cellstate" if base else ""
    own = {b"1234": True}
    offered: list[str] = []

    def media_visitors(file: str) -> list[Visitor]:
        offered.append(file)
        return [Visitor({}, b"1234")]

    monkeypatch.setattr(st, "get_option", lambda _: base)
    monkeypatch.setattr(web_security, "media_visitors", media_visitors)
    monkeypatch.setattr(Visitor, "sent", lambda self, scope: scope["headers"] == [self.token] and own[self.token])
    assert answer(MediaLinks, f"{place}/media/a.csv", headers=[b"1234"])[0] == 200
    assert answer(MediaLinks, f"{place}/media/a.csv", headers=[b"other"])[0] == 403
    assert answer(MediaLinks, f"{place}/media/b/c.csv")[0] == 403
    assert offered == ["a.csv", "a.csv", "b/c.csv"]
    # Streamlit's own fonts.
    assert answer(MediaLinks, f"{place}/static/media/font.woff2")[0] == 200


def test_a_browser_is_known_by_the_token_of_its_cookie() -> None:
    def scope(cookie: str) -> dict:
        return {"type": "http", "headers": [(b"cookie", cookie.encode())]}

    # The same token, masked differently.
    masked = "2|{0}|{1}|1700000000"
    token = bytes(range(16))
    masks = (b"\x01\x02\x03\x04", b"\x09\x08\x07\x06")
    cookies = [masked.format(m.hex(), bytes(b ^ m[i % 4] for i, b in enumerate(token)).hex()) for m in masks]
    browser = Visitor({}, token)
    assert all(browser.sent(scope(f"a=b; {streamlit_compat.XSRF_COOKIE_NAME}={cookie}")) for cookie in cookies)
    assert not browser.sent(scope(f"{streamlit_compat.XSRF_COOKIE_NAME}={cookies[0][:-14]}00|1700000000"))
    assert not browser.sent(scope("")) and not Visitor({}, b"").sent(scope(""))
    # Where the protection is switched off there is no cookie to tell browsers by.
    assert Visitor({}, None).sent(scope(""))
