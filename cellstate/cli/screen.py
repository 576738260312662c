"""``cellstate screen``: single perturbations ranked toward a goal."""

from __future__ import annotations

import argparse

from cellstate.cli.options import (
    GENES_SHOWN,
    Answer,
    Commands,
    ProgressBar,
    add_search,
    add_top,
    number,
    records,
    write_out,
)
from cellstate.cli.readers import at_least_one, read_candidates


def add(commands: Commands) -> None:
    """Add the command."""
    one = commands.add("screen", "rank single perturbations toward a goal", _run, reads=True, runs=True)
    add_search(one)
    add_top(one)


def _run(options: argparse.Namespace) -> Answer:
    from cellstate.evaluation.tissue_profiles import high_tissues
    from cellstate.labels import predictor_label
    from cellstate.perturb.search.single import TOP, other_predictors, screen
    from cellstate.report.dossier import dossier_entry
    from cellstate.report.narrative.evidence import default_reason

    top = TOP if options.top is None else at_least_one("--top", options.top)
    given, perturbations, genes = read_candidates(options)
    with ProgressBar() as bar:
        found = screen(
            given.sample,
            given.goal,
            perturbations=perturbations,
            genes=genes,
            predictor=options.predictor,
            top=max(top, TOP),
            progress=bar,
        )
    table, high_in = found.table, high_tissues(given.model)
    write_out(options, table)
    others = other_predictors(table)
    names = [name for name in table.columns if name.removeprefix("score_") not in others]
    reason = default_reason(given.model.record, found.predictor)
    ranked = [
        {name: row[name] for name in names}
        | {
            "baselines": {other: row[f"score_{other}"] for other in others},
            "dossier": dossier_entry(row["ensembl_id"], row["tpm_after"] - row["tpm_before"], high_in),
        }
        for row in records(table, top)
    ]
    result = given.to_dict() | {
        "predictor": found.predictor,
        "predictor_reason": reason,
        "perturbations": perturbations,
        "n_candidates": len(table),
        "n_exact": found.n_exact,
        "n_cohort": found.n_cohort,
        "ranked": ranked,
    }
    exact = "all" if found.n_exact == len(table) else f"the best {found.n_exact:,}"
    lines = [
        *given.lines(),
        f"{predictor_label(found.predictor)} scores. {reason}",
        f"{len(table):,} perturbations, {exact} scored exactly, "
        f"{found.n_cohort:,} patients to compare with; scores in SD along the goal",
        f"{'gene':<12}{'change':>8}{'score':>10}{'per SD':>10}{'distance':>9}{'z in cohort':>12}{'p':>9}{'FDR':>9}"
        + "".join(f"{other:>18}" for other in others),
        *(
            f"{row['gene']:<12}{row['perturbation']:>8}{row['score']:>+10.4f}{row['score_per_sd']:>+10.4f}"
            f"{row['fraction_of_distance']:>9.2%}"
            f"{number(row['z_patient'], '+.2f'):>12}{number(row['p'], '.2g'):>9}{number(row['fdr'], '.2g'):>9}"
            + "".join(f"{number(score, '+.4f'):>18}" for score in row["baselines"].values())
            for row in (ranked if options.top is not None else ranked[:GENES_SHOWN])
        ),
    ]
    return result, lines
