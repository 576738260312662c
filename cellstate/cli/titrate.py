"""The command ``titrate``: what the other genes do as one gene goes from nothing to many times its level."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cellstate.cli.answer import GENES_SHOWN, Answer, records
from cellstate.cli.commands import Commands, add_out, add_predictor, add_sample
from cellstate.cli.inputs import at_least_one, read_model, read_sample
from cellstate.cli.question import add_goal, find_goal, goal_entries
from cellstate.errors import CellStateError

if TYPE_CHECKING:
    import pandas as pd

    from cellstate.perturb.search.titration import Titration


def add(commands: Commands) -> None:
    """Add ``titrate``."""
    one = commands.add("titrate", "what the others do as one gene's level rises", _titrate, reads=True, runs=True)
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
    add_sample(one)
    add_out(one)


def _titrate(options: argparse.Namespace) -> Answer:
    from cellstate.evaluation.ood import ood_scores
    from cellstate.io import check_writable, write_table
    from cellstate.labels import predictor_label
    from cellstate.perturb.sample import prepare_sample
    from cellstate.perturb.search.titration import titrate

    multiples = _numbers(options.multiples)
    top = at_least_one("--top", options.top)
    if options.out:
        check_writable(options.out)
    sample = prepare_sample(read_model(options), read_sample(options))
    goal = None if options.goal is None else find_goal(options, sample)
    curve = titrate(sample, options.gene, multiples=multiples, goal=goal, predictor=options.predictor)
    if options.out:
        write_table(_whole(curve), options.out)
    distance = ood_scores([sample])[0]
    responders = curve.responders(top)
    result = {
        "sample": curve.sample,
        "gene": curve.gene,
        "ensembl_id": curve.ensembl_id,
        "is_measured": bool(curve.measured_G[curve.position]),
        "present_tpm": curve.present_tpm,
        "usual_tpm": curve.usual_tpm,
        "kind": "hypothesis",
        "predictor": curve.predictor,
        "ood_score": distance.score,
        "is_ood": distance.is_ood,
        **({} if goal is None else goal_entries(goal)),
        "levels": records(curve.levels()),
        "responders": [
            {
                "gene": rows["gene"].iloc[0],
                "ensembl_id": rows["ensembl_id"].iloc[0],
                "is_measured": rows["is_measured"].iloc[0],
                "changes": records(rows[["level_tpm", "tpm", "log2_fold_change"]]),
            }
            for _, rows in responders.groupby("rank")
        ],
    }
    return result, _lines(curve, responders, predictor_label(curve.predictor), distance.sentence)


def _numbers(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise CellStateError(f"--multiples {text} is not a list of numbers.", "Write 0,0.5,1,2.") from error


def _whole(curve: Titration) -> pd.DataFrame:
    """Return every gene that changes at every level, with the level's score beside it where there is a goal."""
    table = curve.responders(len(curve.symbols)).drop(columns="rank")
    if curve.goal is None:
        return table
    return table.merge(curve.levels().drop(columns="present").rename(columns={"tpm": "level_tpm"}), on="level_tpm")


def _lines(curve: Titration, responders: pd.DataFrame, who: str, sentence: str) -> list[str]:
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
        (str(found["gene"].iloc[0]), [f"{shift:+.3f}" for shift in found["log2_fold_change"]])
        for _, found in responders.groupby("rank")
    ]
    return [
        f"{curve.sample}: {curve.gene} at {len(levels)} levels (hypotheses, for research only)",
        *([] if curve.goal is None else [f"Goal: {curve.goal.label}, {curve.goal.distance:.3g} SD away."]),
        f"It is at {level}; {usual}. {sentence}",
        f"{who} predicts each gene's log2 change at each level; levels outside the cohort's are extrapolated.",
        *(f"{name:<16}" + "".join(f"{cell:>10}" for cell in cells) for name, cells in rows),
    ]
