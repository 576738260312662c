"""The requests of pages in Chromium, by the browser's own network log (the switch ``--log-net-log``)."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

#: The start of every request, websockets among them.
_REQUEST = "URL_REQUEST_START_JOB"
#: Chromium's own requests, for updates and forms, belong to no page and no frame.
_NO_PAGE, _NO_FRAME = "not an origin", "other"
_LOCAL = ("data:", "blob:", "file:")


def requested_hosts(log: Path) -> set[str]:
    """Return the hosts (``127.0.0.1:8501``) of all requests that pages made, in a browser that has ended."""
    record = json.loads(log.read_text(encoding="utf-8"))
    number = record["constants"]["logEventTypes"][_REQUEST]
    requests = [event["params"] for event in record["events"] if event["type"] == number and "params" in event]
    # The end of a request is an event of the same kind without an address.
    return {urlsplit(one["url"]).netloc for one in requests if "url" in one and _is_of_a_page(one)}


def _is_of_a_page(request: dict) -> bool:
    own = request["initiator"] == _NO_PAGE and request["request_type"] == _NO_FRAME
    return not own and not request["url"].startswith(_LOCAL)
