"""``python -m train finetune``: adapt a base model to a disease cohort."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from train.commands.options import add_options, moved
from train.distributed import world
from train.finetune import finetune, read_finetune_config
from train.progress import Progress


def add(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser("finetune", help="adapt a base model to a disease cohort")
    parser.add_argument("config", help="a TOML file, see train/configs/finetune.toml")
    parser.add_argument("--base", metavar="DIR", help="folder of the base model (default: the config's)")
    add_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> dict | None:
    """Adapt."""
    config = moved(read_finetune_config(options.config), options)
    if options.base:
        config = replace(config, base=replace(config.base, model=options.base))
    with world(options.device) as here:
        return finetune(config, here, Progress(visible=here.is_first), fresh=options.fresh)
