"""``cellstate train ...``: the trainer, which lies inside the package in a wheel and beside it in a checkout."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from cellstate.cli.options import Commands

#: Where a wheel has the trainer: see hatch_build.py.
_IN_WHEEL = "cellstate._train"


def add(commands: Commands) -> None:
    """List ``train`` in the help; its arguments go to the trainer's own parser."""
    commands.group("train", "ingest samples, fit or adapt a model, plan a run: see cellstate train --help")


def run_trainer(arguments: list[str]) -> int:
    """Run a command of the trainer; returns the exit status."""
    if find_spec(_IN_WHEEL):
        main = import_module(f"{_IN_WHEEL}.__main__").main
    else:
        from train.__main__ import main
    return main(arguments, prog="cellstate train")
