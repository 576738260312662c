"""Limits of uploads, before anything of them is taken: who sends one, how much, how many at once, and how slowly.

Streamlit keeps whatever is sent to the address of a session, also before sign-in, until a page asks for it. This ASGI
middleware stands before that address.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cellstate.ui.runtime.limits import server_bytes, session_bytes
from cellstate.ui.runtime.sign_in import lets_in
from cellstate.ui.streamlit_compat import Visitor, browser_tab, drop_upload, drop_uploads_of, stored_uploads, visitor

#: Uploads of one session that may be under way at once.
MOST_OPEN = 8
#: A body may take this long, in seconds, and longer by what it has brought at this rate, in bytes a second.
GRACE_S, LEAST_RATE = 30.0, 16_000.0
#: While a body arrives it takes more than afterwards: a buffer that grows, and the copy that is made of it.
_COPIES_ARRIVING = 3
#: What a file takes at least: its name, its entry.
_LEAST_BYTES = 4_096
_PATH = re.compile(r"/_stcore/upload_file/([^/]+)/([^/]+)/?$")


@dataclass(eq=False)
class _Upload:
    """An upload under way."""

    tab: str
    file: str
    size: int
    is_dropped: bool = False


class _Refused(Exception):  # noqa: N818 -- an answer, not a failure
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


#: Changed by the server's one thread for connections; a page's thread only marks its entries.
_under_way: set[_Upload] = set()


class UploadLimits:
    """ASGI middleware that refuses uploads which no page waits for, or which do not fit.

    Parameters
    ----------
    app : callable
        The ASGI app behind it.
    clock : callable
        Returns seconds.
    """

    def __init__(self, app: Callable, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._clock = app, clock

    async def __call__(self, scope: Any, receive: Callable, send: Callable) -> None:
        """Pass a request on, or refuse an upload."""
        found = _PATH.search(scope.get("path", "")) if scope["type"] == "http" else None
        if found is None or scope["method"] not in ("PUT", "DELETE"):
            await self._app(scope, receive, send)
            return
        has_answered = False

        async def answer(message: dict) -> None:
            nonlocal has_answered
            has_answered = True
            await send(message)

        try:
            await self._pass_on(scope, receive, answer, *found.groups())
        except _Refused as refused:
            if not has_answered:
                await _answer(send, refused)

    async def _pass_on(self, scope: Any, receive: Callable, send: Callable, tab: str, file: str) -> None:
        _check_sender(visitor(tab), scope)
        if scope["method"] == "DELETE":
            await self._app(scope, receive, send)
            return
        upload = _Upload(tab, file, _declared_bytes(scope))
        _check_room(upload)
        _under_way.add(upload)
        try:
            await self._app(scope, self._in_time(upload, receive), send)
        finally:
            _under_way.discard(upload)
            # A session that ended meanwhile, or that deleted its data, would never drop it.
            if upload.is_dropped or visitor(tab) is None:
                drop_upload(tab, file)

    def _in_time(self, upload: _Upload, receive: Callable) -> Callable:
        """Return ``receive`` that ends an upload which is too slow, or was dropped."""
        began, arrived = self._clock(), 0

        async def next_part() -> dict:
            nonlocal arrived
            left_s = began + GRACE_S + arrived / LEAST_RATE - self._clock()
            try:
                message = await asyncio.wait_for(receive(), max(left_s, 0.0))
            except TimeoutError:
                raise _Refused(408, "The upload is too slow.") from None
            if upload.is_dropped:
                raise _Refused(409, "The data of this session was deleted.")
            arrived += len(message.get("body", b""))
            return message

        return next_part


def drop_uploads() -> None:
    """Remove all uploads of the page's session from Streamlit's memory, also those that are still arriving."""
    if (tab := browser_tab()) is None:
        return
    for upload in list(_under_way):
        if upload.tab == tab:
            upload.is_dropped = True
    drop_uploads_of(tab)


def _check_sender(sender: Visitor | None, scope: Any) -> None:
    if sender is None or not sender.sent(scope):
        raise _Refused(403, "No page of this browser asked for this file.")
    if not lets_in(sender.user):
        raise _Refused(403, "Sign in first.")


def _declared_bytes(scope: Any) -> int:
    """Return the size of a request's body, which the server holds it to."""
    text = dict(scope["headers"]).get(b"content-length", b"")
    if not text.isdigit() or len(text) > 15:
        raise _Refused(411, "The size of the upload must be given.")
    return int(text)


def _check_room(upload: _Upload) -> None:
    own = [other for other in _under_way if other.tab == upload.tab]
    if len(own) >= MOST_OPEN:
        raise _Refused(429, f"At most {MOST_OPEN} files are sent at once.")
    stored = stored_uploads()
    if _taken(stored.get(upload.tab, ()), [*own, upload]) > session_bytes():
        raise _Refused(413, "This is more than one user may send.")
    everything = [size for sizes in stored.values() for size in sizes]
    if _taken(everything, [*_under_way, upload]) > server_bytes():
        raise _Refused(503, "This server's memory for users' data is full.")


def _taken(stored: Iterable[int], arriving: Iterable[_Upload]) -> int:
    whole = sum(max(size, _LEAST_BYTES) for size in stored)
    return whole + sum(max(_COPIES_ARRIVING * upload.size, _LEAST_BYTES) for upload in arriving)


async def _answer(send: Callable, refused: _Refused) -> None:
    body = refused.sentence.encode()
    # Nothing more of the body is read.
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body)), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
