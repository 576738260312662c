"""What every search is asked: which sample, toward which goal, with which perturbations of which genes."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellstate.cli.commands import add_sample
from cellstate.cli.inputs import note, read_model, read_sample
from cellstate.errors import summarise_list

if TYPE_CHECKING:
    from cellstate.evaluation.ood import OodScore
    from cellstate.model import Model
    from cellstate.perturb.sample import PreparedSample
    from cellstate.perturb.search.goal import Goal

GENES_HELP = "tf (transcription factors), all, or a file with one gene a line"


@dataclass(frozen=True, eq=False)
class Question:
    """A sample and its goal, read and checked.

    Attributes
    ----------
    sample : PreparedSample
    goal : Goal
    distance : OodScore
        How unlike the training samples it is.
    """

    sample: PreparedSample
    goal: Goal
    distance: OodScore

    @property
    def model(self) -> Model:
        """The model that the sample was prepared for."""
        return self.sample.model

    def to_dict(self) -> dict:
        """The entries that every answer to such a question has."""
        return {
            **goal_entries(self.goal),
            "sample": self.sample.name,
            "kind": "hypothesis",
            "ood_score": self.distance.score,
            "is_ood": self.distance.is_ood,
        }

    def lines(self) -> list[str]:
        """The same for a person."""
        goal = self.goal
        return [
            f"{self.sample.name}: {goal.label} (hypotheses, for research only)",
            f"The goal has {goal.n_genes:,} genes and is {goal.distance:.3g} SD away. {self.distance.sentence}",
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


PATTERNS_HELP = "what is tried on each gene: ko, kd50, x3, =12.5 (TPM), =q90 (the cohort's 90th percentile); default ko"


def read_patterns(texts: list[str] | None) -> list[str]:
    """Return what is tried on each gene as the package takes it; raises ``PerturbationError`` for what is none."""
    from cellstate.perturb.perturbations import parse_patterns

    parts = [part.strip() for text in texts or ["ko"] for part in text.split(",") if part.strip()]
    return list(dict.fromkeys(pattern.action for pattern in parse_patterns(parts)))


def read_question(options: argparse.Namespace) -> Question:
    """Open the model, read and prepare the sample, and make its goal."""
    from cellstate.evaluation.ood import ood_scores
    from cellstate.perturb.sample import prepare_sample

    sample = prepare_sample(read_model(options), read_sample(options))
    return Question(sample, find_goal(options, sample), ood_scores([sample])[0])


def find_goal(options: argparse.Namespace, sample: PreparedSample) -> Goal:
    """Return the goal that the options name; what the model does not know of it is told in a note."""
    from cellstate.goal_spec import read_goal

    goal = read_goal(options.goal, sample)
    if n := len(goal.missing):
        shown = summarise_list([name[:40] for name in goal.missing], 5)
        note(options, f"{n:,} name(s) of the goal are not genes of the model: {shown}")
    return goal
