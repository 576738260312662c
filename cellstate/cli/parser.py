"""What the command line accepts. Nothing heavy is imported here, so that ``--help`` answers at once."""

from __future__ import annotations

import argparse

from cellstate import __version__
from cellstate.cli import doses, models, profiles, quality, regulators, report, train
from cellstate.cli.commands import Commands


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; ``options.run(options)`` then gives the answer."""
    whole = argparse.ArgumentParser(
        prog="cellstate",
        description="Virtual gene manipulation on one patient's transcriptome. Research use only: every prediction "
        "is a hypothesis.",
    )
    whole.add_argument("--version", action="version", version=f"cellstate {__version__}")
    commands = Commands(whole.add_subparsers(dest="command", required=True, metavar="COMMAND"))
    for group in (profiles, doses, regulators, quality, report, models, train):
        group.add(commands)
    return whole
