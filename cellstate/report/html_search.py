"""The report of a search: single perturbations, pairs, or a combination toward a goal."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from cellstate.evaluation.ood import OodScore
from cellstate.formatting import digits, percent, plural
from cellstate.labels import predictor_label
from cellstate.model.record import ModelRecord
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.search.goal import Goal
from cellstate.report.html import Report
from cellstate.report.html_report import build_report
from cellstate.report.narrative.evidence import combination_reason, pairs_reason
from cellstate.report.provenance import Provenance, SampleFile
from cellstate.report.sections import Section
from cellstate.viz import Chart
from cellstate.viz.style import look

#: Rows in the table of the report; exported tables hold all.
TOP = 40
TITLES = {
    "screen": "Single perturbations toward a goal",
    "pairs": "Pairs of perturbations toward a goal",
    "combination": "A combination of perturbations toward a goal",
}
_FRACTION = "% of the distance"
_ONE = {"gene": "Gene", "perturbation": "Perturbation", "score": "Score"}
_COLUMNS = {
    "screen": _ONE | {"fraction_of_distance": _FRACTION, "z_patient": "z in this sample", "p": "p", "fdr": "FDR"},
    "pairs": {
        "a": "First gene",
        "b": "Second gene",
        "interaction": "Interaction",
        "score": "Together",
        "score_a": "First alone",
        "score_b": "Second alone",
        "fraction_of_distance": _FRACTION,
        "p": "p",
        "fdr": "FDR",
        "cohort_r": "Interaction in the cohort (r)",
    },
    "combination": _ONE | {"gain": "Gain", "alone": "Alone", "fraction_of_distance": _FRACTION},
}
_READING = """
- **Score** is the predicted change along the goal, in SD of each gene over the training samples, without the perturbed
  genes. **% of the distance** is the score as a fraction of the distance to the goal.
- **p** says how unusual the effect is for a goal of this size and co-expression; for pairs, how unusual the interaction
  is among pairs of matched expression. **FDR** corrects it for the number of candidates. A small p does not prove a
  regulator.
- **z in this sample** compares the effect with that in the patients of the model's cohort. All methods but the
  autoencoder are linear: for them it depends on the levels of the perturbed genes alone.
- Scores by the other methods stand beside. Where they agree, **prefer the simplest explanation**. The autoencoder that
  is shipped is close to PCA, so the agreement of these two confirms nothing.
- **Interaction** is the deviation from additivity that the autoencoder predicts, on the scale of log1p TPM in SD.
  **Interaction in the cohort (r)** is a partial correlation: whether the goal is higher where both genes are high than
  each gene explains by itself. Genes that are correlated with two interacting genes show it too.
"""


def search_report(
    kind: str,
    goal: Goal,
    searched: str,
    text: str,
    table: pd.DataFrame,
    charts: Sequence[Chart],
    *,
    source: SampleFile,
    made: Provenance,
    record: ModelRecord,
    predictor: str = PredictorId.AUTOENCODER,
    ood: OodScore | None = None,
    named: bool = False,
    on: str = "",
) -> Report:
    """Return the report of a search.

    Parameters
    ----------
    kind : str
        ``screen``, ``pairs`` or ``combination``.
    searched : str
        The candidates, in words.
    text : str
        The result, in Markdown.
    table : DataFrame
        The whole result, best first.
    charts : sequence of Chart
        They name no sample.
    predictor : str
        Method of the scores; that of pairs is the autoencoder.
    source, made, record, ood, named, on
        As for `cellstate.report.html_report.build_report`.
    """
    shown = pd.DataFrame(
        {title: [_text(column, value) for value in table[column].head(TOP)] for column, title in _columns(kind, table)}
    )
    cut = f"The first {len(shown):,} of {len(table):,}. " if len(shown) < len(table) else ""
    reasons = {"pairs": pairs_reason(record), "combination": combination_reason(record, predictor)}
    evidence = (f"Scores by {predictor_label(predictor)}. {reasons[kind]}",) if kind in reasons else ()
    return build_report(
        TITLES[kind],
        [("Goal", goal_in_words(goal, named=named)), ("Searched", searched)],
        [
            Section("found", "Result", text, shown, (f"{cut}Scores are in SD along the goal.", *evidence)),
            Section("reading", "How to read this", _READING),
        ],
        {"found": charts},
        source=source,
        made=made,
        record=record,
        numbers=table,
        ood=ood,
        named=named,
        on=on,
    )


def goal_in_words(goal: Goal, *, named: bool) -> str:
    """Return a goal in words; one toward a file of the user names it only where samples may be named."""
    if goal.spec.startswith(("toward:", "toward-raw:")) and not named:
        return "toward the user's reference"
    return f"{goal.label} ({plural(goal.n_genes, 'gene')}, distance {digits(goal.distance)} SD)"


def _columns(kind: str, table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the columns that are not blank, with their headings; the perturbation only where it differs."""
    baselines = [c for c in table if kind == "screen" and c.startswith("score_") and c != "score_per_sd"]
    titles = _COLUMNS[kind] | {column: look(column.removeprefix("score_")).label for column in baselines}
    if "perturbation" in table and table["perturbation"].nunique() < 2:
        titles.pop("perturbation")
    return [(c, title) for c, title in titles.items() if (table[c].head(TOP).fillna(0) != 0).any()]


def _text(column: str, value: object) -> str:
    if isinstance(value, str):
        return value
    assert isinstance(value, float)
    if value != value:
        return "–"
    return percent(value, 2) if column == "fraction_of_distance" else f"{value:.3g}"
