"""Options and output that several commands share. Nothing heavy is imported at once: ``--help`` answers quickly."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from rich.progress import Progress

#: The JSON document, and the same as lines for a person.
Answer = tuple[dict, list[str]]
RunCommand = Callable[[argparse.Namespace], Answer | None]

GENES = "tf (transcription factors), all, or a file with one gene a line"
GOALS = (
    "up:GMT#SET, down:GMT#SET, genes:+A,+B,-C, toward:FILE#NAME (toward-raw: where FILE is of the same study), "
    "cohort:high:GENE, cohort:low:GENE, cohort:median, or normal (the sample's own normal tissue)"
)
PATTERNS = "perturbation of each gene: ko, kd50, x3, =12.5 (TPM), =q90 (the cohort's 90th percentile); default ko"
#: Rows of a table that are printed for a person.
GENES_SHOWN = 20


class Commands:
    """One level of commands: ``cellstate COMMAND``, or ``cellstate model COMMAND``.

    Parameters
    ----------
    action
        The result of ``ArgumentParser.add_subparsers``.
    """

    def __init__(self, action: argparse._SubParsersAction) -> None:
        self._action = action

    def add(self, name: str, words: str, run: RunCommand, *, reads: bool = False, runs: bool = False):
        """Add a command.

        Parameters
        ----------
        reads : bool
            It reads a file: FILE, the sample, and settings that are not to be detected.
        runs : bool
            It runs a network: device and precision.
        """
        command = self._action.add_parser(name, help=words, description=words)
        command.set_defaults(run=run)
        if reads:
            _add_file(command)
        if runs:
            command.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
            command.add_argument("--dtype", default="auto", help="auto, float32, bfloat16, float16")
        command.add_argument("--json", action="store_true", help="print one JSON document")
        command.add_argument(
            "--model", metavar="DIR", help="model folder, or the name of a shipped one: human, coadread (default)"
        )
        return command

    def group(self, name: str, words: str) -> Commands:
        """Add a word that has commands of its own."""
        below = self._action.add_parser(name, help=words)
        return Commands(below.add_subparsers(dest=f"{name}_command", required=True, metavar="COMMAND"))


def _add_file(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "file",
        metavar="FILE",
        nargs="+",
        help="an RNA-seq profile in any format, or FILE#NAME for one sample of it; several files of one sample each, "
        "such as quant.sf, are read together and named by their folders where they have the same name",
    )
    command.add_argument("--sample", metavar="NAME", help="one sample of the file; the same as FILE#NAME")
    for name, words in (
        ("format", "file format"),
        ("orientation", "'genes in rows' or 'genes in columns'"),
        ("unit", "counts, coverage, TPM, FPKM or a log of these"),
        ("ids", "kind of gene names"),
        ("columns", "numbers of the columns that are samples, such as 2,3,5"),
        ("sheet", "sheet of a workbook"),
    ):
        command.add_argument(f"--{name}", metavar="X", help=f"override the detected setting: {words}")
    command.add_argument(
        "--repair-dates",
        action="store_true",
        help="restore names that a spreadsheet turned into dates, where one gene only is possible",
    )


def add_predictor(command: argparse.ArgumentParser) -> None:
    """Add ``--predictor``."""
    command.add_argument(
        "--predictor",
        metavar="NAME",
        help="prediction method: autoencoder, pca, coexpression, whitened_coexpression, ridge, elastic_net or ridge_tf "
        "(default: that of the model folder)",
    )


def add_perturb(command: argparse.ArgumentParser, words: str, metavar: str = "GENE=WHAT") -> None:
    """Add ``--perturb``, which may be given again, and its older name, which the help does not show."""
    command.add_argument("--perturb", action="append", metavar=metavar, help=f"{words}; may be given again")
    command.add_argument("--edit", dest="perturb", action="append", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def add_goal(command: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add ``--goal``."""
    command.add_argument("--goal", required=required, metavar="SPEC", help=GOALS)


def add_genes(command: argparse.ArgumentParser, words: str = "candidates", option: str = "--genes") -> None:
    """Add ``--genes``, or another option that names genes."""
    command.add_argument(option, metavar="WHICH", help=f"{words}: {GENES} (default: all)")


def add_top(command: argparse.ArgumentParser) -> None:
    """Add ``--top``."""
    command.add_argument("--top", type=int, metavar="N", help="rows that are shown; all of them are scored exactly")


def add_out(command: argparse.ArgumentParser) -> None:
    """Add ``--out``."""
    command.add_argument("--out", metavar="CSV", help="also write the whole table")


def add_search(command: argparse.ArgumentParser) -> None:
    """Add what a search of candidates takes: goal, genes, perturbations, method, and a file for the whole table."""
    add_goal(command)
    add_genes(command)
    add_perturb(command, PATTERNS, "WHAT")
    add_predictor(command)
    add_out(command)


def check_out(options: argparse.Namespace) -> None:
    """Refuse an ``--out`` that cannot be written, before a long computation."""
    from cellstate.io.write import check_writable

    if options.out:
        check_writable(options.out)


def write_out(options: argparse.Namespace, table: pd.DataFrame) -> None:
    """Write the whole table to ``--out``, where that is given."""
    from cellstate.io.write import write_table

    if options.out:
        write_table(table, options.out)


def number(value: float | None, form: str = "+.3f") -> str:
    """Return a number as text, a dash where there is none."""
    return "-" if value is None or math.isnan(value) else format(value, form)


def records(table: pd.DataFrame, first: int | None = None) -> list[dict]:
    """Return the first rows of a table, or all of them, with Python's own numbers."""
    some = table if first is None else table.head(first)
    columns = [some[name].tolist() for name in some.columns]
    return [dict(zip(some.columns, row, strict=True)) for row in zip(*columns, strict=True)]


class ProgressBar:
    """A bar for each part of a run, on standard error; nothing where that is no terminal.

    Called with (done, total, what), see `cellstate.perturb.predictors.base.SearchProgress`.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._what = ""
        self._progress = None if quiet or not sys.stderr.isatty() else _rich_progress()

    def __enter__(self) -> ProgressBar:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, done: int, total: int, what: str) -> None:
        """Show how much of a part of the run is done."""
        if self._progress is None:
            return
        if what != self._what:
            self._what, self._task = what, self._progress.add_task(what, total=total)
        self._progress.update(self._task, completed=done, total=total)


def _rich_progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
