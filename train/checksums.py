"""``python -m train checksums``: write the checksums of a model folder anew, after a change that was meant."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cellstate.errors import ModelError
from cellstate.model.checksums import write_model_checksums
from cellstate.model.folder import WEIGHTS


def add(commands: Any) -> None:
    """Add the command ``checksums``."""
    words = "write the checksums of a model folder anew, after a change that was meant"
    parser = commands.add_parser("checksums", help=words, description=words)
    parser.add_argument("folders", nargs="+", metavar="DIR", help="a model folder")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> dict:
    """Run the command; answers with the checksums of each folder's files."""
    folders = [Path(folder) for folder in options.folders]
    for folder in folders:
        if not (folder / WEIGHTS).is_file():
            raise ModelError(f"{folder} holds no model.", "Name model folders.")
    return {str(folder): write_model_checksums(folder) for folder in folders}
