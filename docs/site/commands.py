"""The reference of the command line, from the parsers themselves."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from cellstate.cli import COMMANDS, parser
from cellstate.cli.train import trainer_module


def reference() -> str:
    """Return every command with its options, as Markdown."""
    parsers = [(f"cellstate {name}", one) for name, one in _below(parser()) if name in COMMANDS and name != "train"]
    trainer = trainer_module("__main__").parser("cellstate train")
    parsers += [(f"cellstate train {name}", one) for name, one in _below(trainer)]
    return "\n\n".join(part for name, one in parsers for part in _section(name, one, 2))


def _below(whole: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in whole._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _section(name: str, one: argparse.ArgumentParser, level: int) -> Iterator[str]:
    yield f"{'#' * level} {name}"
    if one.description:
        yield _cell(one.description[:1].upper() + one.description[1:]) + "."
    if commands := list(_below(one)):
        for word, command in commands:
            yield from _section(f"{name} {word}", command, level + 1)
        return
    rows = [_row(one, action) for action in one._actions if action.help != argparse.SUPPRESS and action.dest != "help"]
    if rows:
        yield "\n".join(["| argument | means |", "| --- | --- |", *rows])


def _row(one: argparse.ArgumentParser, action: argparse.Action) -> str:
    shown = one._get_formatter()._format_action_invocation(action)
    choices = f" One of {', '.join(map(str, action.choices))}." if action.choices else ""
    needed = " Required." if action.option_strings and action.required else ""
    text = one._get_formatter()._expand_help(action) if action.help else ""
    return f"| `{_cell(shown)}` | {_cell(text)}{choices}{needed} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
