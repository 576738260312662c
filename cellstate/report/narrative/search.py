"""Sentences about a search toward a goal: its goal, what is searched, and what was found. All are Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cellstate.formatting import digits, escape_markdown, join_with_and, percent, plural
from cellstate.labels import predictor_label
from cellstate.perturb.perturbations import Perturbation
from cellstate.perturb.predictors.registry import SPECS
from cellstate.perturb.search.combination import Combination
from cellstate.perturb.search.goal import NORMAL, PRESETS, Goal
from cellstate.perturb.search.pairs import Pairs
from cellstate.perturb.search.single import Screen

#: False discovery rate below which a perturbation or pair is called significant.
SIGNIFICANT_FDR = 0.1
#: Fraction of the squared distance that is left without a difference between studies, below which a goal says little.
LITTLE_LEFT = 0.5
#: What p of a single perturbation compares with: how unusual an effect is for a goal of this size and co-expression.
GOAL_NULL = "random goals of this size and co-expression"
#: A score below this fraction of the goal's distance is called small.
SMALL_FRACTION = 0.05
#: An effect is called unusual from this z among the cohort's patients; it is counted over so many of the best.
UNUSUAL_Z, N_BEST = 2.0, 20
#: Pairs from which on a search takes minutes on a laptop.
MANY_PAIRS = 50_000_000
RANKINGS = {
    "cohort": "Interaction in the cohort (partial correlation)",
    "interaction": "Interaction, by the autoencoder",
    "score": "Joint score, by the autoencoder",
}


def action_phrase(action: str) -> str:
    """Return ``knocked out`` for ``ko``."""
    return Perturbation.pattern(action).label.removeprefix("*").strip()


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Add each perturbation in words, ``TP53 knocked out``, as the column ``name``."""
    return table.assign(name=table["gene"] + " " + table["perturbation"].map(action_phrase))


def fraction_percent(fraction: float) -> str:
    """Return a fraction of the distance to the goal in percent, with more decimals where it is small."""
    return percent(fraction, 0 if abs(fraction) >= 0.1 else 1 if abs(fraction) >= 0.01 else 2)


def n_significant(table: pd.DataFrame) -> int:
    """Count the significant rows of a screen or of pairs."""
    return int((table["fdr"] < SIGNIFICANT_FDR).sum())


def has_patient_z(found: Screen) -> bool:
    """Whether ``z_patient`` compares the method's effect in this sample with that in the cohort's patients.

    An effect per SD of a linear method is the same in every patient, so its z only repeats the gene's expression.
    """
    return found.n_cohort > 0 and not SPECS[found.predictor].is_linear


def goal_scale(goal: Goal) -> str:
    """Return what 100% of the distance to a goal means."""
    sd = "One SD is a gene's standard deviation over the training samples."
    if goal.spec.startswith(("toward:", "toward-raw:", "cohort:")):
        return (
            f"100% is the whole distance from this sample to the reference: {goal.distance:,.3g} SD over the genes "
            f"that both measure. {sd}"
        ) + (f" {offset_sentence(goal)}" if goal.offset else "")
    if goal.spec == NORMAL:
        return (
            f"100% is the whole difference between the two profiles: {goal.distance:,.3g} SD over {goal.n_genes:,} "
            f"genes. {sd} {offset_sentence(goal)}"
        )
    genes = "the gene" if goal.n_genes == 1 else f"each of the {goal.n_genes:,} genes"
    return (
        f"100% is a change of {genes} by one SD in the wanted direction: {goal.distance:,.3g} SD along the goal. {sd}"
    )


def offset_sentence(goal: Goal) -> str:
    """Return what was taken out of a goal as a difference between studies, and whether little is left; else nothing."""
    if goal.offset is None:
        return ""
    left = goal.offset.fraction_left
    text = (
        "Left out as a difference between studies: "
        f"{plural(goal.offset.n_genes, 'ribosomal protein or mitochondrial gene')}, and a trend with expression level "
        f"and gene length, {fraction_percent(max(0.0, 1 - left))} of the squared distance."
    )
    if left < LITTLE_LEFT:
        text += " **Little of the distance is left: sample and reference differ mostly as two studies do.**"
    return text


def screen_plan(actions: Sequence[str], genes: str, predictor: str) -> str:
    """Return what a screen tries; ``genes`` in words, as ``all 12,000 measured genes``."""
    return f"{_capital(actions)}: {genes}, one at a time. Prediction method: {predictor_label(predictor)}"


def pairs_plan(actions: Sequence[str], first: str, second: str, by: str) -> str:
    """Return which pairs a search tries."""
    return f"{_capital(actions)}: {first} with {second}. Ranked by: {RANKINGS[by]}"


def combination_plan(actions: Sequence[str], genes: str, predictor: str, most: int, fraction: float) -> str:
    """Return which combinations a search tries."""
    return (
        f"{_capital(actions)}: at most {most} of {genes}, to cover {percent(fraction)} of the distance to the goal. "
        f"Prediction method: {predictor_label(predictor)}"
    )


def pairs_effort(n_pairs: int) -> str:
    """Return how many pairs a search looks at, and whether that takes long."""
    number = f"{n_pairs / 1e6:,.1f} million" if n_pairs >= 1e6 else f"{n_pairs:,}"
    long = " This can take many minutes; you can stop it and continue later." if n_pairs > MANY_PAIRS else ""
    return f"{number} pairs: all are scored approximately, and the best exactly.{long}"


def question(found: Screen | Pairs | Combination, subject: str = "sample") -> str:
    """Return what a search asked: ``Knock-outs that make this tumour less proliferative``.

    Parameters
    ----------
    found : Screen or Pairs or Combination
    subject : str
        What the sample is: ``tumour`` or ``sample``.
    """
    if isinstance(found, Screen):
        actions, what = list(dict.fromkeys(found.table["perturbation"])), ""
    elif isinstance(found, Pairs):
        actions, what = [found.perturbation], "Pairs of "
    else:
        actions, what = list(found.perturbations), "Sets of "
    nouns = what + action_noun(actions[0]) if len(actions) == 1 else f"{what}perturbations"
    text = nouns if what else nouns[0].upper() + nouns[1:]
    made = next((phrase for phrase, spec in PRESETS.items() if spec == found.goal.spec), None)
    if made is not None:
        return f"{text} that make this {subject} {made}"
    goal = escape_markdown(found.goal.label, 200)
    way = f"move this {subject} {goal}" if goal.startswith(("toward ", "from ")) else f"bring {goal} in this {subject}"
    return f"{text} that {way}"


def action_noun(action: str) -> str:
    """Return ``knock-outs`` for ``ko``, ``knock-downs by 50%`` for ``kd50``, ``perturbations`` where no noun fits."""
    one = Perturbation.pattern(action)
    return {
        "knock-out": "knock-outs",
        "knock-down": f"knock-downs by {one.amount:g}%",
        "multiply": f"{one.amount:g}-fold over-expressions" if one.amount > 1 else f"reductions to {one.amount:g}×",
    }.get(one.kind, "perturbations")


def screen_headline(found: Screen) -> str:
    """Return the answer of a screen in one line: whether anything is significant, then the top candidate."""
    best, n = found.table.iloc[0], n_significant(found.table)
    if not best["score"] > 0:
        return "No perturbation moves the sample toward the goal"
    distance = fraction_percent(best["fraction_of_distance"])
    led = f"{escape_markdown(best['gene'])}, {distance} of the distance to the goal"
    if not n:
        return f"No candidate is significant: a list to test, led by {led}"
    return f"{plural(n, 'significant candidate')}, led by {led}"


def pairs_headline(found: Pairs) -> str:
    """Return the answer of a search for pairs in one line: whether any is significant, then the first."""
    if not len(found.table):
        return "No pair was found"
    column = "cohort_r" if found.by == "cohort" else "interaction"
    best, n = found.table.loc[found.table[column].idxmax()], n_significant(found.table)
    if not best[column] > 0:
        return "No pair interacts toward the goal"
    led = f"{escape_markdown(best['a'])} and {escape_markdown(best['b'])}"
    if not n:
        return f"No pair is significant: a list to test, led by {led}"
    return f"{plural(n, 'significant pair')}, led by {led}"


def combination_headline(found: Combination) -> str:
    """Return the answer of a search for a set in one line: how far it reaches."""
    if not len(found.steps):
        return "No perturbation moves the sample toward the goal"
    reached = fraction_percent(found.steps["fraction_of_distance"].iloc[-1])
    genes = join_with_and([escape_markdown(gene) for gene in found.steps["gene"]])
    return f"{genes}: {reached} of the distance to the goal together"


def screen_sentence(found: Screen) -> str:
    """Return what a screen found: top candidate, significance and, by a nonlinear method, effects in this patient."""
    table = named(found.table)
    best = table.iloc[0]
    if not best["score"] > 0:
        return "**No perturbation moves the sample toward the goal.**"
    n = n_significant(table)
    text = (
        f"Top candidate: **{escape_markdown(best['name'])}** moves the sample {digits(best['score'])} SD along the "
        f"goal, {fraction_percent(best['fraction_of_distance'])} of the distance."
        + _small(best["fraction_of_distance"])
        + (_significance(n, "perturbation", GOAL_NULL) if table["fdr"].notna().any() else "")
    )
    if has_patient_z(found):
        unusual = int((table["z_patient"].head(N_BEST).abs() >= UNUSUAL_Z).sum())
        text += (
            f" Of the best {min(N_BEST, len(table))}, {unusual or 'none'} would have an effect in this sample that is "
            f"unusual among the cohort's patients (z beyond ±{UNUSUAL_Z:g})."
        )
    return text


def pairs_sentence(found: Pairs) -> str:
    """Return what a search for pairs found: the strongest interaction and significance."""
    table = found.table
    if not len(table):
        return "No pair was found."
    text = f"{found.n_pairs:,} pairs were searched, and the best {len(table):,} computed exactly."
    column = "cohort_r" if found.by == "cohort" else "interaction"
    best = table.loc[table[column].idxmax()]
    both = f"**{escape_markdown(best['a'])} and {escape_markdown(best['b'])}**"
    if not best[column] > 0:
        where = "in the patients of the cohort" if found.by == "cohort" else "by the autoencoder"
        return f"{text} **No pair has a positive interaction {where}.**"
    if found.by == "cohort":
        text += f" The strongest interaction in the cohort: {both}, partial correlation r = {digits(best[column], 2)}."
    else:
        text += (
            f" The strongest interaction: {both} reach {digits(best['score'])} SD together, "
            f"{digits(best[column], 2)} SD more than the sum of both alone."
        )
        if not best["score"] > 0:
            text += " Even so, they move the sample **away from the goal**."
    return text + _significance(n_significant(table), "pair", "random pairs of matched expression")


def combination_sentence(found: Combination) -> str:
    """Return how far a combination reaches, and whether the beam search was worth it."""
    steps, greedy = found.steps, found.greedy
    if not len(steps):
        return "**No perturbation moves the sample toward the goal**, so there is nothing to combine."
    last = steps.iloc[-1]
    reached = "reached" if found.reached else "not reached"
    text = (
        f"{plural(len(steps), 'perturbation covers', 'perturbations cover')} "
        f"{fraction_percent(last['fraction_of_distance'])} of the distance to the goal: the target of "
        f"{percent(found.fraction)} is **{reached}**.{_small(last['fraction_of_distance'])}"
    )
    if not len(greedy):
        return text
    gain = last["score"] - greedy["score"].iloc[-1]
    if len(greedy) > len(steps):
        return f"{text} The greedy search needs {len(greedy)}."
    if gain > 0.01 * abs(last["score"]):
        return f"{text} The greedy search ends {digits(gain, 2)} SD behind."
    return f"{text} The greedy search does as well."


def common_gene(table: pd.DataFrame) -> str | None:
    """Return the gene that every pair of a table contains, if there is one."""
    for gene in table[["a", "b"]].iloc[0]:
        if len(table) > 1 and np.all((table["a"] == gene) | (table["b"] == gene)):
            return str(gene)
    return None


def _capital(actions: Sequence[str]) -> str:
    return " or ".join(map(action_phrase, actions)).capitalize()


def _small(fraction: float) -> str:
    return " That is small: **read it as a ranking, not as an amount**." if fraction < SMALL_FRACTION else ""


def _significance(n: int, what: str, null: str) -> str:
    limit = f"FDR < {percent(SIGNIFICANT_FDR)}"
    if not n:
        return f" **No {what} is significant** ({limit}) against {null}: the order may be chance."
    return f" {plural(n, f'{what} is', f'{what}s are')} significant ({limit}) against {null}."
