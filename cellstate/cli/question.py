"""What every search for regulators is asked: which sample, towards which goal, with which edits of which genes."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellstate.cli.commands import add_sample
from cellstate.cli.inputs import note, read_model, read_sample
from cellstate.errors import EditError, summarise_list

if TYPE_CHECKING:
    from cellstate.evaluate.distance import Distance
    from cellstate.model import Model
    from cellstate.perturb.goals import Goal
    from cellstate.samples import Samples

GENES_HELP = "tf (transcription factors), all, or a file with one gene a line"


@dataclass(frozen=True, eq=False)
class Question:
    """A sample and its goal, read and checked.

    Attributes
    ----------
    model : Model
    sample : Samples
        Exactly one.
    goal : Goal
    distance : Distance
        How unlike the training samples it is.
    """

    model: Model
    sample: Samples
    goal: Goal
    distance: Distance

    def to_dict(self) -> dict:
        """The entries that every answer to such a question has."""
        from cellstate.perturb.rivals import NETWORK

        return {
            **goal_entries(self.goal),
            "sample": self.sample.names[0],
            "kind": "hypothesis",
            # Whoever leads elsewhere: only a network knows of edits that work together.
            "predictor": NETWORK,
            "ood_score": self.distance.score,
            "ood_flag": self.distance.flag,
        }

    def lines(self) -> list[str]:
        """The same for a person."""
        goal = self.goal
        return [
            f"{self.sample.names[0]}: {goal.label} (hypotheses, for research only)",
            f"The goal has {goal.n_genes:,} genes and is {goal.distance:.3g} S away. {self.distance.sentence}",
        ]


def goal_entries(goal: Goal) -> dict:
    """The entries that every answer about a goal has."""
    return {
        "goal": goal.spec,
        "goal_label": goal.label,
        "goal_genes": goal.n_genes,
        "goal_distance": goal.distance,
        "goal_missing": list(goal.missing),
    }


def add_question(command: argparse.ArgumentParser) -> None:
    """Add the options that say what is asked."""
    add_goal(command, required=True)
    add_sample(command)


def add_goal(command: argparse.ArgumentParser, *, required: bool) -> None:
    """Add ``--goal``."""
    command.add_argument(
        "--goal",
        required=required,
        metavar="SPEC",
        help="up:GMT#SET, down:GMT#SET, genes:+A,+B,-C, toward:FILE#NAME, cohort:high:GENE, cohort:low:GENE or "
        "cohort:median",
    )


def add_edits(command: argparse.ArgumentParser, several: bool) -> None:
    """Add ``--edit``: what is tried on each gene."""
    words = "what is tried on each gene: ko, kd50, x3, =12.5 (TPM), =q90 (the cohort's 90th percentile); default ko"
    if several:
        command.add_argument("--edit", action="append", metavar="EDIT", help=f"{words}; may be given again")
    else:
        command.add_argument("--edit", default="ko", metavar="EDIT", help=words)


def read_edits(texts: list[str] | None) -> list[str]:
    """Return edits as the package takes them; raises ``EditError`` for what is none."""
    from cellstate.perturb import Edit

    parts = [part.strip() for text in texts or ["ko"] for part in text.split(",") if part.strip()]
    if not parts:
        raise EditError("There is no edit to try.", "Write ko, kd50, x3, =12.5 or =q90.")
    return list(dict.fromkeys(Edit.pattern(part).action for part in parts))


def read_question(options: argparse.Namespace) -> Question:
    """Open the model, read the sample and its goal."""
    from cellstate.evaluate import distances

    model = read_model(options)
    sample = read_sample(options)
    return Question(model, sample, find_goal(options, model, sample), distances(model, sample)[0])


def find_goal(options: argparse.Namespace, model: Model, sample: Samples) -> Goal:
    """Return the goal that the options name; what the model does not know of it is told in a note."""
    from cellstate.goal_spec import read_goal
    from cellstate.perturb.patient import prepare

    goal = read_goal(options.goal, model, prepare(model, sample))
    if n := len(goal.missing):
        shown = summarise_list([name[:40] for name in goal.missing], 5)
        note(options, f"{n:,} name(s) of the goal are not genes of the model: {shown}")
    return goal
