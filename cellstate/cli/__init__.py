"""The command ``cellstate``: parses, calls the package, prints.

With ``--json`` standard output is one JSON document; everything else goes to standard error. Exit status 0 is done,
2 is bad input, 130 is stopped by the user.
"""

from __future__ import annotations

import json
import os
import sys

from cellstate.cli import train
from cellstate.cli.answer import plain
from cellstate.cli.parser import parser
from cellstate.errors import CellStateError, Stopped, print_error


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["train"]:  # the trainer has a parser of its own
        return train.run_trainer(words[1:])
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
    if answer is None:  # another process of the same run prints
        return 0
    result, lines = answer
    try:
        print(json.dumps(plain(result)) if options.json else "\n".join(lines))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe (head) had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
