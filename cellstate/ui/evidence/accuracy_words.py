"""What results say, in words that do not flatter: pure functions of plain results."""

from __future__ import annotations

import pandas as pd

from cellstate.evaluation.reconstruction import AUTOENCODER
from cellstate.evidence import PredictorId
from cellstate.formatting import digits, escape_markdown, percent, plural
from cellstate.model.record import AccuracyBin, EvaluationRecord

#: Two predictors whose R2 differ by less are called equal.
EQUAL_R2 = 0.001
#: Usual for the gene mean on samples like the training samples; far below it, the samples are of another kind.
HIGH_R2 = 0.8
#: A movement below this share of the goal's distance is called small.
SMALL_SHARE = 0.05
#: False discovery rate up to which an edit is said to stand out, and how unusual an effect is called unusual.
STANDS_OUT_FDR, UNUSUAL_Z = 0.1, 2.0
_TOP = 20


def explained(r2: float, r2_mean: float) -> float:
    """Return the share of the gene mean's squared error that a predictor removes; negative where it adds some."""
    return 1 - (1 - r2) / max(1 - r2_mean, 1e-12)


def verdict(found: EvaluationRecord) -> str:
    """Say how much better than the gene mean the autoencoder is, and whether it is better than PCA."""
    r2, mean = found.r2_pooled, found.baselines[PredictorId.GENE_MEAN].r2_pooled
    share = explained(r2, mean)
    if share <= 0:
        text = (
            f"**The autoencoder is worse than knowing nothing about the sample**: each gene's training mean alone "
            f"reaches R² {mean:.3f}, the autoencoder {r2:.3f}."
        )
    else:
        reaches = "already reaches" if mean >= HIGH_R2 else "reaches only"
        text = (
            f"Each gene's training mean alone {reaches} R² {mean:.3f}. Of the error that it leaves, "
            f"**the autoencoder removes {percent(share)}**."
        )
    if PredictorId.PCA not in found.baselines:
        return text
    pca = found.baselines[PredictorId.PCA].r2_pooled
    if abs(r2 - pca) < EQUAL_R2:
        return text + f" **PCA of the same width does as well** (R² {pca:.3f}): the autoencoder is no better here."
    if r2 < pca:
        return text + f" **PCA of the same width does better** (R² {pca:.3f} against {r2:.3f})."
    return text + f" PCA of the same width removes {percent(explained(pca, mean))} (R² {pca:.3f} against {r2:.3f})."


def bins_of(found: EvaluationRecord) -> dict[str, tuple[AccuracyBin, ...]]:
    """Return the bins of every method, the autoencoder first."""
    baselines = (PredictorId.PCA, PredictorId.GENE_MEAN)
    return {AUTOENCODER: (*found.bins,)} | {
        name.value: found.baselines[name].bins for name in baselines if name in found.baselines
    }


def screen_sentence(table: pd.DataFrame) -> str:
    """Say what a screen of single edits found; the table is sorted by score."""
    best = table.iloc[0]
    if not best["score"] > 0:
        return "**No edit moves the sample toward the goal.**"
    text = (
        f"**{escape_markdown(best['name'])}** moves the sample furthest toward the goal: {digits(best['score'])} S, "
        f"{share(best['fraction_of_distance'])} of the way."
    )
    text += _small(best["fraction_of_distance"])
    clear = int((table["fdr"] <= STANDS_OUT_FDR).sum())
    text += (
        f" {plural(clear, 'edit stands', 'edits stand')} out from genes of matched expression and variance (FDR up to "
        f"{percent(STANDS_OUT_FDR)})."
        if clear
        else " **None stands out from genes of matched expression and variance**: the order may be chance."
    )
    z = table["z_patient"].head(_TOP)
    if z.notna().any():
        unusual = int((z.abs() >= UNUSUAL_Z).sum())
        text += f" Of the top {len(z)}, {unusual or 'none'} would act unusually strongly or weakly in this patient."
    return text


def pairs_sentence(table: pd.DataFrame, n_pairs: int, by: str = "interaction") -> str:
    """Say what a screen of pairs found, that was ranked by ``interaction``, ``score`` or ``cohort``."""
    if not len(table):
        return "No pair was found."
    if by == "cohort":
        return _shown_sentence(table, n_pairs)
    best = table.loc[table["interaction"].idxmax()]
    text = f"{n_pairs:,} pairs were looked at, and the best {len(table):,} scored exactly."
    if not best["interaction"] > 0:
        return text + " **No pair does more together than the sum of its parts.**"
    text += (
        f" **{escape_markdown(best['a'])} and {escape_markdown(best['b'])}** cooperate most: {digits(best['score'])} "
        "S together, "
        f"{digits(best['interaction'], 2)} S more than the sum of both alone."
    )
    if not best["score"] > 0:
        text += " Even so, both together move the sample **away from the goal**."
    return text + _pairs_that_stand_out(table)


def _shown_sentence(table: pd.DataFrame, n_pairs: int) -> str:
    """Say what the cohort's patients show of pairs."""
    best = table.iloc[0]
    text = f"{n_pairs:,} pairs were looked at, and the best {len(table):,} computed exactly."
    if not best["cohort_r"] > 0:
        return text + " **In the cohort's patients no pair does more together than each gene by itself.**"
    text += (
        f" **{escape_markdown(best['a'])} and {escape_markdown(best['b'])}** go with the goal together most clearly "
        "in the cohort's "
        f"patients: r = {digits(best['cohort_r'], 2)} beyond what each explains by itself."
    )
    return text + _pairs_that_stand_out(table)


def _pairs_that_stand_out(table: pd.DataFrame) -> str:
    clear = int((table["fdr"] <= STANDS_OUT_FDR).sum())
    if not clear:
        return " **No pair stands out from random pairs of matched expression**: the order may be chance."
    return f" {plural(clear, 'pair stands', 'pairs stand')} out (FDR up to {percent(STANDS_OUT_FDR)})."


def combination_sentence(steps: pd.DataFrame, greedy: pd.DataFrame, *, reached: bool, wanted: float) -> str:
    """Say what a combination reaches, and whether the search was worth it."""
    if not len(steps):
        return "**No edit moves the sample toward the goal**, so there is nothing to combine."
    last = steps.iloc[-1]
    reach = share(last["fraction_of_distance"])
    text = f"{plural(len(steps), 'edit moves', 'edits move')} the sample {reach} of the way. "
    text += f"The {percent(wanted)} asked for is **{'reached' if reached else 'not reached'}**."
    text += _small(last["fraction_of_distance"])
    if len(greedy):
        gain = last["score"] - greedy["score"].iloc[-1]
        if len(greedy) > len(steps):
            text += f" Taking the best edit each time needs {len(greedy)}."
        elif gain > 0.01 * abs(last["score"]):
            text += f" Taking the best edit each time stays {digits(gain, 2)} S behind."
        else:
            text += " Taking the best edit each time does as well."
    return text


def share(value: float) -> str:
    """Return a share of the way in percent, with more digits where it is small."""
    return percent(value, 0 if abs(value) >= 0.1 else 1 if abs(value) >= 0.01 else 2)


def _small(value: float) -> str:
    return " That is small: **read it as a ranking, not as an amount**." if value < SMALL_SHARE else ""
