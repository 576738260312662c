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
from cellstate.cli.question import GENES_HELP, Question, add_edits, add_question, read_edits, read_question
from cellstate.errors import CellStateError, EditError, Stopped

if TYPE_CHECKING:
    from cellstate.perturb.blocks import FolderBlocks
    from cellstate.perturb.pairs import Pairs
    from cellstate.perturb.ranks import Ranks


def add_pairs(commands: Commands) -> None:
    """Add ``pairs``."""
    one = commands.add("pairs", "rank pairs of edits by what they do together", _pairs, reads=True, runs=True)
    one.epilog = "Several processes share the work: torchrun --standalone --nproc-per-node 2 -m cellstate pairs ..."
    add_question(one)
    one.add_argument("--genes", metavar="WHICH", help=f"first genes of the pairs: {GENES_HELP} (default: all)")
    one.add_argument("--partners", metavar="WHICH", help="second genes of the pairs, in the same way (default: all)")
    one.add_argument("--anchor", metavar="GENE", help="only the partners of this gene")
    one.add_argument(
        "--by", default="synergy", help="synergy (default), score of both, or cohort: what its patients show"
    )
    add_edits(one, several=False)
    one.add_argument("--top", type=int, metavar="N", help="rows that are shown; all of them are scored exactly")
    one.add_argument(
        "--keep",
        metavar="DIR",
        help="keep finished blocks of rows in this folder, so that the same command goes on after a stop; they are "
        "made from the patient's profile",
    )
    add_out(one)


def _pairs(options: argparse.Namespace) -> Answer | None:
    from cellstate.perturb.ranks import ranks

    with ranks() as here:
        options.quiet = not here.first
        options.device = here.device(options.device)
        with _said_once(here):
            return _search(options, here)


def _search(options: argparse.Namespace, here: Ranks) -> Answer | None:
    from cellstate.cli.bar import Bar
    from cellstate.io import check_writable, write_table
    from cellstate.perturb.pairs import RANKED_BY, TOP, TOP_ANCHORED, pairs

    edit = _one_edit(options.edit)
    if options.by not in RANKED_BY:
        raise CellStateError(f"Pairs are not ranked by {options.by!r}.", "Write --by synergy, score or cohort.")
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
    blocks = _kept(options, asked, here, [edit, options.by, max(top, usual), anchor, genes, partners])
    with _goes_on(options.keep, blocks), Bar(quiet=not here.first) as bar:
        found = pairs(
            asked.model,
            asked.sample,
            asked.goal,
            edit=edit,
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


def _one_edit(text: str) -> str:
    edits = read_edits([text])
    if len(edits) > 1:
        raise EditError(f"A pair screen tries one edit, not {len(edits)}.", "Repeat the command for each edit.")
    return edits[0]


def _kept(options: argparse.Namespace, asked: Question, here: Ranks, settings: list) -> FolderBlocks | None:
    """Open the folder of finished blocks, if the user named one."""
    if not options.keep:
        return None
    from cellstate.model.folder import weights_sha256
    from cellstate.perturb.blocks import FolderBlocks, fingerprint
    from cellstate.perturb.sweep import NULL_PAIRS, ROWS

    text = ""
    if here.first:  # the weights of a large model take seconds to read
        weights = weights_sha256(asked.model.folder)
        what = [asked.sample.names[0], asked.sample.tpm_SA, asked.goal.direction_G]
        text = fingerprint(__version__, weights, str(asked.model.dtype), *what, *settings, ROWS, NULL_PAIRS)
    return FolderBlocks(options.keep, here.share(text))


def _answer(options: argparse.Namespace, asked: Question, found: Pairs, top: int) -> Answer:
    from cellstate.perturb.rivals import NETWORK
    from cellstate.report import pairs_reason

    reason = pairs_reason(asked.model.record)
    result = asked.to_dict() | {
        "predictor": NETWORK,
        "predictor_reason": reason,
        "edit": found.edit,
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
        f"{found.n_pairs:,} pairs, edit {found.edit}; the best {found.n_exact:,} by {options.by} scored exactly",
        found.scale,
        f"The {'cohort ranks, the autoencoder' if options.by == 'cohort' else 'autoencoder'} scores. {reason}",
        f"{'a':<12}{'b':<12}{'score':>10}{'a alone':>10}{'b alone':>10}{'synergy':>11}{'share':>9}{'p':>9}{'FDR':>9}"
        f"{'cohort r':>10}{'its p':>9}",
        *(
            f"{row['a']:<12}{row['b']:<12}{row['score']:>+10.4f}{row['score_a']:>+10.4f}{row['score_b']:>+10.4f}"
            f"{row['synergy']:>+11.5f}{row['share']:>9.2%}{number(row['p'], '.2g'):>9}{number(row['fdr'], '.2g'):>9}"
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
