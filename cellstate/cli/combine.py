"""``cellstate combine``: a combination of few perturbations toward a goal."""

from __future__ import annotations

import argparse

from cellstate.cli.options import (
    Answer,
    Commands,
    ProgressBar,
    add_search,
    records,
    write_out,
)
from cellstate.cli.readers import read_candidates


def add(commands: Commands) -> None:
    """Add the command."""
    one = commands.add("combine", "design a combination of few perturbations", _run, reads=True, runs=True)
    add_search(one)
    one.add_argument("--max", type=int, default=5, metavar="K", help="perturbations at most (default 5)")
    one.add_argument("--fraction", type=float, default=1.0, help="fraction of the distance to reach (default 1.0)")


def _run(options: argparse.Namespace) -> Answer:
    from cellstate.labels import predictor_label
    from cellstate.perturb.search.combination import combine
    from cellstate.report.narrative.evidence import combination_reason

    given, perturbations, genes = read_candidates(options)
    with ProgressBar() as bar:
        found = combine(
            given.sample,
            given.goal,
            max_perturbations=options.max,
            fraction=options.fraction,
            perturbations=perturbations,
            genes=genes,
            predictor=options.predictor,
            progress=bar,
        )
    write_out(options, found.steps)
    reason = combination_reason(given.model.record, found.predictor)
    result = given.to_dict() | {
        "predictor": found.predictor,
        "predictor_reason": reason,
        "perturbations": perturbations,
        "max": options.max,
        "fraction": options.fraction,
        "steps": records(found.steps),
        "reached": found.reached,
        "greedy": records(found.greedy),
        "sum_of_singles": found.sum_of_singles,
        "n_scored": found.n_scored,
    }
    lines = [*given.lines(), f"{predictor_label(found.predictor)} scores. {reason}", *_lines(result)]
    return result, lines


def _lines(result: dict) -> list[str]:
    steps, greedy = result["steps"], result["greedy"]
    if not steps:
        return ["No perturbation of these genes brings the sample closer to the goal."]
    return [
        f"{'':<4}{'gene':<12}{'change':>8}{'score':>10}{'gain':>10}{'alone':>10}{'distance':>9}",
        *(
            f"{at:<4}{row['gene']:<12}{row['perturbation']:>8}{row['score']:>+10.4f}{row['gain']:>+10.4f}"
            f"{row['alone']:>+10.4f}{row['fraction_of_distance']:>9.2%}  {row['sentence']}"
            for at, row in enumerate(steps, 1)
        ),
        f"The sum of these perturbations alone: {result['sum_of_singles']:+.4f}.",
        f"The greedy search ({', '.join(row['gene'] for row in greedy) or 'none'}): "
        f"{greedy[-1]['score'] if greedy else 0:+.4f}.",
        f"{'Reached' if result['reached'] else 'Not reached'}: {steps[-1]['fraction_of_distance']:.1%} of the distance "
        f"(wanted: {result['fraction']:.1%}); {result['n_scored']:,} combinations scored.",
    ]
