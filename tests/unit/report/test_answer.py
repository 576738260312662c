"""The answer in a line: short names of perturbations, the headline's counts, and the sentences about evidence."""

from __future__ import annotations

import pandas as pd
import pytest

from cellstate.evaluation.answer_evidence import PREDICTION_CHECKS, AnswerEvidence, CheckResult, EvidenceCheck
from cellstate.perturb.perturbations import Perturbation
from cellstate.report.narrative.answer import (
    LEAST_LOG2,
    check_sentence,
    check_title,
    evidence_sentence,
    headline,
    perturbed,
    short_label,
)
from tests.support.golden import check_golden

MYC = Perturbation("MYC", "knock-out")
SPECS = ("MYC=ko", "MYC=kd50", "MYC=x3", "MYC==12.5", "MYC==q90")


def table(changes: dict[str, float], unreliable: tuple[str, ...] = ()) -> pd.DataFrame:
    rows = [(gene, change, gene == "MYC", gene != "MYC" and gene not in unreliable) for gene, change in changes.items()]
    return pd.DataFrame(rows, columns=["gene", "log2_fold_change", "is_perturbed", "is_reliable"])


@pytest.mark.parametrize(
    "changes, unreliable, n_down, n_up",
    [
        ({"A": -1.1, "B": 0.5, "C": LEAST_LOG2, "D": -0.09, "MYC": -7}, (), 1, 2),
        ({"A": -1.1, "B": 0.5, "MYC": -7}, ("A",), 0, 1),
    ],
)
def test_a_headline_counts_reliable_changes_from_a_limit_on(
    changes: dict[str, float], unreliable: tuple[str, ...], n_down: int, n_up: int
) -> None:
    text = headline([MYC], table(changes, unreliable))
    assert f": {n_down} gene" in text and f" {n_up} up" in text
    assert ("led by A −1.1 log2, 0.47×" in text) == ("A" not in unreliable)


def test_the_texts() -> None:
    many = [Perturbation(gene, "knock-out") for gene in ("A", "B", "C", "D")]
    lines = [short_label(Perturbation.parse(spec)) for spec in SPECS]
    lines += [perturbed([MYC]), perturbed(many[:2]), perturbed(many)]
    lines += [
        headline([MYC], table({"A": -1.1, "B": 0.5, "MYC": -7})),
        headline([MYC], table({"A": -0.02, "MYC": -7})),
        headline([MYC], table({"A": -1.1, "MYC": -7}, ("A",))),
        headline([MYC], table({"A": 0.0, "MYC": -7})),
    ]
    for passed in (True, False):
        checks = tuple(CheckResult(one, passed, 0.42, 0.3, 3) for one in EvidenceCheck)
        lines += [f"{check_title(one)}. {check_sentence(one, 'ridge', 'MYC')}" for one in checks]
        lines += [check_sentence(one, "ridge", "MYC", is_candidate=True) for one in checks]
        own = tuple(one for one in checks if one.check in PREDICTION_CHECKS)
        lines.append(evidence_sentence(AnswerEvidence(own), "ridge"))
    lines += [check_sentence(CheckResult(one, False, None, 0.3), "ridge", "MYC") for one in EvidenceCheck]
    check_golden("narrative_answer", "\n\n".join(lines) + "\n")
