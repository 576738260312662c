"""The command ``doses``: what the other genes do as one gene goes from nothing to many times its level."""

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

    from cellstate.perturb.doses import DoseCurve


def add(commands: Commands) -> None:
    """Add ``doses``."""
    one = commands.add("doses", "what the others do as one gene's level rises", _doses, reads=True, runs=True)
    one.add_argument("--gene", required=True, metavar="GENE", help="the gene that is set; any name of it")
    add_goal(one, required=False)
    one.add_argument(
        "--multiples",
        metavar="LIST",
        help="doses as multiples of the present level, such as 0,0.5,1,2 (default: 0 and 1/8 to 16; 0 to 200 TPM for "
        "a gene that is not expressed); the present level is always one",
    )
    one.add_argument(
        "--top",
        type=int,
        default=GENES_SHOWN,
        metavar="N",
        help=f"responders that are shown, largest shift first (default {GENES_SHOWN})",
    )
    add_predictor(one)
    add_sample(one)
    add_out(one)


def _doses(options: argparse.Namespace) -> Answer:
    from cellstate.evaluate import distances
    from cellstate.io import check_writable, write_table
    from cellstate.perturb.doses import dose_curve
    from cellstate.report import predictor_label

    multiples = _numbers(options.multiples)
    top = at_least_one("--top", options.top)
    if options.out:
        check_writable(options.out)
    model = read_model(options)
    sample = read_sample(options)
    goal = None if options.goal is None else find_goal(options, model, sample)
    curve = dose_curve(model, sample, options.gene, multiples=multiples, goal=goal, predictor=options.predictor)
    if options.out:
        write_table(_whole(curve), options.out)
    distance = distances(model, sample)[0]
    responders = curve.responders(top)
    result = {
        "sample": curve.sample,
        "gene": curve.gene,
        "ensembl_id": curve.ensembl_id,
        "measured": bool(curve.measured_G[curve.edited]),
        "present_tpm": curve.present_tpm,
        "usual_tpm": curve.usual_tpm,
        "kind": "hypothesis",
        "predictor": curve.predictor,
        "ood_score": distance.score,
        "ood_flag": distance.flag,
        **({} if goal is None else goal_entries(goal)),
        "doses": records(curve.doses()),
        "responders": [
            {
                "gene": rows["gene"].iloc[0],
                "ensembl_id": rows["ensembl_id"].iloc[0],
                "measured": rows["measured"].iloc[0],
                "shifts": records(rows[["dose_tpm", "tpm", "delta_log2"]]),
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


def _whole(curve: DoseCurve) -> pd.DataFrame:
    """Return every gene that moves at every dose, with the dose's score beside it where there is a goal."""
    table = curve.responders(len(curve.symbols)).drop(columns="rank")
    if curve.goal is None:
        return table
    return table.merge(curve.doses().drop(columns="present").rename(columns={"tpm": "dose_tpm"}), on="dose_tpm")


def _lines(curve: DoseCurve, responders: pd.DataFrame, who: str, sentence: str) -> list[str]:
    level = f"{curve.present_tpm:,.4g} TPM" + (
        "" if curve.measured_G[curve.edited] else " (not measured: the model's prediction)"
    )
    usual = "no cohort to compare with"
    if curve.usual_tpm is not None:
        usual = "{:,.4g} to {:,.4g} TPM in the model's cohort".format(*curve.usual_tpm)
    doses = curve.doses()
    rows = [(f"{curve.gene} in TPM", [f"{tpm:,.4g}" for tpm in doses["tpm"]])]
    if "score" in doses:
        rows.append(("score (S)", [f"{score:+.4f}" for score in doses["score"]]))
    rows += [
        (str(found["gene"].iloc[0]), [f"{shift:+.3f}" for shift in found["delta_log2"]])
        for _, found in responders.groupby("rank")
    ]
    return [
        f"{curve.sample}: {curve.gene} at {len(doses)} levels (hypotheses, for research only)",
        *([] if curve.goal is None else [f"Goal: {curve.goal.label}, {curve.goal.distance:.3g} S away."]),
        f"It is at {level}; {usual}. {sentence}",
        f"{who} predicts each gene's log2 change at each level; doses outside the cohort's levels are extrapolated.",
        *(f"{name:<16}" + "".join(f"{cell:>10}" for cell in cells) for name, cells in rows),
    ]
