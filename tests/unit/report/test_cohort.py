"""Sentences about a cohort's regulators."""

from __future__ import annotations

import pandas as pd

from cellstate.report.narrative.regulators import cohort_line, cohort_sentence
from tests.support.golden import check_golden

TABLE = pd.DataFrame(
    {
        "gene": ["MYC", "E2F1", "<b>X</b>", "HNF4A"],
        "n_more_active": [4, 0, 1, 0],
        "n_less_active": [0, 3, 0, 0],
        "mean_z": [3.0, -2.0, 0.5, 0.0],
        "samples": ["A, B, C, D", "A, B, C", "*B*", ""],
    }
)


def test_cohorts() -> None:
    groups = {"treated": [0, 1], "control": [2, 3, 4]}
    said = {
        "recurrent and private": cohort_sentence(TABLE, 5, "closest normal state"),
        "only recurrent, some out of distribution": cohort_sentence(TABLE.head(2), 5, "other 4 samples", n_ood=1),
        "only private": cohort_sentence(TABLE.iloc[2:], 5, "<b>x</b>", n_ood=2),
        "none": cohort_sentence(TABLE.tail(1), 5, "closest normal state"),
        "line": cohort_line(groups, "a_cohort.csv"),
        "line without groups": cohort_line({}, "a_cohort.csv"),
    }
    check_golden("narrative_cohort", "\n\n".join(f"## {what}\n{text}" for what, text in said.items()) + "\n")
