"""No upload is written to disk; by default Starlette puts more than a megabyte into a temporary file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartParser

from cellstate.ui.streamlit_compat import keep_uploads_in_memory

_BYTES = 3 * 1024 * 1024


async def received() -> UploadFile:
    """An upload of three megabytes, as the server parses it."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'

    async def stream() -> AsyncGenerator[bytes, None]:
        for part in (head, *[b"1" * 65_536] * (_BYTES // 65_536), b"\r\n--x--\r\n"):
            yield part

    form = await MultiPartParser(Headers({"content-type": "multipart/form-data; boundary=x"}), stream()).parse()
    upload = form["file"]
    assert isinstance(upload, UploadFile)
    return upload


def receive() -> UploadFile:
    """Receive it in a thread, because this one may run an event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, received()).result()


def test_an_upload_never_becomes_a_temporary_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file was made")

    keep_uploads_in_memory()
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    upload = receive()
    assert len(upload.file.read()) == _BYTES
    upload.file.close()


def test_the_test_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MultiPartParser, "spool_max_size", 1024 * 1024)
    files = []
    usual = tempfile.TemporaryFile

    def record(*given: Any, **named: Any) -> Any:
        files.append(given)
        return usual(*given, **named)

    monkeypatch.setattr(tempfile, "TemporaryFile", record)
    receive().file.close()
    assert files
