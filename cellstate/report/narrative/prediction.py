"""Sentences about a predicted expression change: its size, its agreement with other methods, and each view of it."""

from __future__ import annotations

from collections.abc import Mapping, Sized

import numpy as np
import pandas as pd

from cellstate.errors import summarise_list
from cellstate.evaluation.answer_evidence import ALIKE, SAME, correlation
from cellstate.evaluation.cohort_map import CohortMap
from cellstate.evaluation.enrichment import MOST_SETS, Enrichment
from cellstate.evaluation.ood import OOD_LIMIT, OodScore
from cellstate.evaluation.reliability import MIN_R2
from cellstate.formatting import (
    digits,
    escape_markdown,
    fold_change,
    join_with_and,
    percent,
    plural,
    real_minus,
    signed,
)
from cellstate.labels import in_sentence, predictor_label
from cellstate.perturb.predictors.base import PredictorId
from cellstate.perturb.predictors.registry import SPECS
from cellstate.perturb.search.titration import Titration
from cellstate.viz.columns import CHANGE, CHANGE_A, CHANGE_B, CHANGE_OF, GENE, IS_PERTURBED, IS_RELIABLE
from cellstate.viz.compare_scenarios import most_different
from cellstate.viz.enrichment import CLEAR_FDR
from cellstate.viz.linked_chart import MAX_NAMED

#: A largest change below this (7%) is called small.
SMALL_LOG2 = 0.1
#: A method is named if its largest change is larger or smaller by this factor.
SIZE_FACTOR = 3
#: An arrow shorter than this fraction of the cohort's spread is too short to see on the cohort map.
VISIBLE_FRACTION = 0.05
#: Perturbations are additive if no gene deviates from their sum by more than this fraction of the largest change.
ADDITIVE_FRACTION = 0.01
#: Columns of a table of single and joint effects, after one column for each perturbation.
JOINT, DEVIATION = "All together", "Deviation from the sum"
RELIABLE_MEANING = (
    f"Measured in this sample, predicted well in held-out patients (R² of the autoencoder at least {MIN_R2:g}), and "
    "the sample is not out of distribution. It does not mean that the change is true."
)
#: Ticked genes in a caption.
_N_LISTED = 8
_AS_RANKING = " **Read it as a ranking, not as an amount.**"


def largest_change(changes: pd.Series) -> float:
    """Return the change with the largest magnitude; 0 for no gene."""
    return float(changes.loc[changes.abs().idxmax()]) if len(changes) else 0.0


def size_sentence(
    table: pd.DataFrame, over_error: float | None = None, predictor: str = PredictorId.AUTOENCODER
) -> str:
    """Return the size of a prediction, beside the usual error and beside the other methods.

    Parameters
    ----------
    table : DataFrame
        As `cellstate.evaluation.reliability_table` returns it.
    over_error : float or None
        Largest reliable change as a fraction of the usual error in its gene.
    """
    rest = table[~table[IS_PERTURBED]]
    largest = largest_change(rest[CHANGE])
    if not (size := abs(largest)):
        return f"No gene changes by {in_sentence(predictor_label(predictor))}."
    text = f"Largest change by {in_sentence(predictor_label(predictor))}: {fold_change(largest, 3)}."
    is_small = size < SMALL_LOG2
    if is_small:
        text += " This is small." + _AS_RANKING
    if over_error is not None and over_error < 1:
        text += (
            f" Every reliable change is at most {percent(over_error, 0 if over_error >= 0.1 else 1)} of the error with "
            "which the autoencoder usually predicts that gene: a single measurement cannot show it."
        )
    others = {name: abs(largest_change(rest[CHANGE_OF + name])) for name in baselines_of(table)}
    differ = {name: one for name, one in others.items() if one and max(one, size) > SIZE_FACTOR * min(one, size)}
    if differ:
        sizes = [f"{in_sentence(predictor_label(name))} {digits(one, 2)}" for name, one in differ.items()]
        text += f" The methods disagree on the size. Largest change in log2: {join_with_and(sizes)}."
        text += "" if is_small else _AS_RANKING
    return text


def baselines_of(table: pd.DataFrame) -> list[str]:
    """Return the other methods in a table."""
    return [column.removeprefix(CHANGE_OF) for column in table.columns if column.startswith(CHANGE_OF)]


def agreement_sentence(found: Mapping[str, float | None], predictor: str = PredictorId.AUTOENCODER) -> str:
    """Return how far the other methods agree with a prediction, given their correlations with it."""
    parts = [_agreement(name, r, predictor, "genes") for name, r in found.items() if r is not None]
    if not parts:
        return "There is nothing to compare with: the model is not trained, or no gene changes."
    return "; ".join(parts) + ". **No change**, the simplest baseline, is often the best in real experiments."


def _agreement(name: str, r: float, predictor: str, what: str) -> str:
    label = predictor_label(name)
    if r >= SAME:
        adds_nothing = PredictorId.AUTOENCODER in (name, predictor)
        return f"**{label} predicts the same** (r = {r:.2f}{', so the autoencoder adds nothing' * adds_nothing})"
    verb = "agrees" if r >= ALIKE else f"ranks the {what} differently"
    return f"**{label}** {verb} (r = {_r(r)})"


def distance_sentence(before: OodScore, after: OodScore) -> str:
    """Return the distance from the training samples before and after; empty for a model without calibration."""
    if before.score is None or after.score is None:
        return ""
    text = (
        f"Distance from the training samples: {before.score:.2f} before the perturbation and {after.score:.2f} after "
        f"it, in robust SDs of held-out patients; above {OOD_LIMIT:g} is out of distribution."
    )
    if after.is_ood and not before.is_ood:
        text += (
            " **The perturbation takes the sample out of distribution**: the prediction is an extrapolation, and no "
            "gene of it is reliable."
        )
    return text


def cohort_map_sentence(placed: CohortMap) -> str:
    """Return the length of the change by each method, as a fraction of the cohort's spread."""
    (first, length), *others = placed.moved.items()
    text = (
        f"The change by {in_sentence(predictor_label(first))} is **{_fine_percent(length)} of the cohort's spread**; "
        f"{_fine_percent(placed.in_plane[first])} of it lies on these two axes."
    )
    if length < VISIBLE_FRACTION:
        text += " It is too short to see on the map, so the arrow is enlarged beside it."
    shown = [f"{in_sentence(predictor_label(name))} {_fine_percent(one)}" for name, one in others]
    return text + (f" Other methods: {join_with_and(shown)}." if shown else "")


def pathway_sentence(found: Enrichment, predictor: str) -> str:
    """Return the gene set with the largest change, the number of significant sets, and the agreement of methods."""
    table, first = found.table, found.table.iloc[0]
    n_clear = int((table["fdr"] <= CLEAR_FDR).sum())
    text = (
        f"**{escape_markdown(first['set'])}** changes most ({'up' if first['nes'] > 0 else 'down'}, NES "
        f"{signed(first['nes'])}). {n_clear:,} of {plural(len(table), 'gene set')} over {found.n_ranked:,} genes "
        f"{'has' if n_clear == 1 else 'have'} an FDR of {percent(CLEAR_FDR)} or less."
    )
    agreed = [_agreement(name, r, predictor, "sets") for name, r in found.agreement().items()]
    text += f" {'; '.join(agreed)}." if agreed else ""
    if found.n_other_size:
        text += f" {plural(found.n_other_size, 'set has', 'sets have')} too few or too many genes here for a test."
    if found.n_beyond:
        text += f" Only the first {MOST_SETS} sets of the file were tested; {found.n_beyond:,} more were not."
    return text


def additivity_sentence(effects: pd.DataFrame, predictor: str) -> str:
    """Return the perturbation with the largest effect, and whether the joint effect is the sum of the single ones.

    Parameters
    ----------
    effects : DataFrame
        One row a gene, one column for each perturbation, then `JOINT` and `DEVIATION`; log2.
    """
    single = effects.drop(columns=[JOINT, DEVIATION])
    power = (single**2).sum()
    strongest = power.idxmax()
    share = power[strongest] / power.sum() if power.any() else 0.0
    text = (
        f"**{escape_markdown(strongest)}** has the largest effect: up to {digits(single[strongest].abs().max(), 2)} "
        f"log2, and {percent(share)} of all squared single effects. "
    )
    deviation, largest = float(effects[DEVIATION].abs().max()), float(effects[JOINT].abs().max())
    is_additive = deviation <= ADDITIVE_FRACTION * largest
    if SPECS[PredictorId(predictor)].is_linear:
        text += f"{predictor_label(predictor)} is linear: **the effects are additive**"
        return text + (
            "." if is_additive else f", except in genes that reach zero (by up to {digits(deviation, 2)} log2)."
        )
    if is_additive:
        return text + "**The effects are additive.**"
    return text + (
        f"**The effects are not additive**: the joint effect deviates from their sum by up to {digits(deviation, 2)} "
        f"log2, {percent(deviation / largest)} of its largest change."
    )


def titration_sentence(found: Titration, *, n_perturbations: int) -> str:
    """Return what a titration sets, and which of its levels are extrapolated."""
    present = f"{digits(found.present_tpm)} TPM"
    level = f"{present} in this sample"
    if not found.measured_G[found.position]:
        level = f"not measured in this sample, and imputed as {present}"
    rest = ", without the other perturbations" if n_perturbations > 1 else ""
    text = (
        f"**{escape_markdown(found.gene)}** is set to {len(found.tpm_D)} levels in the unperturbed sample{rest}. It is "
        f"{level}, where nothing changes."
    )
    if SPECS[found.predictor].is_linear:
        text += f" {predictor_label(found.predictor)} is linear: each other gene follows a straight line in log1p TPM."
    if found.usual_tpm is None:
        return text + " The model has no cohort, so the usual range of the gene is unknown."
    low, high = map(digits, found.usual_tpm)
    return text + (
        f" Levels outside the shaded range, {low} to {high} TPM, do not occur in the cohort: the prediction there is "
        "**extrapolated**."
    )


def difference_sentence(table: pd.DataFrame, *, is_same: bool = False) -> str:
    """Return how far the predictions of two scenarios agree, which is larger, and which genes differ most.

    Parameters
    ----------
    table : DataFrame
        As `cellstate.ui.workbench.compare_scenarios.joined` returns it.
    is_same : bool
        Whether both scenarios hold the same perturbations.
    """
    if is_same:
        return "**Both scenarios hold the same perturbations.**"
    rest = table[table[IS_PERTURBED] == ""]
    if not len(rest):
        return "There is no gene that neither scenario perturbs."
    sizes = {side: float(rest[column].abs().max()) for side, column in (("A", CHANGE_A), ("B", CHANGE_B))}
    r = correlation(rest[[CHANGE_A, CHANGE_B]])
    if r is None:
        still = [side for side, size in sizes.items() if not size] or ["one of them"]
        verb = "changes" if len(still) == 1 else "change"
        text = f"**{join_with_and(still)} {verb} no other gene**, so there is no correlation."
    else:
        text = f"Over the {len(rest):,} genes that neither perturbs, A and B **{_relation(r)}** (r = {_r(r)})."
    text += f" The largest change is {digits(sizes['A'], 2)} log2 in A and {digits(sizes['B'], 2)} in B."
    top = most_different(rest).head(3)
    if len(top):
        named = [
            f"{escape_markdown(row[GENE])} (A {signed(row[CHANGE_A], 2)}, B {signed(row[CHANGE_B], 2)})"
            for row in top.to_dict("records")
        ]
        which = "reliable genes" if top[IS_RELIABLE].all() else "genes, none of them reliable"
        text += f" Largest differences among {which}: {join_with_and(named)}."
    return text


def _relation(r: float) -> str:
    if r >= SAME:
        return "have the same effect"
    return "agree" if r >= ALIKE else "have opposite effects" if r <= -ALIKE else "have different effects"


def table_caption(table: pd.DataFrame, shown: pd.DataFrame, *, rows: Sized | None, ticked: set[int]) -> str:
    """Return what the table of all genes shows.

    Parameters
    ----------
    table, shown : DataFrame
        All genes, and those in the table.
    rows : sized or None
        Rows that were selected in the chart; None without a selection.
    ticked : set of int
        Rows that were ticked in the table.
    """
    if rows is not None:
        text = f"{len(shown):,} of {plural(len(rows), 'gene')} selected in the chart."
    else:
        text = f"{len(shown):,} of {len(table):,} genes, largest change first."
        text += " Perturbed genes are at the end." if table[IS_PERTURBED].any() else ""
        text += " Draw a box in the chart, or click points or bars, to select rows."
    if not ticked:
        return f"{text} Tick rows to name them in the chart."
    names = [escape_markdown(gene) for gene in table[GENE].iloc[sorted(ticked)[:MAX_NAMED]]]
    most = f", the first {MAX_NAMED} of them" if len(ticked) > MAX_NAMED else ""
    verb = plural(len(ticked), "ticked gene is", "ticked genes are")
    return f"{text} {verb} named{most}: {summarise_list(names, _N_LISTED)}."


def names_sentence(n_names: int, n_looked_up: int, n_genes: int) -> str:
    """Return how many names of a gene list are genes of the model."""
    text = f"**{plural(n_looked_up, 'name')}: {plural(n_genes, 'gene')} of this model**"
    if n_genes < n_looked_up:
        text += f"; {n_looked_up - n_genes:,} left out, for the reason in the table"
    if n_names > n_looked_up:
        text += f". Only the first {n_looked_up:,} of {n_names:,} names are read"
    return text + "."


def level_sentence(symbol: str, level: str, *, is_measured: bool, mean_log1p: float, r2: float | None) -> str:
    """Return the level of a gene in a sample and in the cohort, and how well the autoencoder predicts it.

    Parameters
    ----------
    symbol, level : str
        The gene, and its level in words.
    mean_log1p : float
        Mean of log1p TPM over the training samples.
    r2 : float or None
        R² in held-out patients, NaN where it is undefined; None for a model without this figure.
    """
    where = f"{level} in this sample" if is_measured else "not measured in this sample, so imputed by the model"
    text = f"**{escape_markdown(symbol)}**: {where}; {tpm_text(float(np.expm1(max(mean_log1p, 0))))} TPM is typical."
    if r2 is None:
        return text
    if np.isfinite(r2):
        text += f" Held-out R² {real_minus(f'{r2:.2f}')}."
    if not r2 >= MIN_R2:
        text += " **The model predicts this gene poorly**, so it knows little of what changes with it."
    return text


def tpm_text(tpm: float) -> str:
    """Return a level as text: ``0``, ``0.00123``, ``17.24``, ``12,345``."""
    return f"{tpm:,.0f}" if tpm >= 1000 or not tpm else digits(tpm, 4)


def _r(r: float) -> str:
    return real_minus(f"{r:.2f}")


def _fine_percent(fraction: float) -> str:
    return percent(fraction, 1 if fraction < 0.1 else 0)
