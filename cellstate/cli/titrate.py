"""``cellstate titrate``: predicted change of the other genes while one gene's level rises from zero."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cellstate.cli.options import (
    GENES_SHOWN,
    Answer,
    Commands,
    add_goal,
    add_out,
    add_predictor,
    check_out,
    records,
    write_out,
)
from cellstate.cli.readers import at_least_one, goal_entries, numbers, read_goal, read_model, read_sample
from cellstate.labels import predictor_label

if TYPE_CHECKING:
    import pandas as pd

    from cellstate.perturb.search.titration import Titration


def add(commands: Commands) -> None:
    """Add the command."""
    words = "predicted change of the other genes while one gene's level rises"
    one = commands.add("titrate", words, _run, reads=True, runs=True)
    one.add_argument("--gene", required=True, metavar="GENE", help="the gene that is set; any name of it")
    add_goal(one, required=False)
    one.add_argument(
        "--multiples",
        metavar="LIST",
        help="levels as multiples of the present one, such as 0,0.5,1,2 (default: 0 and 1/8 to 16; 0 to 200 TPM for "
        "a gene that is not expressed); the present level is always added",
    )
    one.add_argument(
        "--top",
        type=int,
        default=GENES_SHOWN,
        metavar="N",
        help=f"responders that are shown, largest change first (default {GENES_SHOWN})",
    )
    add_predictor(one)
    add_out(one)


def _run(options: argparse.Namespace) -> Answer:
    from cellstate.evaluation.ood import ood_scores
    from cellstate.perturb.search.titration import titrate

    multiples = None if options.multiples is None else numbers("--multiples", options.multiples, "0,0.5,1,2")
    top = at_least_one("--top", options.top)
    check_out(options)
    sample = read_sample(options, read_model(options, light=True))
    goal = None if options.goal is None else read_goal(options, sample)
    curve = titrate(sample, options.gene, multiples=multiples, goal=goal, predictor=options.predictor)
    write_out(options, curve.table())
    ood = ood_scores([sample])[0]
    responders = [rows for _, rows in curve.responders(top).groupby("rank")]
    result = {
        "sample": curve.sample,
        "gene": curve.gene,
        "ensembl_id": curve.ensembl_id,
        "is_measured": bool(curve.measured_G[curve.position]),
        "present_tpm": curve.present_tpm,
        "usual_tpm": curve.usual_tpm,
        "kind": "hypothesis",
        "predictor": curve.predictor,
        "ood_score": ood.score,
        "is_ood": ood.is_ood,
        **({} if goal is None else goal_entries(goal)),
        "levels": records(curve.levels()),
        "responders": [
            records(rows[["gene", "ensembl_id", "is_measured"]], 1)[0]
            | {"changes": records(rows[["level_tpm", "tpm", "log2_fold_change"]])}
            for rows in responders
        ],
    }
    return result, _lines(curve, responders, predictor_label(curve.predictor), ood.sentence)


def _lines(curve: Titration, responders: list[pd.DataFrame], predictor: str, ood: str) -> list[str]:
    level = f"{curve.present_tpm:,.4g} TPM" + (
        "" if curve.measured_G[curve.position] else " (not measured: the model's prediction)"
    )
    usual = "no cohort to compare with"
    if curve.usual_tpm is not None:
        usual = "{:,.4g} to {:,.4g} TPM in the model's cohort".format(*curve.usual_tpm)
    levels = curve.levels()
    rows = [(f"{curve.gene} in TPM", [f"{tpm:,.4g}" for tpm in levels["tpm"]])]
    if "score" in levels:
        rows.append(("score (SD)", [f"{score:+.4f}" for score in levels["score"]]))
    rows += [
        (str(found["gene"].iloc[0]), [f"{change:+.3f}" for change in found["log2_fold_change"]]) for found in responders
    ]
    return [
        f"{curve.sample}: {curve.gene} at {len(levels)} levels (hypotheses, for research only)",
        *([] if curve.goal is None else [f"Goal: {curve.goal.label}, {curve.goal.distance:.3g} SD away."]),
        f"It is at {level}; {usual}. {ood}",
        f"{predictor} predicts each gene's log2 change at each level; levels outside the cohort's are extrapolated.",
        *(f"{name:<16}" + "".join(f"{cell:>10}" for cell in cells) for name, cells in rows),
    ]
