"""The command ``pairs``: alone, or as one of several processes that torchrun started."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cellstate import __version__
from cellstate.cli.answer import GENES_SHOWN, Answer, number, records
from cellstate.cli.commands import Commands, add_out
from cellstate.cli.inputs import at_least_one, read_genes
from cellstate.cli.question import GENES_HELP, PATTERNS_HELP, Question, add_question, read_patterns, read_question
from cellstate.errors import CellStateError, PerturbationError, Stopped

if TYPE_CHECKING:
    from cellstate.perturb.search.distributed import Ranks
    from cellstate.perturb.search.pair_blocks import FolderBlocks
    from cellstate.perturb.search.pairs import Pairs


def add_pairs(commands: Commands) -> None:
    """Add ``pairs``."""
    one = commands.add("pairs", "rank pairs of perturbations by their interaction", _pairs, reads=True, runs=True)
    one.epilog = "Several processes share the work: torchrun --standalone --nproc-per-node 2 -m cellstate pairs ..."
    add_question(one)
    one.add_argument("--genes", metavar="WHICH", help=f"first genes of the pairs: {GENES_HELP} (default: all)")
    one.add_argument("--partners", metavar="WHICH", help="second genes of the pairs, in the same way (default: all)")
    one.add_argument("--anchor", metavar="GENE", help="only the partners of this gene")
    one.add_argument(
        "--by", default="interaction", help="interaction (default), score of both, or cohort: what its patients show"
    )
    one.add_argument("--perturb", default="ko", metavar="WHAT", help=PATTERNS_HELP)
    one.add_argument("--edit", dest="perturb", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    one.add_argument("--top", type=int, metavar="N", help="rows that are shown; all of them are scored exactly")
    one.add_argument(
        "--keep",
        metavar="DIR",
        help="keep finished blocks of rows in this folder, so that the same command goes on after a stop; they are "
        "made from the patient's profile",
    )
    add_out(one)


def _pairs(options: argparse.Namespace) -> Answer | None:
    from cellstate.perturb.search.distributed import ranks

    with ranks() as here:
        options.quiet = not here.first
        options.device = here.device(options.device)
        with _said_once(here):
            return _search(options, here)


def _search(options: argparse.Namespace, here: Ranks) -> Answer | None:
    from cellstate.cli.bar import Bar
    from cellstate.io import check_writable, write_table
    from cellstate.perturb.search.pairs import RANKED_BY, TOP, TOP_ANCHORED, pairs

    perturbation = _one_pattern(options.perturb)
    if options.by not in RANKED_BY:
        raise CellStateError(f"Pairs are not ranked by {options.by!r}.", "Write --by interaction, score or cohort.")
    if options.anchor and options.genes:
        raise CellStateError(
            "--anchor and --genes both say what the first gene is.", "Leave one out, or write --partners."
        )
    usual = TOP_ANCHORED if options.anchor else TOP
    top = usual if options.top is None else at_least_one("--top", options.top)
    if options.out and here.first:
        check_writable(options.out)
    asked = read_question(options)
    space = asked.model.space
    genes, partners = (read_genes(options, text, space) for text in (options.genes, options.partners))
    anchor = space.find(options.anchor) if options.anchor else None
    blocks = _kept(options, asked, here, [perturbation, options.by, max(top, usual), anchor, genes, partners])
    with _goes_on(options.keep, blocks), Bar(quiet=not here.first) as bar:
        found = pairs(
            asked.sample,
            asked.goal,
            perturbation=perturbation,
            genes=genes,
            partners=partners,
            anchor=anchor,
            by=options.by,
            top=max(top, usual),
            progress=bar,
            blocks=blocks,
            ranks=here,
        )
    if found is None:
        return None
    if options.out:
        write_table(found.table, options.out)
    return _answer(options, asked, found, top)


def _one_pattern(text: str) -> str:
    patterns = read_patterns([text])
    if len(patterns) > 1:
        raise PerturbationError(
            f"A pair screen tries one perturbation, not {len(patterns)}.", "Repeat the command for each of them."
        )
    return patterns[0]


def _kept(options: argparse.Namespace, asked: Question, here: Ranks, settings: list) -> FolderBlocks | None:
    """Open the folder of finished blocks, if the user named one."""
    if not options.keep:
        return None
    from cellstate.model.folder import weights_sha256
    from cellstate.perturb.search.pair_blocks import FolderBlocks, fingerprint
    from cellstate.perturb.search.pair_sweep import NULL_PAIRS, ROWS

    text = ""
    if here.first:  # the weights of a large model take seconds to read
        weights = weights_sha256(asked.model.folder)
        what = [asked.sample.name, asked.sample.fingerprint, asked.goal.direction_G]
        text = fingerprint(__version__, weights, str(asked.model.dtype), *what, *settings, ROWS, NULL_PAIRS)
    return FolderBlocks(options.keep, here.share(text))


def _answer(options: argparse.Namespace, asked: Question, found: Pairs, top: int) -> Answer:
    from cellstate.report.narrative.evidence import pairs_reason

    reason = pairs_reason(asked.model.record)
    result = asked.to_dict() | {
        "predictor": found.predictor,
        "predictor_reason": reason,
        "perturbation": found.perturbation,
        "anchor": options.anchor,
        "by": options.by,
        "n_pairs": found.n_pairs,
        "n_exact": found.n_exact,
        "scale": found.scale,
        "pairs": records(found.table, top),
    }
    shown = records(found.table, GENES_SHOWN if options.top is None else top)
    lines = [
        *asked.lines(),
        f"{found.n_pairs:,} pairs, perturbation {found.perturbation}; "
        f"the best {found.n_exact:,} by {options.by} scored exactly",
        found.scale,
        f"The {'cohort ranks, the autoencoder' if options.by == 'cohort' else 'autoencoder'} scores. {reason}",
        f"{'a':<12}{'b':<12}{'score':>10}{'a alone':>10}{'b alone':>10}{'interaction':>12}{'distance':>9}"
        f"{'p':>9}{'FDR':>9}{'cohort r':>10}{'its p':>9}",
        *(
            f"{row['a']:<12}{row['b']:<12}{row['score']:>+10.4f}{row['score_a']:>+10.4f}{row['score_b']:>+10.4f}"
            f"{row['interaction']:>+12.5f}{row['fraction_of_distance']:>9.2%}"
            f"{number(row['p'], '.2g'):>9}{number(row['fdr'], '.2g'):>9}"
            f"{number(row['cohort_r'], '+.3f'):>10}{number(row['cohort_p'], '.2g'):>9}"
            for row in shown
        ),
    ]
    return result, lines


@contextmanager
def _goes_on(folder: str | None, blocks: FolderBlocks | None) -> Iterator[None]:
    """Say, when the user stops a run whose blocks are kept, that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt as error:
        if blocks is None:
            raise
        raise Stopped(f"{len(blocks)} finished block(s) are kept in {folder}.", "The same command goes on.") from error


@contextmanager
def _said_once(here: Ranks) -> Iterator[None]:
    """Let one process of a run tell an error that all of them meet."""
    try:
        yield
    except (CellStateError, KeyboardInterrupt) as error:
        if not here.says(f"{type(error).__name__} {error}"):
            status = 2 if isinstance(error, CellStateError) and not isinstance(error, Stopped) else 130
            sys.exit(status)
        raise
