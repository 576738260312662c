"""A user of the app without a browser: one that speaks Streamlit's own protocol.

A browser takes more of a processor than the server that it looks at; twenty-five of them would measure Chromium. This
client keeps what a browser keeps: the page as a tree of elements, and the state of the widgets on it. It reads every
message and draws nothing.
"""

from __future__ import annotations

import http.client
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import StringArray
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

_XSRF = "_streamlit_xsrf"
#: How a run of the page ends that was not cut short by the next one.
_WHOLE = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


@dataclass(frozen=True)
class _Node:
    """Something on the page, with the run and the fragment that drew it."""

    run: str
    fragment: str
    kind: str
    element: Any


class Client:
    """One browser tab.

    Parameters
    ----------
    port : int
        Of a server on this machine.
    patience_s : float
        How long one run of a page may take.
    page, query : str
        The address's page and query at the start, for example ``workbench`` and ``v=1``.

    Attributes
    ----------
    n_bytes : int
        What was received.
    """

    def __init__(self, port: int, patience_s: float = 120.0, page: str = "", query: str = "") -> None:
        self.port, self.patience_s, self.n_bytes = port, patience_s, 0
        self.session_id, self.pages, self.page = "", {}, ""  # type: str, dict[str, str], str
        self._nodes: dict[tuple[int, ...], _Node] = {}
        self._states: dict[str, WidgetState] = {}
        self._run, self._runs = "", False
        self._page_name, self._query = page, query
        headers = self._http("GET", "/_stcore/health").headers
        cookies = [SimpleCookie(value) for value in headers.get_all("Set-Cookie") or ()]
        self._xsrf = next((found[_XSRF].value for found in cookies if _XSRF in found), "")
        address = f"127.0.0.1:{port}"
        self._open = ExitStack()
        self._socket = self._open.enter_context(
            connect(
                f"ws://{address}/_stcore/stream",
                origin=Origin(f"http://{address}"),
                subprotocols=[Subprotocol(word) for word in ("streamlit", self._xsrf) if word],
                additional_headers={"Cookie": f"{_XSRF}={self._xsrf}"},
                max_size=None,
            )
        )
        self.rerun()

    def close(self) -> None:
        """Close the tab."""
        self._open.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # What is on the page

    def elements(self, kind: str = "") -> Iterator[Any]:
        """Yield what is on the page, from top to bottom, all of it or of one kind."""
        for _, node in sorted(self._nodes.items(), key=lambda item: item[0]):
            if kind in ("", node.kind):
                yield node.element

    def words(self) -> str:
        """Return every text of the page."""
        return "\n".join(element.body for kind in ("markdown", "alert", "heading") for element in self.elements(kind))

    def titles(self) -> list[str]:
        """Return the titles of the page."""
        return [element.body for element in self.elements("heading") if element.tag == "h1"]

    def errors(self) -> list[str]:
        """Return what the page says of something that went wrong."""
        found = [one.body for one in self.elements("alert") if one.format == one.ERROR]
        return found + [f"{one.type}: {one.message}" for one in self.elements("exception")]

    def has(self, key: str) -> bool:
        """Whether a widget is on the page."""
        return self._find(key) is not None

    def widget(self, key: str) -> Any:
        """Return the widget of a key, or of the beginning of one that ends in a number; raises LookupError."""
        found = self._find(key)
        if found is None:
            raise LookupError(f"There is no {key} on the page; it says: {self.words()[:400]}")
        return found

    def _find(self, key: str) -> Any | None:
        # An id is a checksum and the key, which may itself be the end of another key.
        wanted = re.compile(rf"-[0-9a-f]{{32}}-{re.escape(key)}(-\d+)?$")
        return next((one for one in self.elements() if wanted.search(getattr(one, "id", ""))), None)

    # What a user does

    def click(self, key: str, *, wait: bool = True) -> None:
        """Press a button, and wait until the page stands again."""
        widget = self.widget(key)
        self._ask(WidgetState(id=widget.id, trigger_value=True), self._fragment(widget))
        if wait:
            self.settle()

    def type(self, key: str, text: str) -> None:
        """Fill in a text, and wait until the page stands again."""
        widget = self.widget(key)
        self._set(WidgetState(id=widget.id, string_value=text), widget)

    def choose(self, key: str, *positions: int) -> None:
        """Choose options of a group of buttons by their positions."""
        widget = self.widget(key)
        options = [widget.options[i].content for i in positions]
        self._set(WidgetState(id=widget.id, string_array_value=StringArray(data=options)), widget)

    def go(self, path: str) -> None:
        """Open another page, and wait until it stands."""
        self.page = self.pages[path]
        self._send()

    def rerun(self) -> None:
        """Draw the page anew."""
        self._send()

    def upload(self, widget: Any, name: str, data: bytes, *, wait: bool = True) -> None:
        """Drop a file into an uploader of the page, and wait until the page stands again."""
        request = BackMsg()
        request.file_urls_request.request_id = uuid.uuid4().hex
        request.file_urls_request.session_id = self.session_id
        request.file_urls_request.file_names.append(name)
        self._socket.send(request.SerializeToString())
        urls = self._until(
            lambda message: message.WhichOneof("type") == "file_urls_response"
        ).file_urls_response.file_urls
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        body = (
            f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + data + f"\r\n--{boundary}--\r\n".encode()
        )
        kind = f"multipart/form-data; boundary={boundary}"
        self._http("PUT", urls[0].upload_url, body, {"Content-Type": kind, "X-Xsrftoken": self._xsrf})
        state = WidgetState(id=widget.id)
        info = state.file_uploader_state_value.uploaded_file_info.add(
            file_id=urls[0].file_id, name=name, size=len(data)
        )
        info.file_urls.CopyFrom(urls[0])
        self._set(state, widget, wait=wait)

    def settle(self) -> None:
        """Wait until the page stands that was asked for."""
        # One run may ask for the next: it stands when no script runs any more.
        self._until(self._is_whole)
        self._until(lambda message: not self._runs)

    def read(self, until: Callable[[], bool]) -> None:
        """Follow the page until something is so, while its script still runs."""
        if not until():
            self._until(lambda message: until())

    # The protocol

    def _http(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        more = {"Cookie": f"{_XSRF}={self._xsrf}"} if method != "GET" else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.patience_s)
        connection.request(method, path, body, (headers or {}) | more)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status >= 300:
            raise OSError(f"{method} was answered with {answer.status}.")
        return answer

    def _fragment(self, widget: Any) -> str:
        return next((node.fragment for node in self._nodes.values() if node.element is widget), "")

    def _set(self, state: WidgetState, widget: Any, *, wait: bool = True) -> None:
        self._states[state.id] = state
        self._send(self._fragment(widget), wait=wait)

    def _send(self, fragment: str = "", *, wait: bool = True) -> None:
        self._ask(None, fragment)
        if wait:
            self.settle()

    def _ask(self, trigger: WidgetState | None, fragment: str) -> None:
        """Ask for a run with the state of every widget that is there."""
        request = BackMsg()
        there = {getattr(element, "id", "") for element in self.elements()}
        self._states = {key: state for key, state in self._states.items() if key in there}
        request.rerun_script.widget_states.widgets.extend(self._states.values())
        if trigger is not None:
            request.rerun_script.widget_states.widgets.append(trigger)
        request.rerun_script.page_script_hash = self.page
        request.rerun_script.page_name = self._page_name
        request.rerun_script.query_string = self._query
        request.rerun_script.fragment_id = fragment
        self._socket.send(request.SerializeToString())

    @staticmethod
    def _is_whole(message: ForwardMsg) -> bool:
        return message.WhichOneof("type") == "script_finished" and message.script_finished in _WHOLE

    def _until(self, is_it: Callable[[ForwardMsg], bool]) -> ForwardMsg:
        """Take messages in until one is it; raises TimeoutError."""
        end = time.monotonic() + self.patience_s
        while True:
            data = self._socket.recv(timeout=max(0.001, end - time.monotonic()))
            self.n_bytes += len(data)
            message = ForwardMsg()
            message.ParseFromString(data)
            self._take(message)
            if is_it(message):
                return message

    def _take(self, message: ForwardMsg) -> None:
        kind, run = message.WhichOneof("type"), message.metadata.run
        if kind == "new_session":
            self.session_id = message.new_session.initialize.session_id
            self._run = run.script_run_id
        elif kind == "session_status_changed":
            self._runs = message.session_status_changed.script_is_running
        elif kind == "navigation":
            self.pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
            self.page, self._page_name = message.navigation.page_script_hash, ""
        elif kind == "delta":
            self._place(tuple(message.metadata.delta_path), message.delta)
        elif self._is_whole(message):
            # What this run did not draw again is gone; a run of a fragment speaks for that fragment alone.
            drawn_by = set(run.fragment_ids)
            self._nodes = {
                path: node
                for path, node in self._nodes.items()
                if node.run == run.script_run_id or (drawn_by and node.fragment not in drawn_by)
            }

    def _place(self, path: tuple[int, ...], delta: Delta) -> None:
        kind, element = "block", delta.add_block  # type: str, Any
        if delta.HasField("new_element"):
            kind = str(delta.new_element.WhichOneof("type"))
            element = getattr(delta.new_element, kind)
            # Nothing lies below an element.
            self._nodes = {other: node for other, node in self._nodes.items() if other[: len(path)] != path}
            if getattr(element, "set_value", False):
                self._states.pop(element.id, None)
        elif not delta.HasField("add_block"):
            return
        self._nodes[path] = _Node(self._run, delta.fragment_id, kind, element)
