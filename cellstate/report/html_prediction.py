"""The report of a prediction: perturbations, changed genes, baselines, reliability, evidence, limits and checksums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from cellstate.evaluation.answer_evidence import ALIKE, SAME, AnswerEvidence, agreement
from cellstate.evaluation.ood import OOD_LIMIT, OodScore
from cellstate.formatting import decimal, digits, fold_change, percent, signed
from cellstate.labels import predictor_label
from cellstate.model.record import ModelRecord
from cellstate.report.html import Report
from cellstate.report.html_report import build_report
from cellstate.report.narrative.answer import evidence_sentence
from cellstate.report.narrative.evidence import default_reason, method_sentence
from cellstate.report.narrative.prediction import largest_change
from cellstate.report.provenance import Provenance, SampleFile
from cellstate.report.sections import Section
from cellstate.viz.columns import CHANGE, CHANGE_OF
from cellstate.viz.expression_change import expression_change_scatter, top_gene_bars

#: Genes in the table of the report; exported tables hold all.
TOP = 40


@dataclass(frozen=True, eq=False)
class PredictionReport:
    """A prediction with its reliability.

    Attributes
    ----------
    predictor : str
    perturbations : sequence of str
        In words, as ``TP53 knocked out``.
    table : DataFrame
        As `cellstate.evaluation.reliability_table` returns it.
    before, after : OodScore
        Of the sample, and of the profile that is predicted for it.
    over_error : float or None
        The largest reliable change as a fraction of the model's usual error in its gene.
    evidence : AnswerEvidence
    """

    predictor: str
    perturbations: Sequence[str]
    table: pd.DataFrame
    before: OodScore
    after: OodScore
    over_error: float | None
    evidence: AnswerEvidence


def prediction_report(
    found: PredictionReport,
    source: SampleFile,
    made: Provenance,
    record: ModelRecord,
    *,
    named: bool = False,
    on: str = "",
) -> Report:
    """Return the report of a prediction.

    Parameters
    ----------
    record : ModelRecord
        Of the model folder.
    named : bool
        Whether sample and file are named.
    on : str
        Date.
    """
    predictor, table, words = found.predictor, found.table, ", ".join(found.perturbations)
    baselines = [column.removeprefix(CHANGE_OF) for column in table if column.startswith(CHANGE_OF)]
    method = f"{predictor_label(predictor)}. {default_reason(record, predictor)}"
    return build_report(
        f"Predicted expression change: {words}",
        [
            ("Perturbations", words),
            ("Prediction method", method),
            ("Evidence", evidence_sentence(found.evidence, predictor)),
        ],
        [
            _perturbed(table),
            _changed(table, predictor, baselines),
            _baselines(table, predictor, baselines),
            _reliability(found),
        ],
        {
            "changed": (
                top_gene_bars(table, baselines, predictor=predictor),
                expression_change_scatter(table, predictor=predictor, sample=source.sample if named else ""),
            )
        },
        source=source,
        made=made,
        record=record,
        numbers=table,
        ood=found.before,
        named=named,
        on=on,
    )


def _perturbed(table: pd.DataFrame) -> Section:
    rows = [
        (row.gene, _tpm(row.tpm_before), _tpm(row.tpm_after), "yes" if row.is_measured else "no: imputed by the model")
        for row in table[table["is_perturbed"]].itertuples()
    ]
    text = (
        "The levels of perturbed genes are set, not predicted, and count in no score. TPM are on the scale of the "
        "training cohort, so they can differ from the file's by a constant factor."
    )
    shown = pd.DataFrame(rows, columns=["Perturbed gene", "TPM before", "TPM after", "Measured"])
    return Section("perturbed", "Perturbed genes", text, shown)


def _changed(table: pd.DataFrame, predictor: str, baselines: Sequence[str]) -> Section:
    rest, label = table[~table["is_perturbed"]], predictor_label(predictor)
    any_reliable = bool(rest["is_reliable"].any())
    top = (rest[rest["is_reliable"]] if any_reliable else rest).head(TOP)
    largest = fold_change(largest_change(rest[CHANGE]), 3)
    text = f"The largest change predicted by {label} is **{largest}** of TPM + 1. {method_sentence(predictor)}"
    shown = pd.DataFrame(
        {
            "Gene": top["gene"],
            "TPM before": top["tpm_before"].map(_tpm),
            "TPM after": top["tpm_after"].map(_tpm),
            f"{label} (log2)": top[CHANGE].map(signed),
            **{predictor_label(name): top[CHANGE_OF + name].map(signed) for name in baselines if name != "no_change"},
        }
    )
    if not any_reliable:
        shown["Why not reliable"] = top["reason"]
    which = "reliable genes" if any_reliable else "genes"
    note = f"The {len(top)} most changed {which}, of {len(rest):,} that were not perturbed; changes in log2 of TPM + 1."
    return Section("changed", "Most changed genes", text, shown, (note,))


def _baselines(table: pd.DataFrame, predictor: str, baselines: Sequence[str]) -> Section:
    rest, correlations = table[~table["is_perturbed"]], agreement(table)
    largest = {name: float(rest[CHANGE_OF + name].abs().max()) if len(rest) else 0.0 for name in baselines}
    rows = [
        (predictor_label(name), decimal(correlations[name], 2), digits(largest[name], 2), _in_words(correlations[name]))
        for name in baselines
    ]
    text = (
        "All methods were fitted to the same training samples. Where a simpler method predicts the same, prefer its "
        "explanation. **No change is often the best prediction of a real experiment.**"
    )
    columns = ["Method", f"Correlation with {predictor_label(predictor)}", "Largest change (log2)", "In words"]
    return Section("baselines", "Other methods", text, pd.DataFrame(rows, columns=columns))


def _in_words(r: float | None) -> str:
    if r is None:
        return "no change"
    return "almost the same" if r >= SAME else "similar" if r >= ALIKE else "different"


def _reliability(found: PredictionReport) -> Section:
    rest = found.table[~found.table["is_perturbed"]]
    counts = rest["reason"].replace("", "reliable").value_counts()
    rows = [(reason[:1].upper() + reason[1:], f"{n:,}", percent(n / len(rest), 1)) for reason, n in counts.items()]
    text = found.before.sentence
    if found.before.score is not None and found.after.score is not None:
        text += (
            f" Out-of-distribution score: {found.before.score:.2f} before the perturbation, {found.after.score:.2f} as "
            f"predicted after it, in robust SDs of held-out patients; the limit is {OOD_LIMIT:g}."
        )
        if found.after.is_ood and not found.before.is_ood:
            text += " **The perturbed profile is out of distribution**: the prediction is an extrapolation."
    if found.over_error is not None:
        text += (
            f"\n\nThe largest reliable change is {digits(found.over_error, 2)} times the autoencoder's usual error in "
            "that gene" + (": a single measurement could not show it." if found.over_error < 1 else ".")
        )
    text += "\n\n**Reliable does not mean true**: it means that no known reason speaks against the gene."
    return Section("reliability", "Reliability", text, pd.DataFrame(rows, columns=["Genes", "Number", "Fraction"]))


def _tpm(value: float) -> str:
    return f"{value:,.2f}"
