"""What the command line accepts. Nothing heavy is imported here, so that ``--help`` answers at once."""

from __future__ import annotations

import argparse
from importlib import import_module

from cellstate import __version__
from cellstate.cli.commands import Commands

#: The commands of each module, in the order of ``--help``.
_MODULES = {
    "profiles": ("inspect", "perturb"),
    "titrate": ("titrate",),
    "regulators": ("screen", "pairs", "combine"),
    "quality": ("evaluate", "compare"),
    "report": ("report", "bundle"),
    "models": ("model", "data"),
    "app": ("app",),
    "train": ("train",),
}


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser; ``options.run(options)`` then gives the answer.

    Parameters
    ----------
    command : str, optional
        The command that is asked for: only its module is imported. All of them are for any other word.
    """
    whole = argparse.ArgumentParser(
        prog="cellstate",
        description="Virtual gene manipulation on one patient's transcriptome. Research use only: every prediction "
        "is a hypothesis.",
    )
    whole.add_argument("--version", action="version", version=f"cellstate {__version__}")
    commands = Commands(whole.add_subparsers(dest="command", required=True, metavar="COMMAND"))
    wanted = [module for module, names in _MODULES.items() if command in names] or list(_MODULES)
    for module in wanted:
        import_module(f"cellstate.cli.{module}").add(commands)
    return whole
