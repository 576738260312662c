"""Sentences about the quality of a sample and the names of its file: the golden file holds their wording."""

from __future__ import annotations

from dataclasses import replace

from cellstate.evaluation.qc import Check, Grade
from cellstate.expression.reading import Decision, ReadReport
from cellstate.report.narrative.sample import (
    dates_sentence,
    doubt_sentence,
    grade_text,
    match_sentence,
    n_matched,
    names_listed,
    qc_lines,
)
from tests.support.golden import check_golden

NAN = float("nan")
FIGURES = {
    "good": (1.0, 16_000, 1.0, 30e6, 0.2, 0.1),
    "fair": (3.0, 12_000, 0.9, 2e6, 0.6, 0.5),
    "poor": (9.0, 3_000, 0.4, 2e5, 0.9, 0.8),
    "no reads": (NAN, 16_000, 1.0, NAN, 0.2, 0.1),
    "57 reads": (1.0, 16_000, 1.0, 57, 0.2, 0.1),
}
REPORT = ReadReport(
    format="csv",
    unit="TPM",
    n_genes_read=1_000,
    status_counts={"symbol": 900, "alias": 96, "date": 2, "unknown": 2},
    dates=(("1-Mar", ("MARCHF1", "MTARC1")), ("9-Sep", ("SEPTIN9",)), ("3-Foo", ())),
)
DOUBTS = (
    Decision("unit", "FPKM", 0.4, "The values sum to 500,000."),
    Decision("names", "symbol", 0.26, "1,000 of 4,000 names are known genes"),
    Decision("orientation", "genes in rows", 0.1, "100 genes are named there and 90 in the header"),
    Decision("samples", "2,3", 0.02, "each column correlates with another by at least 0.02"),
)
REPAIRED = replace(REPORT, repaired=(("9-Sep", "SEPTIN9"),))


def test_wording() -> None:
    lines = [f"## {name}\n" + "\n".join(qc_lines(dict(zip(Check, f, strict=True)))) for name, f in FIGURES.items()]
    dates = [dates_sentence(one) for one in (REPORT, REPAIRED, replace(REPAIRED, dates=REPORT.dates[1:2]))]
    doubts = ["## doubts", *map(doubt_sentence, DOUBTS)]
    check_golden("narrative_qc", "\n\n".join([*lines, "## names", match_sentence(REPORT, 900), *dates, *doubts]) + "\n")


def test_every_figure_has_a_line_and_every_grade_a_symbol() -> None:
    for name, figures in FIGURES.items():
        lines = qc_lines(dict(zip(Check, figures, strict=True)))
        assert len(lines) == len(Check)
        assert all(name in line for line in lines) or name not in list(map(str, Grade))
    assert len({grade_text(grade)[0] for grade in Grade}) == len(Grade)


def test_a_nearly_complete_match_is_not_called_complete() -> None:
    report = replace(REPORT, status_counts={"symbol": 999})
    assert n_matched(report) == 999 and "(99%)" in match_sentence(report, 999)


def test_names_are_never_markup_and_long_lists_are_cut() -> None:
    assert names_listed(["<b>", "a", "b", "c", "d", "e", "f", "g"]) == r"\<b\>, a, b, c, d, e and 2 more"
