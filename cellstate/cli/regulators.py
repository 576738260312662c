"""Commands that search for regulators: which single edits, which pairs, which combination."""

from __future__ import annotations

import argparse

from cellstate.cli.answer import GENES_SHOWN, Answer, number, records
from cellstate.cli.commands import Commands, add_out, add_predictor
from cellstate.cli.inputs import at_least_one, read_genes
from cellstate.cli.pairs import add_pairs
from cellstate.cli.question import GENES_HELP, add_edits, add_question, read_edits, read_question
from cellstate.errors import CellStateError


def add(commands: Commands) -> None:
    """Add ``screen``, ``pairs`` and ``combine``."""
    one = commands.add("screen", "rank single edits towards a goal", _screen, reads=True, runs=True)
    add_question(one)
    one.add_argument("--genes", metavar="WHICH", help=f"{GENES_HELP} (default: all)")
    add_edits(one, several=True)
    add_predictor(one)
    one.add_argument("--top", type=int, metavar="N", help="rows that are shown; all of them are scored exactly")
    add_out(one)

    add_pairs(commands)

    one = commands.add("combine", "design a combination of few edits", _combine, reads=True, runs=True)
    add_question(one)
    one.add_argument("--max", type=int, default=5, metavar="K", help="edits at most (default 5)")
    one.add_argument("--share", type=float, default=1.0, help="share of the way to the goal to reach (default 1.0)")
    one.add_argument("--genes", metavar="WHICH", help=f"{GENES_HELP} (default: all)")
    add_edits(one, several=True)
    add_predictor(one)
    add_out(one)


def _screen(options: argparse.Namespace) -> Answer:
    from cellstate.cli.bar import Bar
    from cellstate.io import check_writable, write_table
    from cellstate.perturb.screen import TOP, rivals_of, screen
    from cellstate.report import default_reason, predictor_label

    edits = read_edits(options.edit)
    top = TOP if options.top is None else at_least_one("--top", options.top)
    if options.out:
        check_writable(options.out)
    asked = read_question(options)
    genes = read_genes(options, options.genes, asked.model.space)
    with Bar() as bar:
        found = screen(
            asked.model,
            asked.sample,
            asked.goal,
            edits=edits,
            genes=genes,
            predictor=options.predictor,
            top=max(top, TOP),
            progress=bar,
        )
    table = found.table
    if options.out:
        write_table(table, options.out)
    rivals = rivals_of(table)
    names = [name for name in table.columns if name.removeprefix("score_") not in rivals]
    reason = default_reason(asked.model.record, found.predictor)
    result = asked.to_dict() | {
        "predictor": found.predictor,
        "predictor_reason": reason,
        "edits": edits,
        "n_candidates": len(table),
        "n_exact": found.n_exact,
        "n_cohort": found.n_cohort,
        "ranked": [
            {name: row[name] for name in names}
            | {"baseline_scores": {rival: row[f"score_{rival}"] for rival in rivals}}
            for row in records(table, top)
        ],
    }
    shown = records(table, GENES_SHOWN if options.top is None else top)
    exact = "all" if found.n_exact == len(table) else f"the best {found.n_exact:,}"
    lines = [
        *asked.lines(),
        f"{predictor_label(found.predictor)} scores. {reason}",
        f"{len(table):,} edits, {exact} scored exactly, "
        f"{found.n_cohort:,} patients to compare with; scores in S along the goal",
        f"{'gene':<12}{'edit':>8}{'score':>10}{'per S':>10}{'share':>9}{'z patient':>11}{'p':>9}{'FDR':>9}"
        + "".join(f"{rival:>14}" for rival in rivals),
        *(
            f"{row['gene']:<12}{row['edit']:>8}{row['score']:>+10.4f}{row['score_per_sd']:>+10.4f}{row['share']:>9.2%}"
            f"{number(row['z_patient'], '+.2f'):>11}{number(row['p'], '.2g'):>9}{number(row['fdr'], '.2g'):>9}"
            + "".join(f"{number(row[f'score_{rival}'], '+.4f'):>14}" for rival in rivals)
            for row in shown
        ),
    ]
    return result, lines


def _combine(options: argparse.Namespace) -> Answer:
    from cellstate.cli.bar import Bar
    from cellstate.io import check_writable, write_table
    from cellstate.perturb.combine import combine
    from cellstate.report import combination_reason, predictor_label

    edits = read_edits(options.edit)
    at_least_one("--max", options.max)
    if not options.share > 0:
        raise CellStateError(
            f"--share {options.share:g} is no share of a way to go.", "Give --share 1.0 for the whole way."
        )
    if options.out:
        check_writable(options.out)
    asked = read_question(options)
    genes = read_genes(options, options.genes, asked.model.space)
    with Bar() as bar:
        found = combine(
            asked.model,
            asked.sample,
            asked.goal,
            max_edits=options.max,
            share=options.share,
            edits=edits,
            genes=genes,
            predictor=options.predictor,
            progress=bar,
        )
    if options.out:
        write_table(found.steps, options.out)
    reason = combination_reason(asked.model.record, found.predictor)
    result = asked.to_dict() | {
        "predictor": found.predictor,
        "predictor_reason": reason,
        "edits": edits,
        "max": options.max,
        "share": options.share,
        "steps": records(found.steps),
        "reached": bool(found.reached),
        "greedy": records(found.greedy),
        "sum_of_singles": found.sum_of_singles,
        "n_scored": found.n_scored,
    }
    lines = [*asked.lines(), f"{predictor_label(found.predictor)} scores. {reason}", *_table(result["steps"])]
    if result["steps"]:
        last = result["steps"][-1]
        lines += [
            f"The sum of these edits alone: {found.sum_of_singles:+.4f}.",
            f"The greedy way ({', '.join(row['gene'] for row in result['greedy']) or 'no edit'}): "
            f"{result['greedy'][-1]['score'] if result['greedy'] else 0:+.4f}.",
            f"{'Reached' if found.reached else 'Not reached'}: {last['share']:.1%} of the way, of {options.share:.1%} "
            f"asked for; {found.n_scored:,} combinations scored.",
        ]
    else:
        lines.append("No edit of these genes moves the sample towards the goal.")
    return result, lines


def _table(steps: list[dict]) -> list[str]:
    head = f"{'':<4}{'gene':<12}{'edit':>8}{'score':>10}{'gain':>10}{'alone':>10}{'share':>9}"
    rows = [
        f"{at:<4}{row['gene']:<12}{row['edit']:>8}{row['score']:>+10.4f}{row['gain']:>+10.4f}{row['alone']:>+10.4f}"
        f"{row['share']:>9.2%}  {row['sentence']}"
        for at, row in enumerate(steps, 1)
    ]
    return [head, *rows] if rows else []
