"""``cellstate app``: serve the web app."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from cellstate.cli.options import Answer, Commands
from cellstate.resources import resource_path


def add(commands: Commands) -> None:
    """Add the command."""
    one = commands.add("app", "serve the web app", _run)
    one.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8501")))


def _run(options: argparse.Namespace) -> Answer:
    entry = resource_path("app.py")
    # Streamlit reads .streamlit/config.toml of the folder in which it starts.
    command = [sys.executable, "-m", "streamlit", "run", str(entry), "--server.port", str(options.port)]
    environment = os.environ | ({"CELLSTATE_MODEL": str(Path(options.model).resolve())} if options.model else {})
    status = subprocess.call(command, cwd=entry.parent, env=environment)
    return {"status": status}, []
