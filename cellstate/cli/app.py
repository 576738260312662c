"""``cellstate app``: the web app."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from cellstate.cli.options import Commands


def add(commands: Commands) -> None:
    """Add ``app``."""
    command = commands.add("app", "serve the web app", _app)
    command.add_argument(
        "--port", type=int, default=os.environ.get("PORT", "8501"), metavar="N", help="port (default: 8501, or $PORT)"
    )


def _app(options: argparse.Namespace) -> None:
    # Streamlit is imported for this command alone.
    from cellstate.ui.runtime.server import address, serve

    if options.model:
        os.environ["CELLSTATE_MODEL"] = str(Path(options.model).resolve())
    url = address(options.port)
    print(json.dumps({"url": url}) if options.json else f"CellState: {url} (Ctrl+C stops it)", flush=True)
    serve(options.port)
