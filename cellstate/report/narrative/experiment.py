"""Sentences about a comparison of a predicted with a measured expression change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cellstate.evaluation.answer_evidence import CLEAR_R
from cellstate.evaluation.experiment import TOP, Agreement, Experiment
from cellstate.formatting import escape_markdown, fold_change, percent, real_minus
from cellstate.labels import in_sentence, predictor_label
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.registry import REGISTRY

#: From `CLEAR_R` on, an agreement is called clear; below this there is none, however many genes are compared: genes
#: change together, so an interval over genes is narrower than that of a repeat would be.
NONE = 0.05
#: Correlations closer than this are called equal.
EQUAL = 0.01


def verdict(found: Experiment) -> list[str]:
    """Return what a comparison shows, sentence by sentence; the first names the method and its agreement."""
    first, label = found.agreement[found.predictor], predictor_label(found.predictor)
    if first.pearson_delta is None:
        return [f"{label} predicts no change, so there is nothing to compare."]
    r = f"r = {number(first.pearson_delta)}, 95% interval {interval(first)}"
    said = [f"{label}: the predicted change {_agreement(first)} the measured change ({r})."]
    others = {
        name: one.pearson_delta
        for name, one in found.agreement.items()
        if name != found.predictor and one.pearson_delta is not None
    }
    good = [in_sentence(predictor_label(name)) for name, r in others.items() if r > first.pearson_delta - EQUAL]
    if good:
        said.append(f"As good or better: {', '.join(good)}.")
    elif others:
        said.append("No other method does as well.")
    if first.sign_accuracy_top50 is not None:
        share = percent(first.sign_accuracy_top50)
        said.append(f"Of the {TOP} genes that changed most, {share} have the predicted direction; 50% is chance.")
    said += _opposite_change(found.perturbations, found.perturbed)
    if found.is_ood:
        said.append("The control samples are out of distribution, so little agreement was to be expected.")
    return said


def method_order(found: Experiment) -> list[PredictorId]:
    """Return the compared methods: the chosen one, all others, *no change* last."""
    order = [found.predictor, *(one.id for one in REGISTRY if one.id is not PredictorId.NO_CHANGE)]
    return [name for name in dict.fromkeys([*order, PredictorId.NO_CHANGE]) if name in found.agreement]


def score_table(found: Experiment) -> pd.DataFrame:
    """Return one row a method with its agreement, as text."""
    rows = [
        (predictor_label(name), number(one.pearson_delta), interval(one), percent(one.sign_accuracy_top50))
        for name in method_order(found)
        for one in [found.agreement[name]]
    ]
    return pd.DataFrame(rows, columns=["Method", "Pearson-delta", "95% interval", f"Sign accuracy, top {TOP}"])


def perturbed_genes(found: Experiment) -> list[str]:
    """Return, as Markdown, how each perturbed gene itself changed: an experiment may have missed its target."""
    wanted = {one.gene: one.label.removeprefix(one.gene).strip() for one in found.perturbations}
    said = []
    for row in found.perturbed.itertuples():
        change = (
            f"{row.tpm_control:,.3g} TPM in control and {row.tpm_treated:,.3g} TPM in treated samples, measured "
            f"change **{fold_change(row.measured_log2)}**"
            if np.isfinite(row.measured_log2)
            else "not measured in every sample"
        )
        said.append(f"**{escape_markdown(row.gene)}** ({escape_markdown(wanted.get(row.gene, ''))}): {change}.")
    return said


def number(value: float | None) -> str:
    """Return a score with two decimals, a dash for None; a small negative one is 0.00."""
    return "–" if value is None or not np.isfinite(value) else real_minus(f"{round(value, 2) + 0.0:.2f}")


def interval(one: Agreement) -> str:
    """Return the confidence interval of a correlation."""
    return "–" if one.low is None else f"{number(one.low)} to {number(one.high)}"


def _agreement(one: Agreement) -> str:
    assert one.pearson_delta is not None and one.low is not None and one.high is not None
    if one.low <= 0 <= one.high:
        return "does not agree with"
    if abs(one.pearson_delta) < NONE:
        return "hardly correlates with"
    if one.low > 0:
        return "agrees clearly with" if one.pearson_delta >= CLEAR_R else "agrees only weakly with"
    return "is opposite to"


def _opposite_change(perturbations: Sequence[Perturbation], perturbed: pd.DataFrame) -> list[str]:
    """Return a sentence where the one perturbed gene changed against its perturbation."""
    # The rows follow the model's gene order, so a perturbation finds its gene only where there is one of each.
    if not len(perturbations) == len(perturbed) == 1 or perturbations[0].kind in ("set", "quantile"):
        return []
    one, change = perturbations[0], float(perturbed["measured_log2"].iloc[0])
    is_raised = one.kind == "multiply" and one.amount > 1
    if not (change < 0 if is_raised else change > 0):
        return []
    gene, word = perturbed["gene"].iloc[0], "rose" if change > 0 else "fell"
    return [f"{gene} itself {word} by {abs(change):.2f} log2 in the experiment, against the perturbation."]
