"""A predicted shift as the pages need it: one table with trust and rivals, and how far the rivals agree in words."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import pandas as pd

from cellstate.evaluation.ood import OOD_LIMIT, OodScore, ood_score_after
from cellstate.evaluation.reliability import change_over_error, reliability_table
from cellstate.formatting import join_with_and, percent
from cellstate.labels import predictor_label
from cellstate.model import Model
from cellstate.perturb.predict import Prediction, predict
from cellstate.perturb.predictors.base import PredictorId
from cellstate.report.agreement import ALIKE, SAME, agreement
from cellstate.ui.runtime.resources import queue
from cellstate.ui.state.session import Session
from cellstate.ui.workbench.qc import distance
from cellstate.viz.columns import CHANGE_OF
from cellstate.viz.style import look

#: A largest shift below this (7 %) is called small.
COUNTED_LOG2 = 0.1
#: A predictor whose largest shift is so many times larger, or smaller, than the leading one's is named.
MUCH = 3


@dataclass(frozen=True, eq=False)
class Answer:
    """What the perturb page shows.

    Attributes
    ----------
    predictor : str
        Who leads.
    sample : str
    edits : str
        In words.
    table : DataFrame
        What `reliability_table` returns.
    agreement : dict of str to float or None
        Pearson correlation of each other predictor with the leading one over the genes that were not edited; ``None``
        where it predicts no shift at all.
    before, after : OodScore
        How far the sample is from the training samples, as it is and as the prediction leaves it.
    over_error : float or None
        The largest trusted shift, as a share of the network's usual error in its gene.
    n_unmeasured_edited : int
        Edited genes that the file does not measure.
    """

    predictor: str
    sample: str
    edits: str
    table: pd.DataFrame
    agreement: Mapping[str, float | None]
    before: OodScore
    after: OodScore
    over_error: float | None
    n_unmeasured_edited: int


def about(state: Session, opened: Model, predictor: str | None) -> tuple[Hashable, ...]:
    """Return what an answer, and all that is made of it, hangs on: the key of `Session.once`."""
    return state.selected, state.edits, predictor, opened.stamp


def answer(state: Session, opened: Model, predictor: str | None = None) -> Answer:
    """Predict what the edits in force do to the selected sample, once for each predictor that is put first."""
    before = distance(state, opened)

    def make() -> Answer:
        with queue().turn():
            return _answer(predict(state.prepared(opened), state.edits, predictor), before)

    return state.once("shift", about(state, opened, predictor), make)


def _answer(prediction: Prediction, before: OodScore) -> Answer:
    after = ood_score_after(prediction)
    table = reliability_table(prediction, is_ood=before.is_ood, is_ood_after=after.is_ood)
    return Answer(
        predictor=prediction.predictor,
        sample=prediction.sample.name,
        edits=", ".join(edit.label for edit in prediction.perturbations),
        table=table,
        agreement=agreement(table),
        before=before,
        after=after,
        over_error=change_over_error(prediction.sample.model, table),
        n_unmeasured_edited=int((table["is_perturbed"] & ~table["is_measured"]).sum()),
    )


def agreement_sentence(found: Mapping[str, float | None], predictor: str = PredictorId.AUTOENCODER) -> str:
    """Say how far the others agree with the leading predictor, without flattering the network."""
    parts = []
    for rival, r in found.items():
        if r is None:
            continue
        name = look(rival).label
        if r >= SAME:
            nothing = ": here the network adds nothing to it" if PredictorId.AUTOENCODER in (rival, predictor) else ""
            parts.append(f"**{name} says the same** (r = {r:.2f}){nothing}")
        elif r >= ALIKE:
            parts.append(f"**{name}** points the same way (r = {r:.2f})")
        else:
            parts.append(f"**{name} ranks genes differently** (r = {r:.2f})")
    if not parts:
        return "Nothing stands beside this answer: the model is not trained, or no gene moves."
    return "; ".join(parts) + ". **No change** says that nothing moves, and often wins against real experiments."


def size_sentence(
    table: pd.DataFrame, over_error: float | None = None, predictor: str = PredictorId.AUTOENCODER
) -> str:
    """Say how large the shifts are, beside the network's error too, and how far the predictors differ in that."""
    rest = table[~table["is_perturbed"]]
    largest = float(rest["log2_fold_change"].abs().max()) if len(rest) else 0.0
    rivals = {r: float(rest[CHANGE_OF + r].abs().max()) for r in rivals_of(table)} if len(rest) else {}
    apart = {r: size for r, size in rivals.items() if size and max(size, largest) > MUCH * min(size, largest)}
    many = f"{2**largest:,.0f}-fold" if largest > 1 else percent(2**largest - 1, 1)
    text = f"{predictor_label(predictor)}'s largest shift is {largest:.2g} log2 ({many})."
    if largest < COUNTED_LOG2:
        text += " That is small: **read it as a ranking, not as an amount**."
    if over_error is not None and over_error < 1:
        text += (
            f" No trusted gene shifts by more than {percent(over_error, 0 if over_error >= 0.1 else 1)} of the error "
            "with which the network usually predicts it: one measurement could not show it."
        )
    if apart:
        said = join_with_and([f"{look(r).label} goes up to {size:.2g}" for r, size in apart.items()])
        text += f" {said}: the predictors do not agree on size."
        text += "" if largest < COUNTED_LOG2 else " **Read it as a ranking, not as an amount**."
    return text


def cloud_sentence(before: OodScore, after: OodScore) -> str:
    """Say how far the edited profile is from the training samples; nothing for a model that was not calibrated."""
    if before.score is None or after.score is None:
        return ""
    text = (
        f"Distance from the training samples: {before.score:.2f} before the edit, {after.score:.2f} as predicted after "
        f"it, in spreads of held-out patients; beyond {OOD_LIMIT:g} is far."
    )
    if after.is_ood and not before.is_ood:
        text += (
            " **The edit takes the sample out of what the model has seen**: the prediction is extrapolated, and no "
            "gene of it is trusted."
        )
    return text


def rivals_of(table: pd.DataFrame) -> list[str]:
    """Return who stands beside the leading predictor in a table."""
    return [column.removeprefix(CHANGE_OF) for column in table.columns if column.startswith(CHANGE_OF)]


def filtered(table: pd.DataFrame, text: str, trusted_only: bool) -> pd.DataFrame:
    """Return the rows whose gene or Ensembl id contains a text; edited genes are never hidden by trust."""
    keep = table["is_reliable"] | table["is_perturbed"] if trusted_only else pd.Series(True, index=table.index)
    for word in text.upper().split()[:1]:
        names = table["gene"].str.upper() + " " + table["ensembl_id"]
        keep &= names.str.contains(word, regex=False)
    return table[keep]
