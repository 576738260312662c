"""The command ``cellstate``: one module a command, each of which imports only what its command needs.

With ``--json`` standard output is one JSON document; everything else goes to standard error. Exit status 0 is done,
1 is an installation that `doctor` finds at fault, 2 is bad input, 130 is stopped by the user.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

from cellstate import __version__
from cellstate.cli.options import Commands
from cellstate.errors import CellStateError, Stopped, print_error
from cellstate.threads import one_thread_for_numpy

#: Each is a module of this package, in the order of ``--help``.
COMMANDS = (
    *("inspect", "perturb", "titrate", "screen", "regulators", "pairs", "combine", "evaluate", "compare"),
    *("effects", "report", "bundle", "model", "data", "app", "doctor", "train"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["train"]:  # the trainer has a parser of its own
        return import_module("cellstate.cli.train").run_trainer(words[1:])
    one_thread_for_numpy()
    options = parser(words[0] if words else None).parse_args(words)
    try:
        answer = options.run(options)
    except Stopped as stopped:
        print(f"stopped: {stopped}", file=sys.stderr)
        return 130
    except CellStateError as error:
        return print_error(error)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    if answer is not None:  # of several processes that share a run, one prints
        result, lines = answer
        _print(_to_json(result) if options.json else "\n".join(lines))
    return getattr(options, "status", 0)


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser; ``options.run(options)`` then gives the answer.

    Parameters
    ----------
    command : str, optional
        The first word of the command line: only its module is imported. For any other word all of them are.
    """
    whole = argparse.ArgumentParser(
        prog="cellstate",
        description="Virtual gene manipulation on one patient's transcriptome. Research use only: every prediction "
        "is a hypothesis.",
    )
    whole.add_argument("--version", action="version", version=f"cellstate {__version__}")
    commands = Commands(whole.add_subparsers(dest="command", required=True, metavar="COMMAND"))
    for name in [command] if command in COMMANDS else COMMANDS:
        import_module(f"cellstate.cli.{name}").add(commands)
    return whole


def _to_json(result: dict) -> str:
    import msgspec

    # A number that is not finite becomes null; numpy's scalars become numbers.
    return msgspec.json.encode(result, enc_hook=lambda value: value.item()).decode()


def _print(text: str) -> None:
    try:
        print(text)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe (head) had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
