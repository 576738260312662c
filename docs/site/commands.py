"""The reference of the command line, from the parsers themselves."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator

from cellstate.cli import COMMANDS, parser
from cellstate.cli.train import trainer_module

#: An option that so many commands take, with one meaning, is explained once.
_SHARED = 5


def reference() -> str:
    """Return every command with its options, as Markdown; what many of them take comes first."""
    parsers = [(f"cellstate {name}", one) for name, one in _below(parser()) if name in COMMANDS and name != "train"]
    trainer = trainer_module("__main__").parser("cellstate train")
    parsers += [(f"cellstate train {name}", one) for name, one in _below(trainer)]
    rows = Counter(row for _, one in parsers for row, action in _rows(one) if action.option_strings)
    shared = [row for row, n in rows.items() if n >= _SHARED]
    parts = ["## Options of many commands", _table(shared)]
    parts += [part for name, one in parsers for part in _section(name, one, 2, frozenset(shared))]
    return "\n\n".join(parts)


def _below(whole: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in whole._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _section(name: str, one: argparse.ArgumentParser, level: int, shared: frozenset[str]) -> Iterator[str]:
    yield f"{'#' * level} {name}"
    if one.description:
        yield _cell(one.description[:1].upper() + one.description[1:]) + "."
    if commands := list(_below(one)):
        for word, command in commands:
            yield from _section(f"{name} {word}", command, level + 1, shared)
        return
    rows = _rows(one)
    if own := [row for row, _ in rows if row not in shared]:
        yield _table(own)
    if also := [f"`{action.option_strings[-1]}`" for row, action in rows if row in shared]:
        yield f"Also takes, [like many commands](#options-of-many-commands): {', '.join(also)}."


def _table(rows: list[str]) -> str:
    return "\n".join(["| argument | means |", "| --- | --- |", *rows])


def _rows(one: argparse.ArgumentParser) -> list[tuple[str, argparse.Action]]:
    shown = [action for action in one._actions if action.help != argparse.SUPPRESS and action.dest != "help"]
    return [(_row(one, action), action) for action in shown]


def _row(one: argparse.ArgumentParser, action: argparse.Action) -> str:
    shown = one._get_formatter()._format_action_invocation(action)
    text = one._get_formatter()._expand_help(action) if action.help else ""
    choices = f"one of {', '.join(map(str, action.choices))}" if action.choices else ""
    needed = "required" if action.option_strings and action.required else ""
    return f"| `{_cell(shown)}` | {'; '.join(filter(None, (_cell(text), choices, needed)))} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
