"""The offline side: ingest samples, train a network, adapt it, plan a run on a cluster.

python -m train fit train/configs/coadread.toml
torchrun --standalone --nproc-per-node 2 -m train fit train/configs/coadread.toml
"""

from __future__ import annotations

import argparse
import json
import sys

from cellstate.errors import CellStateError, print_error
from train import plan
from train.commands import finetune, fit, ingest, manifest


def main(arguments: list[str] | None = None) -> int:
    """Run one command and print one JSON document, the last line; returns the exit status, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (ingest, manifest, fit, finetune, plan):
        command.add(commands)
    options = parser.parse_args(arguments)
    try:
        result = options.run(options)
    except CellStateError as error:
        return print_error(error)
    if result:
        print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
