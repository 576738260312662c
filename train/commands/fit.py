"""``python -m train fit``: train a model and write its folder."""

from __future__ import annotations

import argparse
from typing import Any

from train.commands.options import add_options, moved
from train.config import read_config
from train.distributed import world
from train.fit import fit
from train.progress import Progress


def add(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser("fit", help="train a model and write its folder; continues an interrupted run")
    parser.add_argument("config", help="a TOML file, see train/configs")
    add_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> dict | None:
    """Train."""
    config = moved(read_config(options.config), options)
    with world(options.device) as here:
        return fit(config, here, Progress(visible=here.is_first), fresh=options.fresh)
