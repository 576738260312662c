"""What a browser must not do with the app's pages, and who may follow a link to a file that a page offers.

Both are ASGI middleware: they hold without any proxy.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import streamlit as st

from cellstate.ui.streamlit_compat import index_page, media_visitors

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def content_security_policy(page: str) -> str:
    """Return the Content-Security-Policy of an app whose one HTML page is ``page``.

    Scripts come from this server alone; those that stand in the page itself are known by their checksums.
    """
    inline = [f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in _SCRIPT.findall(page)]
    rules = {
        "default-src": "'self'",
        "script-src": " ".join(["'self'", *inline, "'wasm-unsafe-eval'", "blob:"]),
        "worker-src": "'self' blob:",
        # Streamlit's components write their styles into the page.
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "frame-src": "'self' data: blob:",
        "frame-ancestors": "'none'",
        "form-action": "'self'",
        "base-uri": "'self'",
        "object-src": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


class SecurityHeaders:
    """ASGI middleware that adds headers to every answer: no frames, no guessed types, no foreign content."""

    def __init__(self, app: Callable) -> None:
        self._app = app
        self._headers = [
            (b"content-security-policy", content_security_policy(index_page()).encode()),
            (b"x-frame-options", b"DENY"),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
        ]

    async def __call__(self, scope: Any, receive: Callable, send: Callable) -> None:
        """Pass a request on, and add the headers to its answer."""

        async def with_headers(message: dict) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in self._headers}
                kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in own]
                message = message | {"headers": [*kept, *self._headers]}
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class MediaLinks:
    """ASGI middleware that serves a figure or an exported file only to the browser whose page offers it."""

    def __init__(self, app: Callable) -> None:
        self._app = app
        base = st.get_option("server.baseUrlPath").strip("/")
        # Streamlit's own fonts lie at static/media and belong to everybody.
        self._place = f"/{base}/media/" if base else "/media/"

    async def __call__(self, scope: Any, receive: Callable, send: Callable) -> None:
        """Pass a request on, or answer that there is no such file."""
        path = scope.get("path", "")
        is_media = scope["type"] == "http" and path.startswith(self._place)
        if not is_media or any(one.sent(scope) for one in media_visitors(path.removeprefix(self._place))):
            await self._app(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
