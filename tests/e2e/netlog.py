"""Whom the pages in Chromium asked, by the browser's own network log (the switch ``--log-net-log``)."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

#: What begins every request, whatever becomes of it; websockets among them.
_REQUEST = "URL_REQUEST_START_JOB"
#: Chromium asks for itself as well, for updates and to fill in forms: on behalf of no page, and for no frame of one.
_NOBODY, _NO_FRAME = "not an origin", "other"
_LOCAL = ("data:", "blob:", "file:")


def places_asked(log: Path) -> set[str]:
    """Return the places (``127.0.0.1:8501``) of all requests that pages made, in a browser that has ended."""
    held = json.loads(log.read_text(encoding="utf-8"))
    number = held["constants"]["logEventTypes"][_REQUEST]
    requests = [event["params"] for event in held["events"] if event["type"] == number and "params" in event]
    # What ends a request is an event of the same kind without an address.
    return {urlsplit(asked["url"]).netloc for asked in requests if "url" in asked and _is_a_pages(asked)}


def _is_a_pages(asked: dict) -> bool:
    its_own = asked["initiator"] == _NOBODY and asked["request_type"] == _NO_FRAME
    return not its_own and not asked["url"].startswith(_LOCAL)
