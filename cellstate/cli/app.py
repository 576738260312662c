"""``cellstate app``: the web app."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import threading
import time
import webbrowser
from pathlib import Path

from cellstate.cli.options import Commands
from cellstate.extras import require_extra

#: Seconds that a server may take to its first answer before no browser is opened any more.
_PATIENCE_S = 60.0


def add(commands: Commands) -> None:
    """Add ``app``."""
    command = commands.add("app", "serve the web app and open it in the browser", _app)
    command.add_argument(
        "--port",
        type=int,
        default=os.environ.get("PORT"),
        metavar="N",
        help="this port and no other (default: $PORT, or the first free one from 8501 on)",
    )
    command.add_argument("--no-browser", action="store_true", help="open no browser (default with --json)")


def _app(options: argparse.Namespace) -> None:
    require_extra("app", "The app")
    # Streamlit is imported for this command alone.
    from cellstate.ui.runtime.server import address, free_port, serve

    if options.model:
        os.environ["CELLSTATE_MODEL"] = str(Path(options.model).resolve())
    port = free_port() if options.port is None else options.port
    url = address(port)
    print(json.dumps({"url": url}) if options.json else f"CellState: {url} (Ctrl+C stops it)", flush=True)
    if not options.json and not options.no_browser and _has_browser():
        threading.Thread(target=_open_browser, args=(url, port), name="cellstate-browser", daemon=True).start()
    serve(port)


def _has_browser() -> bool:
    """Return whether a browser can have a window here: on a server it would take over the terminal."""
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    )


def _open_browser(url: str, port: int) -> None:
    """Open the address as soon as the server answers; its owner can still type it where no browser opens."""
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            webbrowser.open(url)
            return
