"""The web server: the ASGI app and the function that serves it.

`cellstate app`, ``make run`` and the container start it here; ``streamlit run app.py`` serves the same pages without
importing ahead, and without this server's own headers, checks of links and limits of uploads. Any ASGI server can take
`asgi_app`: ``uvicorn --factory cellstate.ui.runtime.server:asgi_app``.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import streamlit as st

from cellstate.errors import CellStateError
from cellstate.files import resource_path
from cellstate.ui.runtime.uploads import UploadLimits
from cellstate.ui.runtime.web_security import MediaLinks, SecurityHeaders
from cellstate.ui.streamlit_compat import asgi_middleware, note_media_visitors

#: Where the app is served if nobody names a port, and how many ports from there on are tried.
FIRST_PORT, PORTS_TRIED = 8501, 100
#: Imported while the first visitor's browser is still loading.
_FIRST_PAGE = ("cellstate.ui.components.shell", "cellstate.ui.home")
#: Imported once the first page is drawn, so that it does not wait for them.
_OTHER_PAGES = ("cellstate.ui.workbench.perturb", "cellstate.ui.candidates.search", "cellstate.ui.validate.comparison")
#: Set when the first page was drawn; without a visitor the rest is imported after so many seconds.
first_drawn = threading.Event()
_NO_VISITOR_S = 30.0


def asgi_app() -> st.App:
    """Return the ASGI app."""
    note_media_visitors()
    middleware = asgi_middleware(SecurityHeaders, MediaLinks, UploadLimits)
    return st.App(resource_path("app.py"), lifespan=lifespan, middleware=middleware)


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Import the pages' modules beside the running server."""
    threading.Thread(target=_import_ahead, name="cellstate-imports", daemon=True).start()
    yield


def address(port: int) -> str:
    """Return the address of the app at a port of this machine.

    Raises
    ------
    CellStateError
        If the port cannot be used.
    """
    if not _is_free(port):
        raise CellStateError(
            f"Port {port} is in use or not allowed, so the app was not started.",
            "Choose another one: cellstate app --port 8600.",
        )
    return f"http://127.0.0.1:{port}"


def free_port() -> int:
    """Return the first port from `FIRST_PORT` on that the app can have.

    Raises
    ------
    CellStateError
        If `PORTS_TRIED` ports in a row are in use.
    """
    for port in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        if _is_free(port):
            return port
    raise CellStateError(
        f"The ports {FIRST_PORT} to {FIRST_PORT + PORTS_TRIED - 1} are all in use.",
        "Stop one of those programs, or choose another port: cellstate app --port 9000.",
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # A port that a server left a moment ago is free, although connections of it still close.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


def serve(port: int) -> None:
    """Serve the app until SIGINT or SIGTERM ends it.

    Streamlit reads ``.streamlit/config.toml`` beside `app.py`, and that of the working directory.
    """
    # Streamlit looks for its configuration beside the program that was started.
    sys.argv = [str(resource_path("app.py"))]
    asgi_app().run(config={"server.port": port, "logger.hideWelcomeMessage": True})


def _import_ahead() -> None:
    for module in _FIRST_PAGE:
        import_module(module)
    first_drawn.wait(_NO_VISITOR_S)
    for module in _OTHER_PAGES:
        import_module(module)
    from cellstate.genes import gene_axis

    gene_axis().search("TP53")
