"""``cellstate train ...``: the trainer, which lies inside the package in a wheel and beside it in a checkout."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from cellstate.cli.options import Commands
from cellstate.errors import CellStateError, print_error
from cellstate.extras import require_extra

#: Where a wheel has the trainer: see hatch_build.py.
_IN_WHEEL = "cellstate._train"


def add(commands: Commands) -> None:
    """List ``train`` in the help; its arguments go to the trainer's own parser."""
    commands.group("train", "ingest samples, fit or adapt a model, plan a run: see cellstate train --help")


def run_trainer(arguments: list[str]) -> int:
    """Run a command of the trainer; returns the exit status."""
    try:
        require_extra("train", "The trainer")
    except CellStateError as error:
        return print_error(error)
    return trainer_module("__main__").main(arguments, prog="cellstate train")


def trainer_module(name: str) -> ModuleType:
    """Import a module of the trainer."""
    return import_module(f"{_IN_WHEEL if find_spec(_IN_WHEEL) else 'train'}.{name}")
