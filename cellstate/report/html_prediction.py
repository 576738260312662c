"""The report of a predicted shift: edits, what would move, rivals, trust, evidence, limits, versions and checksums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from cellstate.evaluation.ood import OOD_LIMIT, OodScore
from cellstate.formatting import digits, percent
from cellstate.labels import predictor_label
from cellstate.model.record import ModelRecord
from cellstate.report.agreement import ALIKE, SAME, agreement
from cellstate.report.html import Report
from cellstate.report.html_report import answer_report
from cellstate.report.narrative.evidence import default_reason, method_sentence
from cellstate.report.provenance import Provenance, Source
from cellstate.report.section import Section, decimal
from cellstate.viz.columns import CHANGE_OF
from cellstate.viz.expression_change import expression_change_scatter, top_gene_bars

#: Genes in the table of the report; the tables that can be taken along hold all.
TOP = 40


@dataclass(frozen=True, eq=False)
class PredictionReport:
    """A predicted shift with what is known about it.

    Attributes
    ----------
    predictor : str
        Who leads.
    perturbations : sequence of str
        In words, as ``TP53 knocked out``.
    table : DataFrame
        What `cellstate.evaluation.reliability_table` returns.
    before, after : OodScore
        From the training samples, as the sample is and as the prediction leaves it.
    over_error : float or None
        The largest trusted shift as a share of the model's usual error in its gene.
    """

    predictor: str
    perturbations: Sequence[str]
    table: pd.DataFrame
    before: OodScore
    after: OodScore
    over_error: float | None


def prediction_report(
    answer: PredictionReport,
    source: Source,
    made: Provenance,
    record: ModelRecord,
    *,
    named: bool = False,
    on: str = "",
) -> Report:
    """Return the report of a predicted shift.

    Parameters
    ----------
    record : ModelRecord
        Of the model folder.
    named : bool
        Whether sample and file are named; by default nothing in the report says who it is about.
    on : str
        Date.
    """
    first, table, words = answer.predictor, answer.table, ", ".join(answer.perturbations)
    rivals = [column.removeprefix(CHANGE_OF) for column in table if column.startswith(CHANGE_OF)]
    return answer_report(
        f"Predicted shift: {words}",
        [("Edits", words), ("Predicted by", f"{predictor_label(first)}. {default_reason(record, first)}")],
        [_edited(table), _moved(table, first, rivals), _rivals(table, first, rivals), _trust(answer)],
        {
            "moved": (
                top_gene_bars(table, rivals, predictor=first),
                expression_change_scatter(table, predictor=first, sample=source.sample if named else ""),
            )
        },
        source=source,
        made=made,
        record=record,
        numbers=table,
        far=answer.before,
        named=named,
        on=on,
    )


def _edited(table: pd.DataFrame) -> Section:
    rows = [
        (
            row.gene,
            _tpm(row.tpm_before),
            _tpm(row.tpm_after),
            "yes" if row.is_measured else "no: predicted by the model",
        )
        for row in table[table["is_perturbed"]].itertuples()
    ]
    text = (
        "Edited genes are set, not predicted, and count in no score. TPM are on the training cohort's scale, so they "
        "can differ from the file's by a constant factor."
    )
    shown = pd.DataFrame(rows, columns=["Edited gene", "TPM before", "TPM after", "Measured"])
    return Section("edited", "What was edited", text, shown)


def _moved(table: pd.DataFrame, first: str, rivals: Sequence[str]) -> Section:
    rest = table[~table["is_perturbed"]]
    some = bool(rest["is_reliable"].any())
    top = (rest[rest["is_reliable"]] if some else rest).head(TOP)
    largest = float(rest["log2_fold_change"].abs().max()) if len(rest) else 0.0
    text = (
        f"{predictor_label(first)}'s largest shift is **{largest:.2g} log2** (a change by "
        f"{percent(2**largest - 1, 1)} of TPM + 1). {method_sentence(first)}"
    )
    shown = pd.DataFrame(
        {
            "Gene": top["gene"],
            "TPM before": top["tpm_before"].map(_tpm),
            "TPM after": top["tpm_after"].map(_tpm),
            f"{predictor_label(first)}, first": top["log2_fold_change"].map("{:+.3g}".format),
            **{predictor_label(r): top[CHANGE_OF + r].map("{:+.3g}".format) for r in rivals if r != "no_change"},
        }
    )
    if not some:
        shown["Why not trusted"] = top["reason"]
    which = "trusted genes" if some else "genes"
    note = f"The {len(top)} {which} that shift most, of {len(rest):,} that were not edited; shifts in log2 of TPM + 1."
    return Section("moved", "What else would move", text, shown, (note,))


def _rivals(table: pd.DataFrame, first: str, rivals: Sequence[str]) -> Section:
    rest, rows = table[~table["is_perturbed"]], []
    agreed = agreement(table)
    for rival in rivals:
        r = agreed[rival]
        size = float(rest[CHANGE_OF + rival].abs().max()) if len(rest) else 0.0
        rows.append((predictor_label(rival), decimal(r, 2), digits(size, 2), _says(r)))
    text = (
        "Each was made from the same training samples. Where a simpler one says the same, the simple reason is the "
        "better one. **No change often wins against real experiments.**"
    )
    columns = ["Predictor", f"Correlation with {predictor_label(first)}", "Largest shift (log2)", "In words"]
    return Section("rivals", "What the other predictors say", text, pd.DataFrame(rows, columns=columns))


def _says(r: float | None) -> str:
    if r is None:
        return "nothing moves"
    return "the same" if r >= SAME else "points the same way" if r >= ALIKE else "ranks genes differently"


def _trust(answer: PredictionReport) -> Section:
    rest = answer.table[~answer.table["is_perturbed"]]
    counts = rest["reason"].replace("", "trusted: nothing known speaks against it").value_counts()
    rows = [(reason[:1].upper() + reason[1:], f"{n:,}", percent(n / len(rest), 1)) for reason, n in counts.items()]
    text = answer.before.sentence
    if answer.before.score is not None and answer.after.score is not None:
        text += (
            f" Its distance is {answer.before.score:.2f} before the edit and {answer.after.score:.2f} as predicted "
            f"after it, in spreads of held-out patients; beyond {OOD_LIMIT:g} is far."
        )
        if answer.after.is_ood and not answer.before.is_ood:
            text += " **The edit takes the sample out of what the model has seen**: the prediction is extrapolated."
    if answer.over_error is not None:
        text += (
            f"\n\nThe largest trusted shift is {percent(answer.over_error, 1)} of the error with which the network "
            "usually predicts that gene" + (": one measurement could not show it." if answer.over_error < 1 else ".")
        )
    text += "\n\n**Trusted does not mean true**: it means that nothing known speaks against the gene."
    return Section("trust", "Which genes are trusted", text, pd.DataFrame(rows, columns=["Genes", "Number", "Share"]))


def _tpm(value: float) -> str:
    return f"{value:,.2f}"
