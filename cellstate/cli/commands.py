"""Commands as they are added to the parser, with the options that many of them share."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from cellstate.cli.answer import Answer

Run = Callable[[argparse.Namespace], Answer | None]


class Commands:
    """One level of commands: ``cellstate COMMAND``, or ``cellstate model COMMAND``.

    Parameters
    ----------
    action
        What ``ArgumentParser.add_subparsers`` returned.
    """

    def __init__(self, action: argparse._SubParsersAction) -> None:
        self._action = action

    def add(self, name: str, words: str, run: Run, *, reads: bool = False, runs: bool = False):
        """Add a command.

        Parameters
        ----------
        reads : bool
            It reads a profile: FILE and what overrules the reader.
        runs : bool
            It runs a network: device and precision.
        """
        parents = [_reading()] * reads + [_running()] * runs + [_every()]
        command = self._action.add_parser(name, help=words, description=words, parents=parents)
        command.set_defaults(run=run)
        return command

    def group(self, name: str, words: str) -> Commands:
        """Add a word that has commands of its own."""
        below = self._action.add_parser(name, help=words)
        return Commands(below.add_subparsers(dest=f"{name}_command", required=True, metavar="COMMAND"))


def _every() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print one JSON document")
    shared.add_argument("--model", metavar="DIR", help="model folder (default: the shipped demo model)")
    return shared


def _running() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    shared.add_argument("--dtype", default="auto", help="auto, float32, bfloat16, float16")
    return shared


def _reading() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "file",
        metavar="FILE",
        help="an RNA-seq profile in any format that can be read, or FILE#NAME for one sample of it",
    )
    for name, words in (
        ("format", "file format"),
        ("orientation", "'genes in rows' or 'genes in columns'"),
        ("unit", "counts, coverage, TPM, FPKM or a log of these"),
        ("ids", "kind of gene names"),
    ):
        shared.add_argument(f"--{name}", metavar="X", help=f"overrule the decision: {words}")
    shared.add_argument(
        "--repair-dates",
        action="store_true",
        help="put names back that a spreadsheet turned into dates, where one gene only can be meant",
    )
    return shared


def add_sample(command: argparse.ArgumentParser) -> None:
    """Add ``--sample``, for a command about one sample of a file."""
    command.add_argument(
        "--sample", metavar="NAME", help="which sample of the file (default: the first); the same as FILE#NAME"
    )


def add_predictor(command: argparse.ArgumentParser) -> None:
    """Add ``--predictor``."""
    command.add_argument(
        "--predictor",
        metavar="NAME",
        help="prediction method: autoencoder, pca, coexpression, ridge, elastic_net or ridge_tf (default: the one that "
        "the model folder names)",
    )


def add_perturb(command: argparse.ArgumentParser, words: str, metavar: str = "GENE=WHAT") -> None:
    """Add ``--perturb``, which may be given again; `perturbations` reads it."""
    command.add_argument("--perturb", action="append", metavar=metavar, help=f"{words}; may be given again")
    command.add_argument("--edit", dest="perturb", action="append", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def add_out(command: argparse.ArgumentParser) -> None:
    """Add ``--out``."""
    command.add_argument("--out", metavar="CSV", help="also write the whole table")
