"""The answer in a line: perturbations in short, the headline of a prediction, and the evidence behind it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from cellstate.evaluation.answer_evidence import CHANCE, AnswerEvidence, CheckResult, EvidenceCheck, EvidenceLevel
from cellstate.formatting import decimal, digits, escape_markdown, fold_change, join_with_and, percent, plural
from cellstate.labels import in_sentence, predictor_label
from cellstate.perturb.perturbations import Perturbation, ordinal
from cellstate.viz.columns import CHANGE, GENE, IS_PERTURBED, IS_RELIABLE

#: A smaller change than this (7%) does not count in a headline.
LEAST_LOG2 = 0.1
#: More perturbations than this are counted, not named.
_MOST_NAMED = 3
LEVEL_TITLE = {
    EvidenceLevel.NONE: "No evidence",
    EvidenceLevel.WEAK: "Weak evidence",
    EvidenceLevel.MODERATE: "Moderate evidence",
    EvidenceLevel.STRONG: "Strong evidence",
}
LEVEL_COLOUR = {
    EvidenceLevel.NONE: "red",
    EvidenceLevel.WEAK: "orange",
    EvidenceLevel.MODERATE: "blue",
    EvidenceLevel.STRONG: "green",
}
LEVEL_RULE = (
    "Strong: all four checks. Moderate: confirmed on real perturbations, with one other check missing. Without that "
    "confirmation: weak at most. None: the sample is out of range."
)
_CHECK_TITLE = {
    EvidenceCheck.SAMPLE_IN_RANGE: ("Sample in range", "Sample out of range"),
    EvidenceCheck.GENE_MODELLED: ("Gene well modelled", "Gene poorly modelled"),
    EvidenceCheck.METHODS_AGREE: ("Methods agree", "Methods disagree"),
    EvidenceCheck.REAL_KNOCK_OUTS: ("Confirmed on real knock-outs", "Not confirmed on real knock-outs"),
    EvidenceCheck.REGULATOR_CALLED: ("Beyond normal samples", "Not beyond normal samples"),
    EvidenceCheck.BEYOND_GROUP: ("Beyond the group's own samples", "Not beyond the group's own samples"),
    EvidenceCheck.SAMPLES_IN_RANGE: ("Samples in range", "Samples out of range"),
    EvidenceCheck.REGULATOR_RECURS: ("Recurrent beyond chance", "Not recurrent beyond chance"),
    EvidenceCheck.TRUE_REGULATORS: ("Confirmed on real perturbations", "Not confirmed on real perturbations"),
}
#: Checks of a p-value, which a reference of few samples does not give.
_NEEDS_P = {EvidenceCheck.REGULATOR_CALLED, EvidenceCheck.BEYOND_GROUP, EvidenceCheck.REGULATOR_RECURS}
#: Checks that only a ranking of regulators has, beside that on real perturbations.
_OF_RANKING = {*_NEEDS_P, EvidenceCheck.SAMPLES_IN_RANGE}


def short_label(one: Perturbation) -> str:
    """Return a perturbation in short: ``MYC KO``, ``MYC KD 50%``, ``MYC ×3``, ``MYC = 12.5 TPM``."""
    return f"{one.gene} {short_action(one)}"


def short_action(one: Perturbation) -> str:
    """Return a perturbation in short, without its gene."""
    forms = {
        "knock-out": "KO",
        "knock-down": f"KD {one.amount:g}%",
        "multiply": f"×{one.amount:g}",
        "set": f"= {digits(one.amount)} TPM",
        "quantile": f"at {ordinal(one.amount)} percentile",
    }
    return forms[one.kind]


def perturbed(perturbations: Sequence[Perturbation]) -> str:
    """Return what was done to a sample: ``MYC knock-out``, ``MYC KO and TP53 KD 50%``, ``5 perturbations``."""
    if len(perturbations) == 1 and perturbations[0].kind == "knock-out":
        return f"{perturbations[0].gene} knock-out"
    if len(perturbations) > _MOST_NAMED:
        return plural(len(perturbations), "perturbation")
    return join_with_and([short_label(one) for one in perturbations])


def headline(perturbations: Sequence[Perturbation], table: pd.DataFrame) -> str:
    """Return the answer in one line, as Markdown.

    Parameters
    ----------
    perturbations : sequence of Perturbation
    table : DataFrame
        As `cellstate.evaluation.reliability_table` returns it, the largest change first.
    """
    what = escape_markdown(perturbed(perturbations))
    rest = table[~table[IS_PERTURBED]]
    reliable = rest[rest[IS_RELIABLE]]
    shown = reliable if len(reliable) else rest
    if not len(shown) or not shown[CHANGE].any():
        return f"{what}: no other gene changes"
    first = shown.iloc[0]
    largest = f"{escape_markdown(first[GENE])} {fold_change(float(first[CHANGE]))}"
    if not len(reliable):
        return f"{what}: no gene is reliable; the largest change is {largest}"
    n_down, n_up = int((reliable[CHANGE] <= -LEAST_LOG2).sum()), int((reliable[CHANGE] >= LEAST_LOG2).sum())
    if not n_down + n_up:
        return f"{what}: only small changes, led by {largest}"
    return f"{what}: {plural(n_down, 'gene')} down, {n_up:,} up, led by {largest}"


def headline_help() -> str:
    """Return which changes a headline counts."""
    return f"Reliable genes with a predicted change of {LEAST_LOG2:g} log2 (7%) or more, perturbed genes left out."


def check_title(one: CheckResult) -> str:
    """Return a check and its outcome in few words."""
    if one.value is None and one.check in _NEEDS_P:
        return "No p-value"
    held, failed = _CHECK_TITLE[one.check]
    return held if one.passed else failed


def check_sentence(one: CheckResult, predictor: str, name: str = "", *, is_candidate: bool = False) -> str:
    """Return what a check measured, and against which threshold.

    Parameters
    ----------
    one : CheckResult
    predictor : str
        The method that gave the answer.
    name : str
        Perturbed genes in short, or the first regulator; empty where there are many.
    is_candidate : bool
        Whether the answer is a candidate or a regulator of a search: a score, not a profile.
    """
    who = escape_markdown(name, 120) or "The perturbed gene"
    if one.value is None:
        return {
            EvidenceCheck.SAMPLE_IN_RANGE: "The model has no reference to measure the distance of a sample from.",
            EvidenceCheck.GENE_MODELLED: f"{who}: no held-out R² is known, or the sample does not measure it.",
            EvidenceCheck.METHODS_AGREE: "No other method predicts a change.",
            EvidenceCheck.REAL_KNOCK_OUTS: "No real knock-out was compared with this method.",
            EvidenceCheck.REGULATOR_CALLED: f"{who}: the sample does not measure it.",
            EvidenceCheck.BEYOND_GROUP: f"{who}: not measured, or the reference has too few samples for a p-value.",
            EvidenceCheck.SAMPLES_IN_RANGE: "The model has no reference to measure the distance of a sample from.",
            EvidenceCheck.REGULATOR_RECURS: "The reference has too few samples for p-values.",
            EvidenceCheck.TRUE_REGULATORS: "No real perturbation was ranked by this method.",
        }[one.check]
    if one.check is EvidenceCheck.SAMPLE_IN_RANGE:
        included = "" if is_candidate else ", with the predicted change included"
        away = decimal(one.value, 1)
        text = f"Distance from the training samples {away}{included}; up to {one.threshold:g} is in range"
    elif one.check is EvidenceCheck.GENE_MODELLED:
        least = "the lowest " if one.n > 1 else ""
        text = f"{who}: {least}R² in held-out patients {decimal(one.value, 2)}; at least {one.threshold:g} is needed"
        if not one.passed and one.value >= one.threshold:
            text += ", and the sample must measure it"
    elif one.check is EvidenceCheck.METHODS_AGREE:
        others = plural(one.n, "other method")
        found = f"{percent(one.value)} of the signs of {others} are the same"
        where = "For this candidate" if is_candidate else "In the largest changes"
        rule = f"at least {percent(one.threshold)} is needed, 50% is chance"
        text = f"{where}, {found}; {rule}. All learn from the same samples"
    elif one.check in _OF_RANKING:
        text = _ranking_text(one, who)
    elif one.check is EvidenceCheck.TRUE_REGULATORS:
        why = "a ranking by variability alone" if one.threshold > CHANCE else "chance"
        text = (
            f"{predictor_label(predictor)}: given a measured change, it ranks the gene that was really perturbed above "
            f"{percent(one.value)} of the candidates ({plural(one.n, 'gene')}); more than {percent(one.threshold)} is "
            f"needed, that of {why}"
        )
    else:
        text = (
            f"{predictor_label(predictor)}: correlation with the changes of real knock-outs {decimal(one.value, 2)} "
            f"({plural(one.n, 'gene')}); at least {one.threshold:g} is needed"
        )
    return f"{text}."


def _ranking_text(one: CheckResult, who: str) -> str:
    assert one.value is not None
    if one.check is EvidenceCheck.SAMPLES_IN_RANGE:
        return f"{percent(one.value)} of {plural(one.n, 'sample')} are in range; {percent(one.threshold)} are needed"
    if one.check is EvidenceCheck.REGULATOR_RECURS:
        return (
            f"{who}: called in {percent(one.value)} of {plural(one.n, 'sample')}; more than {percent(one.threshold)} "
            "is needed, what chance alone gives at most. Samples of one laboratory can share its difference"
        )
    than = "normal samples"
    if one.check is EvidenceCheck.BEYOND_GROUP:
        than = "how samples of the group differ from each other"
    return f"{who}: FDR {digits(one.value)} against {than}; at most {one.threshold:g} is needed"


def evidence_sentence(found: AnswerEvidence, predictor: str) -> str:
    """Return the level of an answer and the checks that fail, as plain text."""
    failed = [in_sentence(check_title(one)) for one in found.checks if not one.passed]
    text = f"{LEVEL_TITLE[found.level]} for this prediction by {in_sentence(predictor_label(predictor))}"
    return f"{text}: {join_with_and(failed)}." if failed else f"{text}: all four checks hold."
