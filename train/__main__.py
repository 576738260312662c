"""The offline side.

python -m train fit train/configs/coadread.toml
torchrun --standalone --nproc-per-node 2 -m train fit train/configs/coadread.toml
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace

from cellstate.errors import CellStateError, print_error
from train.config import read_config
from train.distributed import world
from train.fit import fit
from train.progress import Progress


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("fit", help="train a model and write its folder")
    one.add_argument("config", help="a TOML file, see train/configs")
    one.add_argument("--out", metavar="DIR", help="model folder (default: the config's)")
    one.add_argument("--data", metavar="DIR", help="stored cohort (default: the config's)")
    one.add_argument("--device", default="auto", help="auto, cpu or cuda")
    options = parser.parse_args(arguments)
    try:
        config = read_config(options.config)
        if options.out:
            config = replace(config, output=replace(config.output, folder=options.out))
        if options.data:
            config = replace(config, data=replace(config.data, cohort=options.data))
        with world(options.device) as here:
            result = fit(config, here, Progress(visible=here.is_first))
    except CellStateError as error:
        return print_error(error)
    if result:
        print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
