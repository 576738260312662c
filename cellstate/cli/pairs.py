"""``cellstate pairs``: alone, or as one of several processes that torchrun started."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cellstate import __version__
from cellstate.cli.options import (
    GENES_SHOWN,
    PATTERNS,
    Answer,
    Commands,
    ProgressBar,
    add_genes,
    add_goal,
    add_out,
    add_top,
    check_out,
    number,
    records,
    write_out,
)
from cellstate.cli.readers import SearchInput, at_least_one, read_genes, read_patterns, read_search
from cellstate.errors import CellStateError, PerturbationError, Stopped

if TYPE_CHECKING:
    from cellstate.perturb.search.distributed import ProcessGroup
    from cellstate.perturb.search.pair_blocks import FolderBlocks
    from cellstate.perturb.search.pairs import Pairs


def add(commands: Commands) -> None:
    """Add the command."""
    one = commands.add("pairs", "rank pairs of perturbations by their interaction", _run, reads=True, runs=True)
    one.epilog = "Several processes share the work: torchrun --standalone --nproc-per-node 2 -m cellstate pairs ..."
    add_goal(one)
    add_genes(one, "first genes of the pairs")
    add_genes(one, "second genes of the pairs", "--partners")
    one.add_argument("--anchor", metavar="GENE", help="only the partners of this gene")
    one.add_argument(
        "--by",
        help="cohort (interaction in the patients of the model's cohort; the default where it has one), interaction or "
        "score (of both perturbations, by the autoencoder)",
    )
    one.add_argument("--perturb", default="ko", metavar="WHAT", help=PATTERNS)
    one.add_argument("--edit", dest="perturb", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    add_top(one)
    one.add_argument(
        "--keep",
        metavar="DIR",
        help="keep finished blocks of rows in this folder, so that the same command continues after a stop; they are "
        "made from the patient's profile",
    )
    add_out(one)


def _run(options: argparse.Namespace) -> Answer | None:
    from cellstate.perturb.search.distributed import process_group

    with process_group() as here:
        options.quiet = not here.is_first
        options.device = here.device(options.device)
        with _one_error(here):
            return _search(options, here)


def _search(options: argparse.Namespace, here: ProcessGroup) -> Answer | None:
    from cellstate.perturb.search.pairs import TOP, TOP_ANCHORED, default_ranking, pairs

    patterns = read_patterns([options.perturb])
    if len(patterns) > 1:
        raise PerturbationError(
            f"A pair screen tries one perturbation, not {len(patterns)}.", "Repeat the command for each of them."
        )
    if options.anchor and options.genes:
        raise CellStateError("--anchor and --genes both name the first gene.", "Leave one out, or write --partners.")
    usual = TOP_ANCHORED if options.anchor else TOP
    top = usual if options.top is None else at_least_one("--top", options.top)
    if here.is_first:
        check_out(options)
    given = read_search(options)
    space = given.model.space
    genes, partners = (read_genes(options, text, space) for text in (options.genes, options.partners))
    anchor = space.find(options.anchor) if options.anchor else None
    by = options.by or default_ranking(given.model)
    settings = [patterns[0], by, max(top, usual), anchor, genes, partners]
    blocks = _kept_blocks(options, given, here, settings)
    with _stoppable(options.keep, blocks), ProgressBar(quiet=not here.is_first) as bar:
        found = pairs(
            given.sample,
            given.goal,
            perturbation=patterns[0],
            genes=genes,
            partners=partners,
            anchor=anchor,
            by=by,
            top=max(top, usual),
            progress=bar,
            blocks=blocks,
            here=here,
        )
    if found is None:
        return None
    write_out(options, found.table)
    return _answer(options, given, found, top)


def _kept_blocks(
    options: argparse.Namespace, given: SearchInput, here: ProcessGroup, settings: list
) -> FolderBlocks | None:
    """Open the folder of finished blocks, if the user named one."""
    if not options.keep:
        return None
    from cellstate.model.folder import weights_sha256
    from cellstate.perturb.search.pair_blocks import FolderBlocks, fingerprint
    from cellstate.perturb.search.pair_sweep import NULL_PAIRS, ROWS

    text = ""
    if here.is_first:  # the weights of a large model take seconds to read
        weights = weights_sha256(given.model.folder)
        what = [given.sample.name, given.sample.fingerprint, given.goal.direction_G]
        text = fingerprint(__version__, weights, str(given.model.dtype), *what, *settings, ROWS, NULL_PAIRS)
    return FolderBlocks(options.keep, here.share(text))


def _answer(options: argparse.Namespace, given: SearchInput, found: Pairs, top: int) -> Answer:
    from cellstate.report.narrative.evidence import pairs_reason

    reason = pairs_reason(given.model.record)
    table = records(found.table, top)
    result = given.to_dict() | {
        "predictor": found.predictor,
        "predictor_reason": reason,
        "perturbation": found.perturbation,
        "anchor": options.anchor,
        "by": found.by,
        "n_pairs": found.n_pairs,
        "n_exact": found.n_exact,
        "scale": found.scale,
        "pairs": table,
    }
    lines = [
        *given.lines(),
        f"{found.n_pairs:,} pairs, perturbation {found.perturbation}; "
        f"the best {found.n_exact:,} by {found.by} scored exactly",
        found.scale,
        f"The {'cohort ranks, the autoencoder' if found.by == 'cohort' else 'autoencoder'} scores. {reason}",
        f"{'a':<12}{'b':<12}{'score':>10}{'a alone':>10}{'b alone':>10}{'interaction':>12}{'distance':>9}"
        f"{'p':>9}{'FDR':>9}{'cohort r':>10}{'its p':>9}",
        *(
            f"{row['a']:<12}{row['b']:<12}{row['score']:>+10.4f}{row['score_a']:>+10.4f}{row['score_b']:>+10.4f}"
            f"{row['interaction']:>+12.5f}{row['fraction_of_distance']:>9.2%}"
            f"{number(row['p'], '.2g'):>9}{number(row['fdr'], '.2g'):>9}"
            f"{number(row['cohort_r'], '+.3f'):>10}{number(row['cohort_p'], '.2g'):>9}"
            for row in (table if options.top is not None else table[:GENES_SHOWN])
        ),
    ]
    return result, lines


@contextmanager
def _stoppable(folder: str | None, blocks: FolderBlocks | None) -> Iterator[None]:
    """Turn the user's interrupt into a message that the finished blocks are kept, where they are."""
    try:
        yield
    except KeyboardInterrupt as error:
        if blocks is None:
            raise
        raise Stopped(f"{len(blocks)} finished block(s) are kept in {folder}.", "The same command goes on.") from error


@contextmanager
def _one_error(here: ProcessGroup) -> Iterator[None]:
    """Let one process of a run print an error that all of them meet."""
    try:
        yield
    except (CellStateError, KeyboardInterrupt) as error:
        if not here.claims(f"{type(error).__name__} {error}"):
            status = 2 if isinstance(error, CellStateError) and not isinstance(error, Stopped) else 130
            sys.exit(status)
        raise
