"""Commands that search for regulators: which single perturbations, which pairs, which combination."""

from __future__ import annotations

import argparse

from cellstate.cli.answer import GENES_SHOWN, Answer, number, records
from cellstate.cli.commands import Commands, add_out, add_perturb, add_predictor
from cellstate.cli.inputs import at_least_one, read_genes
from cellstate.cli.pairs import add_pairs
from cellstate.cli.question import GENES_HELP, PATTERNS_HELP, add_question, read_patterns, read_question
from cellstate.errors import CellStateError


def add(commands: Commands) -> None:
    """Add ``screen``, ``pairs`` and ``combine``."""
    one = commands.add("screen", "rank single perturbations toward a goal", _screen, reads=True, runs=True)
    add_question(one)
    one.add_argument("--genes", metavar="WHICH", help=f"{GENES_HELP} (default: all)")
    add_perturb(one, PATTERNS_HELP, "WHAT")
    add_predictor(one)
    one.add_argument("--top", type=int, metavar="N", help="rows that are shown; all of them are scored exactly")
    add_out(one)

    add_pairs(commands)

    one = commands.add("combine", "design a combination of few perturbations", _combine, reads=True, runs=True)
    add_question(one)
    one.add_argument("--max", type=int, default=5, metavar="K", help="perturbations at most (default 5)")
    one.add_argument("--fraction", type=float, default=1.0, help="fraction of the distance to reach (default 1.0)")
    one.add_argument("--genes", metavar="WHICH", help=f"{GENES_HELP} (default: all)")
    add_perturb(one, PATTERNS_HELP, "WHAT")
    add_predictor(one)
    add_out(one)


def _screen(options: argparse.Namespace) -> Answer:
    from cellstate.cli.bar import Bar
    from cellstate.io import check_writable, write_table
    from cellstate.labels import predictor_label
    from cellstate.perturb.search.single import TOP, other_predictors, screen
    from cellstate.report.narrative.evidence import default_reason

    perturbations = read_patterns(options.perturb)
    top = TOP if options.top is None else at_least_one("--top", options.top)
    if options.out:
        check_writable(options.out)
    asked = read_question(options)
    genes = read_genes(options, options.genes, asked.model.space)
    with Bar() as bar:
        found = screen(
            asked.sample,
            asked.goal,
            perturbations=perturbations,
            genes=genes,
            predictor=options.predictor,
            top=max(top, TOP),
            progress=bar,
        )
    table = found.table
    if options.out:
        write_table(table, options.out)
    others = other_predictors(table)
    names = [name for name in table.columns if name.removeprefix("score_") not in others]
    reason = default_reason(asked.model.record, found.predictor)
    result = asked.to_dict() | {
        "predictor": found.predictor,
        "predictor_reason": reason,
        "perturbations": perturbations,
        "n_candidates": len(table),
        "n_exact": found.n_exact,
        "n_cohort": found.n_cohort,
        "ranked": [
            {name: row[name] for name in names} | {"baselines": {other: row[f"score_{other}"] for other in others}}
            for row in records(table, top)
        ],
    }
    shown = records(table, GENES_SHOWN if options.top is None else top)
    exact = "all" if found.n_exact == len(table) else f"the best {found.n_exact:,}"
    lines = [
        *asked.lines(),
        f"{predictor_label(found.predictor)} scores. {reason}",
        f"{len(table):,} perturbations, {exact} scored exactly, "
        f"{found.n_cohort:,} patients to compare with; scores in SD along the goal",
        f"{'gene':<12}{'change':>8}{'score':>10}{'per SD':>10}{'distance':>9}{'z patient':>11}{'p':>9}{'FDR':>9}"
        + "".join(f"{other:>18}" for other in others),
        *(
            f"{row['gene']:<12}{row['perturbation']:>8}{row['score']:>+10.4f}{row['score_per_sd']:>+10.4f}"
            f"{row['fraction_of_distance']:>9.2%}"
            f"{number(row['z_patient'], '+.2f'):>11}{number(row['p'], '.2g'):>9}{number(row['fdr'], '.2g'):>9}"
            + "".join(f"{number(row[f'score_{other}'], '+.4f'):>18}" for other in others)
            for row in shown
        ),
    ]
    return result, lines


def _combine(options: argparse.Namespace) -> Answer:
    from cellstate.cli.bar import Bar
    from cellstate.io import check_writable, write_table
    from cellstate.labels import predictor_label
    from cellstate.perturb.search.combination import combine
    from cellstate.report.narrative.evidence import combination_reason

    perturbations = read_patterns(options.perturb)
    at_least_one("--max", options.max)
    if not options.fraction > 0:
        raise CellStateError(
            f"--fraction {options.fraction:g} is no fraction of a distance.", "Give --fraction 1.0 for all of it."
        )
    if options.out:
        check_writable(options.out)
    asked = read_question(options)
    genes = read_genes(options, options.genes, asked.model.space)
    with Bar() as bar:
        found = combine(
            asked.sample,
            asked.goal,
            max_perturbations=options.max,
            fraction=options.fraction,
            perturbations=perturbations,
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
        "perturbations": perturbations,
        "max": options.max,
        "fraction": options.fraction,
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
            f"The sum of these perturbations alone: {found.sum_of_singles:+.4f}.",
            f"The greedy search ({', '.join(row['gene'] for row in result['greedy']) or 'none'}): "
            f"{result['greedy'][-1]['score'] if result['greedy'] else 0:+.4f}.",
            f"{'Reached' if found.reached else 'Not reached'}: {last['fraction_of_distance']:.1%} of the distance, of "
            f"{options.fraction:.1%} asked for; {found.n_scored:,} combinations scored.",
        ]
    else:
        lines.append("No perturbation of these genes moves the sample toward the goal.")
    return result, lines


def _table(steps: list[dict]) -> list[str]:
    head = f"{'':<4}{'gene':<12}{'change':>8}{'score':>10}{'gain':>10}{'alone':>10}{'distance':>9}"
    rows = [
        f"{at:<4}{row['gene']:<12}{row['perturbation']:>8}{row['score']:>+10.4f}{row['gain']:>+10.4f}{row['alone']:>+10.4f}"
        f"{row['fraction_of_distance']:>9.2%}  {row['sentence']}"
        for at, row in enumerate(steps, 1)
    ]
    return [head, *rows] if rows else []
