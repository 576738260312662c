"""The trainer: ingest samples, fit a model, adapt it to a cohort, plan a run on a cluster.

Examples, from a checkout and from an installed package:

python -m train fit train/configs/coadread.toml
cellstate train fit coadread
torchrun --standalone --nproc-per-node 2 -m train fit train/configs/coadread.toml
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from typing import Any, TypeVar

from cellstate.errors import CellStateError, print_error

from . import checksums, manifest, plan, score_regulators
from .callbacks import ProgressDisplay
from .config import TrainConfig, read_config
from .distributed import distributed_context
from .finetune import FinetuneConfig, finetune, read_finetune_config
from .fit import fit
from .ingest import command as ingest

Config = TypeVar("Config", TrainConfig, FinetuneConfig)


def main(argv: list[str] | None = None, prog: str = "python -m train") -> int:
    """Run one command; the last line of standard output is its JSON document.

    Returns the exit status: 0 done, 2 bad input, with one sentence and a hint on standard error.
    """
    options = parser(prog).parse_args(argv)
    try:
        result = options.run(options)
    except CellStateError as error:
        return print_error(error)
    # Of several processes the first alone has a result.
    if result:
        print(json.dumps(result))
    return 0


def parser(prog: str) -> argparse.ArgumentParser:
    """Return the parser; ``options.run(options)`` then gives the result."""
    whole = argparse.ArgumentParser(
        prog=prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    ingest.add(commands)
    _add_training(commands, "fit", "train a model and write its folder; continues an interrupted run", _fit)
    _add_training(commands, "finetune", "adapt a base model to a disease cohort", _finetune).add_argument(
        "--base", metavar="DIR", help="folder of the base model (default: the config's)"
    )
    plan.add(commands)
    manifest.add(commands)
    checksums.add(commands)
    score_regulators.add(commands)
    return whole


def _add_training(commands: Any, name: str, words: str, run: Any) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=words, description=words)
    parser.add_argument("config", help="a TOML file, or the name of one in train/configs")
    parser.add_argument("--out", metavar="DIR", help="model folder (default: the config's)")
    parser.add_argument("--data", metavar="DIR", help="stored cohort or ingested store (default: the config's)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--fresh", action="store_true", help="forget an interrupted run instead of continuing it")
    parser.set_defaults(run=run)
    return parser


def _fit(options: argparse.Namespace) -> dict:
    config = with_cli_overrides(read_config(options.config), options)
    with distributed_context(options.device) as context:
        return fit(config, context, ProgressDisplay(visible=context.is_first), fresh=options.fresh)


def _finetune(options: argparse.Namespace) -> dict:
    config = with_cli_overrides(read_finetune_config(options.config), options)
    if options.base:
        config = replace(config, base=replace(config.base, model=options.base))
    with distributed_context(options.device) as context:
        return finetune(config, context, ProgressDisplay(visible=context.is_first), fresh=options.fresh)


def with_cli_overrides(config: Config, options: argparse.Namespace) -> Config:
    """Return the config with the folders that the options name."""
    if options.out:
        config = replace(config, output=replace(config.output, folder=options.out))
    if options.data:
        place = "cohort" if config.data.cohort else "store"
        config = replace(config, data=replace(config.data, **{place: options.data}))
    return config


if __name__ == "__main__":
    sys.exit(main())
