"""The report of a search for regulators: single edits, pairs, or a combination."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from cellstate.evaluation.ood import OodScore
from cellstate.formatting import percent
from cellstate.labels import predictor_label
from cellstate.model.record import ModelRecord
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.search.goal import Goal
from cellstate.report.html import Report
from cellstate.report.html_report import answer_report
from cellstate.report.narrative.evidence import combination_reason, pairs_reason
from cellstate.report.provenance import Provenance, Source
from cellstate.report.section import Section
from cellstate.viz import Chart
from cellstate.viz.style import look

#: Rows in the table of the report; the tables that can be taken along hold all.
TOP = 40
TITLES = {
    "screen": "Single edits toward a goal",
    "pairs": "Pairs of edits toward a goal",
    "combination": "A combination of edits toward a goal",
}
_SHARE = "Of the way"
_COLUMNS = {
    "screen": {
        "gene": "Gene",
        "perturbation": "Perturbation",
        "score": "Score",
        "fraction_of_distance": _SHARE,
        "z_patient": "z in this patient",
        "p": "p",
        "fdr": "FDR",
    },
    "pairs": {
        "a": "First gene",
        "b": "Second gene",
        "interaction": "Interaction",
        "score": "Together",
        "score_a": "First alone",
        "score_b": "Second alone",
        "fraction_of_distance": _SHARE,
        "p": "p",
        "fdr": "FDR",
        "cohort_r": "Patients show (r)",
    },
    "combination": {
        "gene": "Gene",
        "perturbation": "Perturbation",
        "score": "Score",
        "gain": "Gain",
        "alone": "Alone",
        "fraction_of_distance": _SHARE,
    },
}
_READING = """
- **Score** is the predicted movement along the goal, in S: one S is a gene's standard deviation over the training
  samples. Edited genes are left out. **Of the way** is its share of the goal's whole distance.
- **p** compares with genes, or pairs, of matched expression; **FDR** corrects it for the number looked at. A small p
  does not make a regulator.
- **z in this patient** asks how unusual the effect is against the patients of the model's cohort. All predictors but
  the network are linear: they know a patient by the levels of the edited genes alone.
- What other predictors say of each edit stands beside the score. **Where they agree, the simple reason is the better
  one**; the network that is shipped is PCA in another form, so that these two agree confirms nothing.
- **Interaction** is what the network lets two edits move together beyond the sum of what each moves alone, on the
  scale of log1p TPM in S. **Patients show (r)** asks the model's cohort instead: whether the goal is higher where both
  genes are high than each explains by itself. Genes that go with two cooperating ones show it too.
"""


def search_report(
    kind: str,
    goal: Goal,
    searched: str,
    text: str,
    table: pd.DataFrame,
    charts: Sequence[Chart],
    *,
    source: Source,
    made: Provenance,
    record: ModelRecord,
    predictor: str = PredictorId.AUTOENCODER,
    far: OodScore | None = None,
    named: bool = False,
    on: str = "",
) -> Report:
    """Return the report of a search.

    Parameters
    ----------
    kind : str
        ``screen``, ``pairs`` or ``combination``.
    searched : str
        What was tried, in words.
    text : str
        What was found, in Markdown.
    table : DataFrame
        The whole answer, best first.
    charts : sequence of Chart
        They name no sample.
    predictor : str
        Who scores; pairs are the network's.
    source, made, record, far, named, on
        As for `cellstate.report.html_report.answer_report`.
    """
    shown = pd.DataFrame(
        {title: [_text(column, value) for value in table[column].head(TOP)] for column, title in _columns(kind, table)}
    )
    cut = f"The first {len(shown):,} of {len(table):,}. " if len(shown) < len(table) else ""
    reasons = {"pairs": pairs_reason(record), "combination": combination_reason(record, predictor)}
    believed = (f"{predictor_label(predictor)} scores. {reasons[kind]}",) if kind in reasons else ()
    return answer_report(
        TITLES[kind],
        [("Goal", goal_in_words(goal, named=named)), ("Searched", searched)],
        [
            Section("found", "What was found", text, shown, (f"{cut}Scores are in S along the goal.", *believed)),
            Section("reading", "How to read this", _READING),
        ],
        {"found": charts},
        source=source,
        made=made,
        record=record,
        numbers=table,
        far=far,
        named=named,
        on=on,
    )


def goal_in_words(goal: Goal, *, named: bool) -> str:
    """Return a goal in words; one toward a file of the user names it only where samples may be named."""
    if goal.spec.startswith("toward:") and not named:
        return "toward a reference that the user brought"
    return f"{goal.label} ({goal.n_genes:,} gene{'s' * (goal.n_genes != 1)}, {goal.distance:,.3g} S away)"


def _columns(kind: str, table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the columns that tell something, with their headings: not the same edit again and again, and no blanks."""
    rivals = [c for c in table if kind == "screen" and c.startswith("score_") and c != "score_per_sd"]
    titles = _COLUMNS[kind] | {column: look(column.removeprefix("score_")).label for column in rivals}
    if "perturbation" in table and table["perturbation"].nunique() < 2:
        titles.pop("perturbation")
    return [(c, title) for c, title in titles.items() if _says_something(table[c].head(TOP))]


def _says_something(column: pd.Series) -> bool:
    return bool((column.fillna(0) != 0).any())


def _text(column: str, value: object) -> str:
    if isinstance(value, str):
        return value
    assert isinstance(value, float)
    if value != value:
        return "–"
    return percent(value, 2) if column == "fraction_of_distance" else f"{value:.3g}"
